/**
 * The filesystem store's write-ahead journal: one line per commit, each with its SHA-256 in front.
 *
 *      <64 hexadecimal digits> <JSON>\n
 *
 * A line is written and made durable before anything else of a commit, so a commit happened exactly when its line is
 * whole. The digest finds a torn line; it proves nothing against somebody who may write the disk (the audit log does).
 */
import { hash } from "node:crypto";
import { HsmError } from "@keystead/contract/errors";

/** What one line says. */
export interface JournalEntry {
  /** True for the first line of a journal: `lines`, `durable` and `header` are all there is to know from before. */
  readonly begins?: true;
  /** Record name, and its new bytes in base64; null deletes. */
  readonly writes?: readonly (readonly [name: string, bytes: string | null])[];
  /** Audit lines for the outbox: sequence and base64. */
  readonly lines?: readonly (readonly [sequence: number, line: string])[];
  readonly durable?: number;
  readonly header?: string;
  /** Everything in journals up to this number is in its files, durably: they may be ignored, whatever they hold. */
  readonly settled?: number;
}

const DIGITS = 64;

export function encodeEntry(entry: JournalEntry): Buffer {
  const text = JSON.stringify(entry);
  return Buffer.from(`${hash("sha256", text, "hex")} ${text}\n`, "utf8");
}

function decodeEntry(line: string): JournalEntry | undefined {
  const text = line.slice(DIGITS + 1);
  if (line[DIGITS] !== " " || hash("sha256", text, "hex") !== line.slice(0, DIGITS)) return undefined;
  return JSON.parse(text) as JournalEntry;
}

export interface ReadJournal {
  readonly entries: readonly JournalEntry[];
  /** Bytes up to the end of the last whole line. */
  readonly end: number;
}

/**
 * The whole lines of a journal; what a crash tore off its end is left out.
 *
 * @throws {HsmError} INTEGRITY_FAILURE   a line is wrong and a later one is right: no crash does that
 */
export function readJournal(bytes: Buffer): ReadJournal {
  const entries: JournalEntry[] = [];
  let end = 0;
  for (let newline = bytes.indexOf(10); newline !== -1; newline = bytes.indexOf(10, end)) {
    const entry = decodeEntry(bytes.toString("utf8", end, newline));
    if (entry === undefined) break;
    entries.push(entry);
    end = newline + 1;
  }
  const rest = bytes.subarray(end).toString("latin1").split("\n").slice(1, -1);
  if (rest.some((line) => decodeEntry(Buffer.from(line, "latin1").toString("utf8")) !== undefined))
    throw new HsmError("INTEGRITY_FAILURE", "the key store's journal is damaged");
  return { entries, end };
}
