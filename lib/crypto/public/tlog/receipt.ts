/**
 * Receipts: that one entry is in a log, in a text that is checked with the log's public key and nothing else.
 *
 *      c2sp.org/tlog-proof@v1
 *      extra <the entry, base64>
 *      index <decimal>
 *      <inclusion proof, one hash a line, base64, lowest first>
 *      (an empty line)
 *      <checkpoint, signed>
 *
 * @see C2SP tlog-proof
 */
import { HsmError } from "@keystead/contract/errors";
import { parseCheckpoint, type Checkpoint } from "./checkpoint.ts";
import { cosignedAt } from "./cosignature.ts";
import { isSignedBy, NOTE_COSIGNATURE, parseNote, type VerifierKey } from "./note.ts";
import { provesInclusion } from "./proof.ts";
import { HASH_BYTES, leafHash } from "./tree-hash.ts";

const TITLE = "c2sp.org/tlog-proof@v1";
const MAX_CHARACTERS = 128 * 1024;

export interface Receipt {
  readonly entry: Buffer;
  /** From 0. */
  readonly index: number;
  readonly proof: readonly Buffer[];
  /** The checkpoint as a signed note. */
  readonly note: string;
}

/** What a receipt proves. */
export interface ProvenEntry {
  readonly entry: Buffer;
  readonly index: number;
  readonly checkpoint: Checkpoint;
  /** When each witness that was named saw the checkpoint, in seconds since 1970. */
  readonly witnessed: readonly { readonly name: string; readonly seconds: number }[];
}

/** The receipt as text. */
export const receiptText = ({ entry, index, proof, note }: Receipt): string =>
  [TITLE, `extra ${entry.toString("base64")}`, `index ${index}`, ...proof.map((hash) => hash.toString("base64")), "", note].join("\n");

/** @throws {HsmError} INVALID_REQUEST what is no receipt */
export function parseReceipt(text: string): Receipt {
  const wrong = new HsmError("INVALID_REQUEST", "this is no receipt (c2sp.org/tlog-proof@v1 with its entry)");
  const split = text.indexOf("\n\n");
  if (text.length > MAX_CHARACTERS || split === -1) throw wrong;
  const [title, extra = "", at = "", ...hashes] = text.slice(0, split).split("\n");
  const entry = base64(/^extra (\S+)$/.exec(extra)?.[1]);
  const index = /^index (0|[1-9]\d{0,15})$/.exec(at)?.[1];
  const proof = hashes.map((line) => base64(line));
  if (title !== TITLE || entry === undefined || index === undefined || proof.length > 64) throw wrong;
  if (!proof.every((hash) => hash?.length === HASH_BYTES)) throw wrong;
  return { entry, index: Number(index), proof: proof as Buffer[], note: text.slice(split + 2) };
}

/**
 * Checks a receipt by the log's key.
 *
 * @param keys the log's, and those of witnesses whose cosignatures are wanted
 * @throws {HsmError} INVALID_REQUEST what is no receipt; INTEGRITY_FAILURE one that proves nothing, and why
 */
export function checkReceipt(text: string, keys: readonly VerifierKey[]): ProvenEntry {
  const { entry, index, proof, note } = parseReceipt(text);
  const signed = parseNote(note);
  const checkpoint = parseCheckpoint(signed.text);
  if (!keys.some((key) => key.name === checkpoint.origin && isSignedBy(signed, key)))
    throw new HsmError("INTEGRITY_FAILURE", "the checkpoint is not signed by this log's key");
  if (!provesInclusion(leafHash(entry), index, checkpoint.size, checkpoint.root, proof))
    throw new HsmError("INTEGRITY_FAILURE", "the proof does not lead from the entry to the checkpoint's root");
  const witnessed = keys.flatMap((key) => {
    const seconds = signed.signatures.map((line) => cosignedAt(signed.text, line, key)).find((time) => time !== undefined);
    if (key.type === NOTE_COSIGNATURE && seconds === undefined)
      throw new HsmError("INTEGRITY_FAILURE", `the checkpoint is not cosigned by ${key.name}`);
    return seconds === undefined ? [] : [{ name: key.name, seconds }];
  });
  return { entry, index, checkpoint, witnessed };
}

function base64(text: string | undefined): Buffer | undefined {
  const bytes = Buffer.from(text ?? "", "base64");
  return text !== undefined && bytes.toString("base64") === text ? bytes : undefined;
}
