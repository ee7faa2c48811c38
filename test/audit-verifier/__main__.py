"""Verifies audit logs of Keystead by docs/design/audit-format.md alone; Python 3.11, standard library.

    python3 test/audit-verifier log PATH [--public-key KEY] [--witness KEY]... [--audit-key-file FILE] [--json]
                                        [--continues NOTE]
    python3 test/audit-verifier receipt FILE --public-key KEY [--event FILE] [--json]
    python3 test/audit-verifier consistency OLD-NOTE NEW-NOTE PROOF --public-key KEY [--json]
    python3 test/audit-verifier serve

PATH is the log's without what follows the last dot. KEY is NAME+ID+BASE64. The file of the audit key has its 64
hexadecimal digits; without it MACs are not checked. PROOF is a file of hashes in base64, one a line. `serve` answers
requests that are lines of JSON (serve.py). Ends with 0 when everything verifies, 10 when something does not, 12 when
everything does but for damaged segments that were acknowledged, 2 for wrong arguments.
"""

import argparse
import hashlib
import json
import sys

from log_files import FolderFiles, segment_names
from receipt import verify_continuation, verify_receipt
from serve import serve
from signed_note import Checkpoint, Malformed, VerifierKey
from verify_log import verify_log


def _arguments():
    parser = argparse.ArgumentParser(prog="audit-verifier", description="Verifies audit logs of Keystead.")
    commands = parser.add_subparsers(dest="command", required=True)
    log = commands.add_parser("log")
    log.add_argument("path")
    log.add_argument("--public-key", type=VerifierKey.parse)
    log.add_argument("--witness", type=VerifierKey.parse, action="append", default=[])
    log.add_argument("--audit-key-file")
    log.add_argument("--continues", help="a file with a checkpoint that the log must continue; needs --public-key")
    receipt = commands.add_parser("receipt")
    receipt.add_argument("file")
    receipt.add_argument("--event", help="a file with the canonical bytes of the event")
    consistency = commands.add_parser("consistency")
    for name in ("old", "new", "proof"):
        consistency.add_argument(name)
    for command in (receipt, consistency):
        command.add_argument("--public-key", type=VerifierKey.parse, required=True)
    for command in (log, receipt, consistency):
        command.add_argument("--json", action="store_true")
    commands.add_parser("serve")
    return parser.parse_args()


def _text(path):
    with open(path, encoding="utf-8", newline="") as file:
        return file.read()


def _log(args):
    files = FolderFiles(args.path)
    if not segment_names(files):
        print(f"there is no audit log at {args.path}.*", file=sys.stderr)
        return 2
    key = bytes.fromhex(_text(args.audit_key_file).strip()) if args.audit_key_file else None
    continues = Checkpoint.parse(_text(args.continues)) if args.continues else None
    if continues is not None and (args.public_key is None or not continues.signed_by(args.public_key)):
        print("the checkpoint is not signed by the log's key", file=sys.stderr)
        return 10
    report = verify_log(files, key, args.public_key, args.witness, continues)
    print(json.dumps(report.result()) if args.json else "\n".join(report.lines()))
    return 10 if report.problems else 12 if report.set_aside else 0


def _proof(args):
    try:
        if args.command == "receipt":
            entry = None
            if args.event:
                with open(args.event, "rb") as file:
                    entry = hashlib.sha256(file.read()).digest()
            sequence, digest, checkpoint = verify_receipt(_text(args.file), args.public_key, entry)
            result = {"verified": True, "sequence": sequence, "hash": digest, "size": checkpoint.size}
        else:
            lines = [line for line in _text(args.proof).split("\n") if line]
            old, new = verify_continuation(_text(args.old), _text(args.new), lines, args.public_key)
            result = {"verified": True, "old": old, "new": new}
    except (Malformed, UnicodeDecodeError) as error:
        result = {"verified": False, "problems": [str(error)]}
    plain = ("Verified: " if result["verified"] else "BROKEN  ") + ", ".join(
        f"{name} {value}" for name, value in result.items() if name != "verified"
    )
    print(json.dumps(result) if args.json else plain)
    return 0 if result["verified"] else 10


def main():
    args = _arguments()
    if args.command == "serve":
        return serve(sys.stdin, sys.stdout)
    try:
        return _log(args) if args.command == "log" else _proof(args)
    except (OSError, ValueError) as error:
        print(error, file=sys.stderr)
        return 2


sys.exit(main())
