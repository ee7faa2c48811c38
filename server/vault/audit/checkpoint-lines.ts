/**
 * `<log>.checkpoints` as a verifier reads it: every line as it stands, and of each that is none of ours, why.
 *
 * It changes nothing and believes nothing. checkpoint-file.ts is what the vault itself goes on with.
 *
 * @see docs/design/audit-format.md "Checkpoint file"
 */
import { basename, dirname } from "node:path";
import { parseSignatureLines } from "@keystead/crypto/public/tlog/note";
import type { FileLayer } from "./file-layer.ts";
import { lineBytes } from "./line-bytes.ts";

/** A checkpoint as kept; or, with `wrong`, a line that says none. */
export interface KeptCheckpoint {
  /** Events it speaks of; 0 where the line does not tell. */
  readonly size: number;
  readonly note: string;
  readonly wrong?: string;
}

const FORM = /^\{"size":([1-9]\d{0,15}),"(note|cosignature)":("(?:[^"\\]|\\.)*")\}\n$/u;
/** Key id, time, Ed25519 signature; the key id is not counted by whoever takes the line apart. */
const COSIGNATURE_BYTES = 8 + 64;

/** Each checkpoint, and each line that is wrong in itself. Cosignatures are looked at for their form alone. */
export function readCheckpointLines(files: FileLayer, logPath: string): KeptCheckpoint[] {
  const path = `${logPath}.checkpoints`;
  if (!files.list(dirname(path)).includes(basename(path))) return [];
  const file = files.open(path, "read");
  const found: KeptCheckpoint[] = [];
  const sizes = new Set<number>();
  let number = 0;
  try {
    for (const { bytes, cutOff } of lineBytes(file)) {
      number += 1;
      // Torn by a crash: it says nothing.
      if (cutOff) break;
      const [, size = "0", what, json = '""'] = FORM.exec(bytes.toString("utf8")) ?? [];
      const text = textOf(json);
      // Written anew it must be the same bytes: no line has two forms.
      if (what === undefined || text === undefined || !bytes.equals(Buffer.from(lineOf(Number(size), what, text), "utf8"))) {
        found.push({ size: 0, note: "", wrong: `line ${number} of the checkpoint file is none of ours` });
      } else if (what === "note") {
        found.push({ size: Number(size), note: text });
        sizes.add(Number(size));
      } else if (!isCosignature(text) || !sizes.has(Number(size))) {
        found.push({ size: Number(size), note: "", wrong: `line ${number} of the checkpoint file is no cosignature of it` });
      }
    }
  } finally {
    file.close();
  }
  return found;
}

const lineOf = (size: number, what: string, text: string): string => `${JSON.stringify({ size, [what]: text })}\n`;

function textOf(json: string): string | undefined {
  try {
    return JSON.parse(json) as string;
  } catch {
    return undefined;
  }
}

function isCosignature(line: string): boolean {
  try {
    const [signature, ...others] = parseSignatureLines(`${line}\n`);
    return others.length === 0 && signature?.signature.length === COSIGNATURE_BYTES;
  } catch {
    return false;
  }
}
