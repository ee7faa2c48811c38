"""Many verifications in one process: a request is a line of JSON, and so is its answer.

    {"open": {ENDING: BASE64, ...}, "audit_key": HEX, "public_key": KEY, "witnesses": [KEY]}   the log that follows is about
    {"changed": {ENDING: BASE64 or null, ...}, "keys": false}      that log with files changed or removed; the report
    {"receipt": TEXT}      {"consistency": [OLD-NOTE, NEW-NOTE, [HASH, ...]]}

An ENDING is what follows `<log>.` in the name of a file. `keys` false verifies as somebody who has no key would.
"""

import base64
import json

from log_files import ChangedFiles
from receipt import verify_continuation, verify_receipt
from signed_note import Malformed, VerifierKey
from verify_log import verify_log


class Session:
    def __init__(self):
        self.base, self.audit_key, self.public_key, self.witnesses = {}, None, None, ()

    def answer(self, request):
        if "open" in request:
            self.base = {ending: base64.b64decode(data) for ending, data in request["open"].items()}
            self.audit_key = bytes.fromhex(request["audit_key"]) if "audit_key" in request else None
            self.public_key = VerifierKey.parse(request["public_key"]) if "public_key" in request else None
            self.witnesses = [VerifierKey.parse(word) for word in request.get("witnesses", [])]
            return {"opened": len(self.base)}
        if "changed" in request:
            changed = {
                ending: None if data is None else base64.b64decode(data) for ending, data in request["changed"].items()
            }
            keys = (self.audit_key, self.public_key, self.witnesses) if request.get("keys", True) else ()
            return verify_log(ChangedFiles(self.base, changed), *keys).result()
        try:
            if "receipt" in request:
                sequence, digest, checkpoint = verify_receipt(request["receipt"], self.public_key)
                return {"verified": True, "sequence": sequence, "hash": digest, "size": checkpoint.size}
            old, new = verify_continuation(*request["consistency"], self.public_key)
            return {"verified": True, "old": old, "new": new}
        except Malformed as error:
            return {"verified": False, "problems": [str(error)]}


def serve(requests, answers):
    session = Session()
    for line in requests:
        answers.write(json.dumps(session.answer(json.loads(line))) + "\n")
        answers.flush()
    return 0
