/**
 * Checkpoints: what a log says of its tree, as the text of a signed note.
 *
 *      <origin: which log it is>
 *      <entries in the tree, decimal>
 *      <root hash, base64>
 *      [further lines, each not empty]
 *
 * @see C2SP tlog-checkpoint
 */
import { HsmError } from "@keystead/contract/errors";
import { HASH_BYTES } from "./tree-hash.ts";

export interface Checkpoint {
  readonly origin: string;
  /** Entries in the tree. */
  readonly size: number;
  /** 32 bytes. */
  readonly root: Buffer;
  readonly extensions: readonly string[];
}

/** The note's text. */
export const checkpointText = ({ origin, size, root, extensions }: Checkpoint): string =>
  [origin, String(size), root.toString("base64"), ...extensions, ""].join("\n");

/** @throws {HsmError} INVALID_REQUEST a text that is no checkpoint */
export function parseCheckpoint(text: string): Checkpoint {
  const lines = text.split("\n");
  const [origin = "", size = "", root = "", ...rest] = lines;
  const extensions = rest.slice(0, -1);
  const hash = Buffer.from(root, "base64");
  const fits =
    lines.length >= 4 &&
    rest.at(-1) === "" &&
    origin !== "" &&
    /^(?:0|[1-9]\d{0,15})$/.test(size) &&
    Number.isSafeInteger(Number(size)) &&
    hash.length === HASH_BYTES &&
    hash.toString("base64") === root &&
    extensions.every((line) => line !== "");
  if (!fits) throw new HsmError("INVALID_REQUEST", "this is no checkpoint");
  return { origin, size: Number(size), root: hash, extensions };
}
