"""The whole log: segments, checkpoints, anchor lists and tree files held against one another."""

import hashlib

from anchor_list import AnchorList, SegmentFacts
from checkpoint_file import Kept, read_checkpoints
from events import BadEvent, Chain, events_of_segment
from gone_segments import GoneSegments
from log_files import anchor_names, segment_names
from merkle import Tree, complete_root, leaf_hash
from report import Report
from signed_note import Malformed


def verify_log(files, audit_key=None, public_key=None, witnesses=(), continues=None):
    """Verifies the log that is in `files`; without a key, all that can be without it.

    `continues` is a Checkpoint that somebody kept elsewhere and believes: the log must continue it, and segments of
    events before it may be gone.
    """
    report = Report(macs_checked=audit_key is not None, signatures_checked=public_key is not None)
    gone = GoneSegments(files)
    there = dict(segment_names(files))
    segments = sorted((name, there.get(name)) for name in {*there, *gone.names()})
    kept = read_checkpoints(files.read("checkpoints") or b"", public_key, witnesses, report)
    report.checkpoints = len(kept)
    if not segments:
        report.bad_event(1, "missing: there is no segment")
        return report
    walk = Walk(files, segments, kept, audit_key, report, continues)
    walk.gone = gone
    walk.run()
    walk.check_checkpoints()
    walk.check_tree_files()
    return report


class Walk:
    """One pass over all segments."""

    def __init__(self, files, segments, kept, audit_key, report, continues):
        self.files, self.segments, self.kept, self.audit_key, self.report = files, segments, kept, audit_key, report
        if continues is not None:
            self.kept = sorted([*kept, Kept(continues, True)], key=lambda one: one.checkpoint.size)
        self.continues = continues
        self.wanted = {one.checkpoint.size for one in self.kept}
        self.facts = {}  # size: (root or None, segment, SHA-512 of the segment up to there)
        self.entries = []
        self.tree = Tree()
        self.bad = None
        self.lists = {}

    def run(self):
        chain = Chain(self.audit_key)
        self._read_lists()
        self._begin(chain, self.segments[0][0])
        try:
            for index, (name, ending) in enumerate(self.segments):
                is_last = index == len(self.segments) - 1
                if self.gone.mark(name) is not None:
                    self._cross(chain, name)
                else:
                    self._segment(chain, name, self.files.read(ending) or b"", is_last)
            if (unsaid := self.gone.unsaid()) is not None:
                self.report.bad_event(*unsaid)
        except BadEvent as error:
            self.bad = error
            self.report.bad_event(error.sequence, error.reason)
        known = max((one.last for one in self.lists.values() if one.genuine), default=0)
        if self.bad is None and known >= chain.next:
            self.report.bad_event(chain.next, f"missing: an anchor list knows of {known} events")
        self.report.set_aside = self.gone.set_aside()
        self.report.events = chain.next - self.report.first
        self.report.head = chain.previous or "0" * 64

    def _read_lists(self):
        """Genuine lists are what a start relies on. Others are made again, so they are no more than noted."""
        for name, ending in anchor_names(self.files):
            try:
                anchors = AnchorList(self.files.read(ending), self.audit_key)
            except Malformed as error:
                self.report.note(f"anchor list {name}: {error}")
                continue
            if anchors.genuine is False:
                self.report.note(f"anchor list {name}: its MAC is not right; it says nothing")
            elif anchors.first != name:
                self._said(anchors.genuine, f"anchor list {name}: it is of the segment {anchors.first}")
            else:
                self.lists[name] = anchors

    def _said(self, genuine, text):
        (self.report.problem if genuine else self.report.note)(text)

    def _begin(self, chain, first):
        """What came before the first segment that is here: nothing, or what the checkpoint speaks of that is continued."""
        if first <= 1 or self.continues is None or self.continues.size < first - 1:
            chain.begin_at(1, "0" * 64)
            self.report.first = 1
            return
        self.report.first = first
        self.tree, previous = self._tree_of_entries(first - 1), None
        if self.tree is None:
            self.report.problem(f"the tree's entries do not lead from event {first} to the checkpoint that is continued")
        else:
            previous = self.files.read("tree.entries")[(first - 2) * 32 : (first - 1) * 32].hex()
        chain.begin_at(first, previous)

    def _tree_of_entries(self, size):
        """The tree of events that are elsewhere, by the cache of their hashes, when the continued checkpoint vouches for them."""
        data = self.files.read("tree.entries") or b""
        if len(data) < self.continues.size * 32:
            return None
        tree, before = Tree(), None
        for n in range(1, self.continues.size + 1):
            tree.add(data[(n - 1) * 32 : n * 32])
            if n == size:
                before = Tree(n, tree.subtrees)
        return before if tree.root() == self.continues.root else None

    def _segment(self, chain, name, data, is_last):
        facts, digest, hashed = SegmentFacts(name), hashlib.sha512(), 0
        for event in events_of_segment(name, data, chain):
            self.gone.hear(event)
            if self.tree is not None:
                self.tree.add(event.entry)
            self.entries.append(event.entry)
            try:
                facts.take(event)
            except (TypeError, KeyError, AttributeError) as error:
                chain.next -= 1
                raise BadEvent(event.sequence, "its records are not of their form") from error
            if event.sequence in self.wanted:
                digest.update(data[hashed : event.end])
                hashed = event.end
                root = self.tree.root() if self.tree is not None else None
                self.facts[event.sequence] = (root, name, digest.hexdigest())
        anchors = self.lists.get(name)
        if anchors is None:
            return
        if is_last or anchors.last != facts.last:
            return self.report.note(f"anchor list {name}: its segment went on without it")
        subtrees = [node.hex() for node in self.tree.subtrees] if self.tree is not None else None
        if (otherwise := facts.differs(anchors, subtrees)) is not None:
            self._said(anchors.genuine, f"anchor list {name}: {otherwise}")

    def _cross(self, chain, name):
        """Goes on behind a segment that is gone, by what its list says."""
        anchors = self.lists.get(name)
        if name != chain.next:
            raise BadEvent(chain.next, f"missing: the next segment begins at {name}")
        if anchors is None:
            raise BadEvent(chain.next, "its segment is gone, and no genuine list leads across it")
        chain.begin_at(anchors.last + 1, anchors.head)
        self.tree = Tree(anchors.last, [bytes.fromhex(node) for node in anchors.subtrees])
        cached = (self.files.read("tree.entries") or b"")[(anchors.first - 1) * 32 : anchors.last * 32]
        missing = anchors.last - anchors.first + 1 - len(cached) // 32
        self.entries.extend(cached[at * 32 : at * 32 + 32] for at in range(len(cached) // 32))
        self.entries.extend([bytes(32)] * missing)
        self.gone.crossed.append((self.gone.mark(name), anchors))

    def check_checkpoints(self):
        """Roots and digests of every checkpoint; which events one that does not hold speaks of."""
        good, last = self.report.first - 1, self.report.first + self.report.events - 1
        for one in self.kept:
            checkpoint = one.checkpoint
            if checkpoint.size < self.report.first or self.gone.inside(checkpoint.size):
                continue  # Of events that are elsewhere, or gone.
            if checkpoint.size > last:
                if self.bad is None:
                    self.report.bad_event(last + 1, f"missing: a checkpoint speaks of {checkpoint.size} events")
                return
            root, segment, digest = self.facts[checkpoint.size]
            if root is not None and root != checkpoint.root:
                return self.report.bad_event(
                    good + 1, f"it or one up to {checkpoint.size} is not what the checkpoint of {checkpoint.size} signed"
                )
            if segment != checkpoint.segment or digest != checkpoint.segment_digest:
                return self.report.bad_event(
                    good + 1, f"the segment of {checkpoint.size} is not what its checkpoint signed"
                )
            good = checkpoint.size

    def check_tree_files(self):
        """Caches: a wrong one is worth a note, and nothing else."""
        entries = self.files.read("tree.entries") or b""
        offset = (self.report.first - 1) * 32
        mine = b"".join(self.entries)
        theirs = entries[offset : offset + len(mine)]
        if theirs != mine[: len(theirs)]:
            self.report.note("tree.entries has other hashes than the log")
        if self.report.first != 1:
            return
        level, hashes = 0, [leaf_hash(entry) for entry in self.entries]
        while hashes and (data := self.files.read(f"tree.{level}")) is not None:
            mine = b"".join(hashes)
            if data[: len(mine)] != mine[: len(data)]:
                self.report.note(f"tree.{level} has other hashes than the log")
            hashes = [complete_root(hashes[n : n + 256]) for n in range(0, len(hashes) - 255, 256)]
            level += 1
