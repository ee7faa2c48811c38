/**
 * The proof that a namespace was destroyed, from the audit log and the retention ledger alone: what the log says was
 * removed with it is put together again and compared with what the ledger attests.
 *
 * Whether the log itself is genuine is another question (audit/verify.ts), and asked before.
 */
import { hash } from "node:crypto";
import { parseLine } from "../audit/event.ts";
import type { FileLayer } from "../audit/file-layer.ts";
import { listSegments, readLines } from "../audit/segments.ts";
import { NOTHING_GONE, withGone, type Gone } from "../objects/shredding.ts";
import type { Attestation } from "./retention-ledger.ts";

/** One end of a namespace of that name, by the log. */
export interface LoggedEnd extends Gone {
  /** The event that removed the namespace's own key. */
  readonly sequence: number;
  readonly hash: string;
  readonly time: string;
  /** Records of it that the log does not know as removed. */
  readonly survivors: readonly string[];
}

/** Every end of namespaces of this name, in order. */
export function endsInLog(files: FileLayer, path: string, namespace: string): LoggedEnd[] {
  const last = new Map<string, string>();
  const ends: LoggedEnd[] = [];
  let gone = NOTHING_GONE;
  for (const segment of listSegments(files, path)) {
    const file = files.open(segment.path, "read");
    try {
      for (const { line, end } of readLines(file)) {
        const parsed = end === -1 ? undefined : parseLine(line);
        for (const { name, digest } of parsed?.event.records ?? []) {
          if (parsed === undefined || !name.startsWith(`${namespace}/`)) continue;
          if (digest !== "") {
            last.set(name, digest);
            continue;
          }
          if (parsed.event.action === "PurgeNamespace") gone = withGone(gone, name, last.get(name) ?? "");
          last.delete(name);
          if (name !== `${namespace}/namespace//0`) continue;
          ends.push({ ...gone, sequence: parsed.event.sequence, hash: parsed.hash, time: parsed.event.time, survivors: [...last.keys()] });
          gone = NOTHING_GONE;
        }
      }
    } finally {
      file.close();
    }
  }
  return ends;
}

/** The ledger's lines about namespaces of this name. @throws {TypeError} when the chain of the ledger's lines is broken */
export function attestedEnds(ledger: string, namespace: string): Attestation[] {
  let previous = "0".repeat(64);
  const found: Attestation[] = [];
  for (const line of ledger.split("\n").slice(0, -1)) {
    const [, canonical = ""] = /^\{"entry":(\{.*\}),"mac":"[0-9a-f]{64}"\}$/.exec(line) ?? [];
    const entry = JSON.parse(canonical === "" ? "{}" : canonical) as Attestation & { readonly previous?: string };
    if (entry.previous !== previous) throw new TypeError("the chain of the retention ledger is broken");
    previous = hash("sha256", canonical, "hex");
    if (entry.namespace === namespace && entry.key === "") found.push(entry);
  }
  return found;
}

/** What is wrong with the proof, one line each; empty = the namespace is destroyed as attested. */
export function shreddingProblems(ends: readonly LoggedEnd[], attested: readonly Attestation[]): string[] {
  const problems: string[] = [];
  if (ends.length === 0) problems.push("the audit log knows no end of a namespace of this name");
  for (const { sequence, survivors } of ends)
    for (const name of survivors) problems.push(`event ${sequence}: record ${name} was not destroyed with it`);
  if (attested.length < ends.length) problems.push(`the retention ledger attests ${attested.length} of ${ends.length} ends`);
  for (const [at, { keys, records, digest }] of attested.entries()) {
    const end = ends[at];
    if (end === undefined) problems.push("the retention ledger attests an end that the audit log does not know");
    else if (end.keys !== keys || end.records !== records || end.digest !== digest)
      problems.push(`event ${end.sequence}: what the retention ledger attests is not what the audit log says was destroyed`);
  }
  return problems;
}
