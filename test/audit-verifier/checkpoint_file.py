"""The checkpoint file: its lines, each note's signature, and that each names the one before."""

from dataclasses import dataclass, field

from canonical_json import NotCanonical, ordered_members
from signed_note import COSIGNATURE, Checkpoint, Malformed, Signature


@dataclass
class Kept:
    """A checkpoint of the file, whether its signature is right (None: nobody could tell), and its cosignatures."""

    checkpoint: Checkpoint
    genuine: bool | None
    cosignatures: list = field(default_factory=list)


def _read_line(line):
    members = ordered_members(line)
    names = list(members)
    if names not in (["size", "note"], ["size", "cosignature"]):
        raise Malformed("neither a checkpoint nor a cosignature")
    size, text = members.values()
    if isinstance(size, bool) or not isinstance(size, int) or not isinstance(text, str):
        raise Malformed("neither a checkpoint nor a cosignature")
    return size, names[1], text


def _note(text, size, public_key):
    checkpoint = Checkpoint.parse(text)
    if checkpoint.size != size:
        raise Malformed(f"it is filed under {size}, and speaks of {checkpoint.size} events")
    if checkpoint.size == 0:
        raise Malformed("it speaks of no event")
    if len(checkpoint.signatures) != 1 or len(checkpoint.signatures[0].raw) != 64:
        raise Malformed("it has not just the log's own signature")
    if public_key is not None and not checkpoint.signed_by_public(public_key):
        raise Malformed("the signature is not the log's")
    return Kept(checkpoint, None if public_key is None else True)


def _cosignature(text, size, kept, witnesses):
    if not kept or all(one.checkpoint.size != size for one in kept):
        raise Malformed("a cosignature of no checkpoint before it")
    signature = Signature.parse(text)
    if len(signature.raw) != 72:
        raise Malformed("a cosignature of another length")
    of = next(one for one in kept if one.checkpoint.size == size)
    keys = [key for key in witnesses if key.kind == COSIGNATURE and signature.is_of(key)]
    if keys and not any(signature.verifies(key, of.checkpoint.text) for key in keys):
        raise Malformed(f"the cosignature of {signature.name} is not of this checkpoint")
    of.cosignatures.append((signature.name, bool(keys)))


def read_checkpoints(data, public_key, witnesses, report):
    """Every checkpoint of the file whose own line holds; what does not is reported.

    Where a line is lost the next one's `previous` is compared no more: one damage is one problem.
    """
    kept, former, lost = [], None, False
    # What follows the last newline was torn by a crash.
    for number, line in enumerate(data.split(b"\n")[:-1], 1):
        is_note = True
        try:
            size, form, text = _read_line(line)
            if form == "cosignature":
                is_note = False
                _cosignature(text, size, kept, witnesses)
                continue
            one = _note(text, size, public_key)
            if former is not None and size <= former.size:
                raise Malformed(f"it speaks of {size} events after one that speaks of {former.size}")
        except (Malformed, NotCanonical) as error:
            report.problem(f"checkpoint file, line {number}: {error}")
            lost = lost or is_note
            continue
        if not lost and one.checkpoint.previous != (former and former.digest()):
            report.problem(f"checkpoint of {size} events: the one before it is another one, or missing")
        former, lost = one.checkpoint, False
        kept.append(one)
    return kept
