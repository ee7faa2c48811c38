/**
 * Beside each finished segment, `<segment>.anchors`: what the segment anchors, so that a start need not read it.
 *
 *      keystead anchors 2\n
 *      <first sequence> <last sequence> <hash of the last event>\n
 *      tree <hash> <hash> ...\n                       frontier of the tree of all events up to the last, largest subtree first
 *      <digest, or - for deleted> <record name>\n      the last of each record, in the order of their first mention
 *      <HMAC-SHA-256 of every byte before, hexadecimal>\n
 *
 * A list says nothing that its segment does not: one that is missing, torn or not genuine is made again from the segment,
 * and nothing is lost with it. It is made under the audit key, so nobody else can write one that is believed; the pass
 * over everything after the start still reads the segments themselves. Lists of format 1, which had no tree, are made again.
 *
 * @see ARCHITECTURE.md "Audit log"
 */
import { basename, dirname } from "node:path";
import { createHmac, timingSafeEqual, type KeyObject } from "node:crypto";
import { Frontier } from "@keystead/crypto/public/tlog/frontier";
import type { FileLayer } from "./file-layer.ts";
import type { SegmentName } from "./segments.ts";

export interface AnchorList {
  readonly firstSequence: number;
  /** One less than the first for a segment without an event. */
  readonly lastSequence: number;
  readonly lastHash: string;
  /** Of the tree of all events up to the last. */
  readonly tree: Frontier;
  /** Digest last recorded for each record that the segment names; empty = deleted. */
  readonly anchors: ReadonlyMap<string, string>;
}

const TITLE = "keystead anchors 2";
const MAC_CHARACTERS = 64;
/** One text for one list, as everything here. */
const END = /^[0-9a-f]{64}\n$/;
const LIST = /^(\d{16})\.anchors$/;

const pathOf = (segmentPath: string): string => `${segmentPath}.anchors`;

const macOf = (text: Uint8Array, macKey: KeyObject): Buffer => createHmac("sha256", macKey).update(text).digest();

/** Writes the list of a finished segment. Not durable: what a crash loses is made again. */
export function writeAnchorList(files: FileLayer, segmentPath: string, list: AnchorList, macKey: KeyObject): void {
  const tree = list.tree.hashes.map((hash) => ` ${hash.toString("hex")}`).join("");
  const lines = [TITLE, `${list.firstSequence} ${list.lastSequence} ${list.lastHash}`, `tree${tree}`];
  for (const [name, digest] of list.anchors) lines.push(`${digest === "" ? "-" : digest} ${name}`);
  const text = Buffer.from(`${lines.join("\n")}\n`, "utf8");
  const file = files.open(pathOf(segmentPath), "append");
  try {
    file.write(Buffer.concat([text, Buffer.from(`${macOf(text, macKey).toString("hex")}\n`, "latin1")]), 0);
    file.truncate(text.length + MAC_CHARACTERS + 1);
  } finally {
    file.close();
  }
}

/**
 * The list of a segment, or undefined when there is none that is whole, genuine and about this segment.
 *
 * @param macKey undefined: nobody can tell whether it is genuine, and it is taken as it stands
 */
export function readAnchorList(
  files: FileLayer,
  segment: Omit<SegmentName, "gone">,
  macKey: KeyObject | undefined,
): AnchorList | undefined {
  const bytes = contentOf(files, pathOf(segment.path));
  if (bytes === undefined || bytes.length < MAC_CHARACTERS + 1) return undefined;
  const text = bytes.subarray(0, bytes.length - MAC_CHARACTERS - 1);
  const end = bytes.toString("latin1", text.length);
  if (!END.test(end)) return undefined;
  if (macKey !== undefined && !timingSafeEqual(Buffer.from(end.slice(0, MAC_CHARACTERS), "hex"), macOf(text, macKey))) return undefined;
  const [title, span, subtrees, ...lines] = text.toString("utf8").split("\n");
  const [first, last, lastHash] = (span ?? "").split(" ");
  if (title !== TITLE || Number(first) !== segment.firstSequence || lastHash === undefined || subtrees === undefined) return undefined;
  const tree = frontierOf(Number(last), subtrees);
  if (tree === undefined) return undefined;
  const anchors = new Map<string, string>();
  for (const line of lines) {
    const space = line.indexOf(" ");
    if (space === -1) continue;
    anchors.set(line.slice(space + 1), space === 1 ? "" : line.slice(0, space));
  }
  return { firstSequence: segment.firstSequence, lastSequence: Number(last), lastHash, tree, anchors };
}

/** How many events the genuine lists beside a log know of, those of segments that are gone too; 0 when there is none. */
export function eventsInLists(files: FileLayer, logPath: string, macKey: KeyObject): number {
  const prefix = `${basename(logPath)}.`;
  const numbers = files
    .list(dirname(logPath))
    .flatMap((name) => (name.startsWith(prefix) ? (LIST.exec(name.slice(prefix.length))?.[1] ?? []) : []));
  return Math.max(
    0,
    ...numbers.map(
      (number) => readAnchorList(files, { path: `${logPath}.${number}`, firstSequence: Number(number) }, macKey)?.lastSequence ?? 0,
    ),
  );
}

function frontierOf(size: number, line: string): Frontier | undefined {
  const [, ...hashes] = line.split(" ");
  try {
    return new Frontier(
      size,
      hashes.map((hash) => Buffer.from(hash, "hex")),
    );
  } catch {
    return undefined;
  }
}

function contentOf(files: FileLayer, path: string): Buffer | undefined {
  let file: ReturnType<FileLayer["open"]>;
  try {
    file = files.open(path, "read");
  } catch {
    return undefined;
  }
  try {
    const bytes = Buffer.alloc(file.size());
    return bytes.subarray(0, file.read(bytes, 0));
  } finally {
    file.close();
  }
}
