"""Anchor lists: what the list beside a finished segment says, held against the segment itself."""

import hashlib
import hmac
import re

from signed_note import Malformed, decimal

FORMAT = "keystead anchors 2"
_HASH = re.compile("[0-9a-f]{64}")


class AnchorList:
    """A list of the format above. `genuine`: whether its MAC is right, None without the audit key."""

    def __init__(self, data, audit_key):
        above, newline, mac = data[:-1].rpartition(b"\n")
        if not data.endswith(b"\n") or not newline or not re.fullmatch(rb"[0-9a-f]{64}", mac):
            raise Malformed("no MAC at its end")
        above += b"\n"
        self.genuine = None
        if audit_key is not None:
            self.genuine = hmac.compare_digest(hmac.digest(audit_key, above, hashlib.sha256).hex(), mac.decode())
        try:
            lines = above.decode("utf-8")[:-1].split("\n")
        except UnicodeDecodeError as error:
            raise Malformed("not UTF-8") from error
        if lines[0] != FORMAT:
            raise Malformed("of another format")
        if len(lines) < 3:
            raise Malformed("it ends too early")
        place = lines[1].split(" ")
        word, *self.subtrees = lines[2].split(" ")
        if len(place) != 3 or word != "tree" or not all(map(_HASH.fullmatch, [place[2], *self.subtrees])):
            raise Malformed("its place or its tree is not of its form")
        self.first, self.last, self.head = decimal(place[0]), decimal(place[1]), place[2]
        if len(self.subtrees) != self.last.bit_count():
            raise Malformed("its tree is of another number of events")
        self.records = {}
        for line in lines[3:]:
            digest, space, name = line.partition(" ")
            if not space or name in self.records or not (digest == "-" or _HASH.fullmatch(digest)):
                raise Malformed("a line of a record that is none")
            self.records[name] = digest


class SegmentFacts:
    """Gathers, event by event, what the list of a segment must say."""

    def __init__(self, first):
        self.first, self.last, self.head, self.records = first, first - 1, None, {}

    def take(self, event):
        self.last, self.head = event.sequence, event.entry.hex()
        for record in event.members.get("records", ()):
            self.records[record["name"]] = record["digest"] or "-"

    def differs(self, anchors, subtrees):
        """What the list says otherwise, or None."""
        if anchors.head != self.head:
            return "it is of other events"
        if subtrees is not None and anchors.subtrees != subtrees:
            return "its tree is another one"
        if anchors.records != self.records:
            return "its records are others"
        return None
