"""Segments that are not read because the log says that they are gone: which they are, and what the log must say."""

import re

_UP_TO = re.compile("1-([0-9]{1,16})")
_HASH = re.compile("[0-9a-f]{64}")


class GoneSegments:
    """The marks beside a log, the segments that were crossed because of them, and what events say of such."""

    def __init__(self, files):
        self._marks = {}
        for ending in files.endings():
            found = re.fullmatch(r"([0-9]{16})\.(purged|damaged)", ending)
            # One that was deleted is deleted, whatever else is said of it.
            if found and self._marks.get(int(found[1])) != "purged":
                self._marks[int(found[1])] = found[2]
        self.crossed = []  # (mark, anchor list)
        self._deleted_up_to = 0
        self._acknowledged = set()

    def names(self):
        """Sequence numbers of their first events."""
        return set(self._marks)

    def mark(self, name):
        return self._marks.get(name)

    def hear(self, event):
        """What an event that verifies says of segments that are gone."""
        members = event.members
        if members.get("outcome") != "OK":
            return
        if members.get("action") == "PurgeAuditLog" and (found := _UP_TO.fullmatch(str(members.get("request")))):
            self._deleted_up_to = max(self._deleted_up_to, int(found[1]))
        if members.get("action") == "AcknowledgeAuditBreak" and isinstance(members.get("breaks"), list):
            for one in members["breaks"]:
                if isinstance(one, dict) and _HASH.fullmatch(str(one.get("hash"))):
                    self._acknowledged.add((one.get("first"), one.get("last"), one["hash"]))

    def unsaid(self):
        """Sequence number and reason of the first event that is gone although no event says so, or None."""
        for mark, anchors in self.crossed:
            if anchors.last <= self._deleted_up_to:
                continue
            if mark == "purged":
                return max(anchors.first, self._deleted_up_to + 1), "it was deleted, and no event says so"
            if (anchors.first, anchors.last, anchors.head) not in self._acknowledged:
                return anchors.first, "it is marked as damaged, and no event says so"
        return None

    def set_aside(self):
        """First and last event of each damaged segment."""
        return [(anchors.first, anchors.last) for mark, anchors in self.crossed if mark == "damaged"]

    def inside(self, sequence):
        """Whether this event was not read."""
        return any(anchors.first <= sequence <= anchors.last for _, anchors in self.crossed)
