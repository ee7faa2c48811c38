import type { ShownCheckpoint } from "../audit/proofs.ts";

/** A checkpoint for a reply. */
export const checkpointMessage = ({ size, root, note, cosignatures }: ShownCheckpoint) => ({
  size: BigInt(size),
  root,
  note,
  cosignatures,
});
