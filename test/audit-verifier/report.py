"""What a verification found: problems, which fail it, and notes, which say what was not or could not be checked."""

from dataclasses import dataclass, field


@dataclass
class Report:
    events: int = 0
    first: int = 1
    head: str = "0" * 64
    checkpoints: int = 0
    macs_checked: bool = False
    signatures_checked: bool = False
    first_bad_sequence: int | None = None
    set_aside: list = field(default_factory=list)
    problems: list = field(default_factory=list)
    notes: list = field(default_factory=list)

    def bad_event(self, sequence, reason):
        """An event that does not verify, or that is missing. The lowest is the one that is named."""
        self.problems.append(f"event {sequence}: {reason}")
        if self.first_bad_sequence is None or sequence < self.first_bad_sequence:
            self.first_bad_sequence = sequence

    def problem(self, reason):
        """Something that is wrong beside the events."""
        self.problems.append(reason)

    def note(self, text):
        self.notes.append(text)

    def result(self):
        """As JSON has it."""
        return {
            "verified": not self.problems and not self.set_aside,
            "set_aside": [{"first": first, "last": last} for first, last in self.set_aside],
            "first": self.first,
            "events": self.events,
            "head": self.head,
            "checkpoints": self.checkpoints,
            "macs_checked": self.macs_checked,
            "signatures_checked": self.signatures_checked,
            "first_bad_sequence": self.first_bad_sequence,
            "problems": self.problems,
            "notes": self.notes,
        }

    def lines(self):
        """For people."""
        what = ["chain", "tree", "checkpoints"]
        if self.macs_checked:
            what.insert(1, "MACs")
        if self.signatures_checked:
            what.append("signatures")
        verdict = "Not verified" if self.problems else "Whole but for what was set aside" if self.set_aside else "Verified"
        return [
            *(f"BROKEN  {problem}" for problem in self.problems),
            *(f"note    {note}" for note in self.notes),
            *(f"SET ASIDE  events {first} to {last}: damaged, and acknowledged" for first, last in self.set_aside),
            f"{verdict}: {self.events} events, {self.checkpoints} checkpoints ({', '.join(what)}).",
            *([f"First bad event: {self.first_bad_sequence}"] if self.first_bad_sequence is not None else []),
            f"Last event's hash: {self.head}",
        ]
