"""Signed notes, checkpoints in them, and the words that name public keys (C2SP signed-note, tlog-checkpoint, tlog-cosignature)."""

import base64
import binascii
import hashlib
import re
from dataclasses import dataclass

import ed25519

LOG_SIGNATURE = 0x01
COSIGNATURE = 0x04
_DECIMAL = re.compile(r"0|[1-9][0-9]{0,15}")
_SEGMENT = re.compile(r"segment ([1-9][0-9]{0,15}) ([0-9a-f]{128})")
_PREVIOUS = re.compile(r"previous ([0-9a-f]{128})")
_SIGNATURE = re.compile(r"— ([^\s+]+) ([A-Za-z0-9+/]+={0,2})")


class Malformed(ValueError):
    """A note, a key or a proof that is not of its form."""


def decode_base64(text):
    """RFC 4648 section 4, with padding; what another text would also stand for is refused."""
    try:
        raw = base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError) as error:
        raise Malformed(f"no base64: {text[:60]}") from error
    if base64.b64encode(raw).decode() != text:
        raise Malformed(f"base64 that another text stands for: {text[:60]}")
    return raw


def decimal(text):
    if not _DECIMAL.fullmatch(text):
        raise Malformed(f"no decimal number: {text[:60]}")
    return int(text)


@dataclass(frozen=True)
class VerifierKey:
    """A public key with the name it signs by: `name+key id+base64(type || key)`."""

    name: str
    key_id: bytes
    kind: int
    public: bytes

    @staticmethod
    def named(name, kind, public):
        digest = hashlib.sha256(name.encode() + b"\n" + bytes([kind]) + public).digest()
        return VerifierKey(name, digest[:4], kind, public)

    @staticmethod
    def parse(word):
        parts = word.strip().split("+", 2)
        if len(parts) != 3 or not re.fullmatch("[0-9a-f]{8}", parts[1]):
            raise Malformed("a verifier key is NAME+ID+BASE64")
        raw = decode_base64(parts[2])
        if len(raw) != 33 or raw[0] not in (LOG_SIGNATURE, COSIGNATURE):
            raise Malformed("a verifier key of another kind than Ed25519")
        key = VerifierKey.named(parts[0], raw[0], raw[1:])
        if key.key_id.hex() != parts[1]:
            raise Malformed("a verifier key whose id is not that of its key")
        return key


@dataclass(frozen=True)
class Signature:
    """One signature line of a note."""

    name: str
    key_id: bytes
    raw: bytes

    @staticmethod
    def parse(line):
        matched = _SIGNATURE.fullmatch(line)
        if not matched:
            raise Malformed("a signature line that is none")
        raw = decode_base64(matched[2])
        if len(raw) < 5:
            raise Malformed("a signature that is too short")
        return Signature(matched[1], raw[:4], raw[4:])

    def is_of(self, key):
        return self.name == key.name and self.key_id == key.key_id

    def verifies(self, key, text):
        """Whether this is a signature of `text` (bytes) under `key`, in the form that the key's kind has."""
        if not self.is_of(key):
            return False
        if key.kind == LOG_SIGNATURE:
            return ed25519.verify(key.public, text, self.raw)
        if len(self.raw) != 72:
            return False
        seconds = int.from_bytes(self.raw[:8], "big")
        return ed25519.verify(key.public, b"cosignature/v1\ntime %d\n" % seconds + text, self.raw[8:])


@dataclass(frozen=True)
class Checkpoint:
    """A checkpoint: what it says, and the lines under it."""

    text: bytes
    origin: str
    size: int
    root: bytes
    segment: int
    segment_digest: str
    previous: str | None
    signatures: tuple

    def digest(self):
        """What the next checkpoint calls `previous`."""
        return hashlib.sha512(self.text).hexdigest()

    @staticmethod
    def parse(note):
        """Reads a signed note. Raises Malformed."""
        text, gap, below = note.rpartition("\n\n")
        if not gap or not below.endswith("\n"):
            raise Malformed("no signed note")
        signatures = tuple(Signature.parse(line) for line in below[:-1].split("\n"))
        lines = text.split("\n")
        if len(lines) < 4 or not lines[0]:
            raise Malformed("a note that is no checkpoint")
        root = decode_base64(lines[2])
        segment = _SEGMENT.fullmatch(lines[3])
        if len(root) != 32 or not segment:
            raise Malformed("a checkpoint without root or segment")
        previous = _PREVIOUS.fullmatch(lines[4]) if len(lines) > 4 else None
        if previous is None and any(line.startswith("previous ") for line in lines[4:]):
            raise Malformed("a checkpoint whose former one is named in no form")
        return Checkpoint(
            text=(text + "\n").encode("utf-8"),
            origin=lines[0],
            size=decimal(lines[1]),
            root=root,
            segment=int(segment[1]),
            segment_digest=segment[2],
            previous=previous[1] if previous else None,
            signatures=signatures,
        )

    def signed_by_public(self, key):
        """As signed_by, under the name that the checkpoint's own origin gives the same public key."""
        return self.signed_by(VerifierKey.named(self.origin, key.kind, key.public))

    def signed_by(self, key):
        """Whether the log's own signature is there and right: exactly one of the key, under its name."""
        own = [signature for signature in self.signatures if signature.is_of(key)]
        return self.origin == key.name and len(own) == 1 and own[0].verifies(key, self.text)
