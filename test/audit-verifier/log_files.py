"""The files of a log: in a folder, or in memory where a test keeps damaged ones."""

import os
import re


class FolderFiles:
    """The files beside `path`, the log's path without what follows its last dot."""

    def __init__(self, path):
        self._folder, self._stem = os.path.split(os.path.abspath(path))

    def endings(self):
        """What follows `<log>.` in the names of the files."""
        start = self._stem + "."
        return [name[len(start) :] for name in os.listdir(self._folder) if name.startswith(start)]

    def read(self, ending):
        """The bytes of a file, or None when there is none."""
        try:
            with open(os.path.join(self._folder, f"{self._stem}.{ending}"), "rb") as file:
                return file.read()
        except FileNotFoundError:
            return None


class ChangedFiles:
    """Files of a folder of which some were changed, added (bytes) or removed (None)."""

    def __init__(self, base, changed):
        self._base, self._changed = base, changed

    def endings(self):
        left = set(self._base) | set(self._changed)
        return [ending for ending in left if self._changed.get(ending, b"") is not None]

    def read(self, ending):
        return self._changed[ending] if ending in self._changed else self._base.get(ending)


def segment_names(files):
    """Sequence numbers that name segments, ascending, with the endings of their files."""
    return sorted((int(ending), ending) for ending in files.endings() if re.fullmatch("[0-9]{16}", ending))


def anchor_names(files):
    """As segment_names, of the anchor lists."""
    found = [ending for ending in files.endings() if re.fullmatch(r"[0-9]{16}\.anchors", ending)]
    return sorted((int(ending[:16]), ending) for ending in found)
