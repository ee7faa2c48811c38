"""Receipts and consistency proofs: for whoever has nothing but the public key."""

from merkle import leaf_hash, verify_consistency, verify_inclusion
from signed_note import Checkpoint, Malformed, decimal, decode_base64

FORMAT = "c2sp.org/tlog-proof@v1"


def verify_receipt(text, public_key, entry=None):
    """The sequence number of the event that the receipt proves, its hash and its checkpoint. Raises Malformed."""
    head, gap, note = text.partition("\n\n")
    lines = head.split("\n")
    if not gap or lines[0] != FORMAT or len(lines) < 3:
        raise Malformed("no receipt")
    if not lines[1].startswith("extra ") or not lines[2].startswith("index "):
        raise Malformed("a receipt without entry or index")
    said, index = decode_base64(lines[1][6:]), decimal(lines[2][6:])
    proof = [decode_base64(line) for line in lines[3:]]
    if len(said) != 32 or any(len(node) != 32 for node in proof):
        raise Malformed("a hash that is not of 32 bytes")
    if entry is not None and said != entry:
        raise Malformed("the receipt is of another event")
    checkpoint = Checkpoint.parse(note)
    if not checkpoint.signed_by(public_key):
        raise Malformed("the checkpoint's signature is not the log's")
    if not verify_inclusion(leaf_hash(said), index, checkpoint.size, proof, checkpoint.root):
        raise Malformed("the proof does not lead to the checkpoint's root")
    return index + 1, said.hex(), checkpoint


def verify_continuation(old_note, new_note, proof, public_key):
    """That the log of the second checkpoint begins with that of the first. Raises Malformed."""
    old, new = Checkpoint.parse(old_note), Checkpoint.parse(new_note)
    if not old.signed_by(public_key) or not new.signed_by(public_key):
        raise Malformed("a checkpoint's signature is not the log's")
    hashes = [decode_base64(line) for line in proof]
    if not verify_consistency(old.size, new.size, hashes, old.root, new.root):
        raise Malformed("the proof does not join the two checkpoints")
    return old.size, new.size
