"""Lines and chain: every event of a log in order, until the first that does not verify."""

import hashlib
import hmac
import re
from dataclasses import dataclass

from canonical_json import NotCanonical, canonical_object

_START, _MIDDLE, _END = b'{"event":', b',"mac":"', b'"}'
_HEX = re.compile("[0-9a-f]{64}")
_MAC = re.compile(rb"[0-9a-f]{64}")


@dataclass
class Event:
    """An event that verified, and where its line ends in its segment."""

    sequence: int
    entry: bytes
    segment: int
    end: int
    members: dict


class BadEvent(Exception):
    """The event that ought to be `sequence` is none, is another one, or is missing."""

    def __init__(self, sequence, reason):
        super().__init__(reason)
        self.sequence, self.reason = sequence, reason


def split_line(line):
    """The bytes of the event and of its MAC. Raises ValueError."""
    event, middle, mac = line[: -len(_END)].rpartition(_MIDDLE)
    if not line.startswith(_START) or not line.endswith(_END) or not middle or not _MAC.fullmatch(mac):
        raise ValueError("the line is not of its form")
    return event[len(_START) :], bytes.fromhex(mac.decode())


class Chain:
    """What the next event must continue."""

    def __init__(self, audit_key):
        self.audit_key = audit_key
        self.first = None
        self.next = 1
        self.previous = "0" * 64

    def begin_at(self, sequence, previous):
        """The log begins here. `previous` None: what the first event says is believed."""
        self.first, self.next, self.previous = sequence, sequence, previous

    def accept(self, line):
        """The members of the event that `line` is, and its hash. Raises BadEvent when it does not continue the chain."""
        try:
            text, mac = split_line(line)
            members = canonical_object(text)
        except (ValueError, NotCanonical) as error:
            raise BadEvent(self.next, str(error)) from error
        entry = hashlib.sha256(text).digest()
        if self.audit_key is not None and not hmac.compare_digest(
            hmac.digest(self.audit_key, entry, hashlib.sha256), mac
        ):
            raise BadEvent(self.next, "the MAC is not of this event")
        if members.get("sequence") is True or members.get("sequence") != self.next:
            raise BadEvent(self.next, f"another event stands here: {members.get('sequence')!r:.30}")
        said = members.get("previous")
        if not isinstance(said, str) or not _HEX.fullmatch(said):
            raise BadEvent(self.next, "it names no event before it")
        if self.previous is not None and said != self.previous:
            raise BadEvent(self.next, "the event before it is another one")
        batch = members.get("batch")
        if not isinstance(batch, int) or isinstance(batch, bool) or not 1 <= batch <= self.next:
            raise BadEvent(self.next, "its batch begins after it")
        self.next += 1
        self.previous = entry.hex()
        return members, entry


def events_of_segment(name, data, chain):
    """Yields each Event of a segment. Raises BadEvent at the first that does not verify."""
    if name != chain.next:
        raise BadEvent(chain.next, f"missing: the next segment begins at {name}")
    start = 0
    while (end := data.find(b"\n", start)) >= 0:
        sequence = chain.next
        members, entry = chain.accept(data[start:end])
        yield Event(sequence, entry, name, end + 1, members)
        start = end + 1
    if data[start:].strip(b"\0"):
        raise BadEvent(chain.next, "its line is cut off")
