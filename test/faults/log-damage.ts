/**
 * Audit logs damaged in every way that chance and somebody with a wrong key think of, and what is true of each, known by
 * comparison with the log as it was: neither verifier is asked for it.
 */
import { createHmac, hash } from "node:crypto";
import type { ChangedFiles, LogFiles } from "../audit-verifier/second-opinion.ts";
import type { Random } from "./seeded.ts";

/** What a right verifier with the keys says. */
export interface Truth {
  readonly found: boolean;
  /** Where events are concerned. */
  readonly firstBad: number | null;
  /** Whether somebody without keys must find that too. */
  readonly foundKeyless: boolean;
}

export interface Damage {
  readonly kind: string;
  readonly changed: ChangedFiles;
  readonly truth: Truth;
}

const SEGMENT = /^\d{16}$/;
const HEAD = '{"event":';
const CHECKPOINTS = "checkpoints";

export const segmentsIn = (files: Iterable<string>): string[] => [...files].filter((ending) => SEGMENT.test(ending)).sort();

/** Whole lines, and what follows the last newline. */
function linesOf(bytes: Buffer): { lines: Buffer[]; rest: Buffer } {
  const lines: Buffer[] = [];
  let from = 0;
  for (let newline = bytes.indexOf(10); newline !== -1; newline = bytes.indexOf(10, from)) {
    lines.push(bytes.subarray(from, newline + 1));
    from = newline + 1;
  }
  return { lines, rest: bytes.subarray(from) };
}

const isZero = (bytes: Buffer): boolean => bytes.every((byte) => byte === 0);
const sizeIn = (line: Buffer): number => Number(/^\{"size":(\d+)/.exec(line.toString("latin1"))?.[1] ?? 0);

/**
 * What is true of a log of which some files changed.
 *
 * @param agreed events of the last checkpoint that was signed before the first event that was forged with the right audit key
 */
function truthOf(original: LogFiles, changed: ChangedFiles, agreed?: number): Truth {
  const now = (ending: string): Buffer => changed.get(ending) ?? original.get(ending) ?? Buffer.alloc(0);
  const right = segmentsIn(original.keys()).flatMap((ending) => linesOf(original.get(ending) as Buffer).lines);
  const left = segmentsIn(new Set([...original.keys(), ...changed.keys()])).filter((ending) => changed.get(ending) !== null);
  const kept = linesOf(changed.get(CHECKPOINTS) === null ? Buffer.alloc(0) : now(CHECKPOINTS)).lines;
  const before = linesOf(original.get(CHECKPOINTS) ?? Buffer.alloc(0)).lines;
  const checkpointsFit = kept.every((line, at) => before[at]?.equals(line) === true);
  const walk = (listed: number): number | undefined => {
    let sequence = 1;
    for (const ending of left) {
      if (Number(ending) !== sequence) return sequence;
      const { lines, rest } = linesOf(now(ending));
      for (const line of lines) {
        if (right[sequence - 1]?.equals(line) !== true) return sequence;
        sequence += 1;
      }
      if (!isZero(rest)) return sequence;
    }
    // What is gone is known by the checkpoints that are left as they were.
    const known = Math.max(listed, ...kept.filter((line) => before.some((old) => old.equals(line))).map(sizeIn));
    return known >= sequence ? sequence : undefined;
  };
  const firstBad = agreed === undefined ? walk(listedIn(original, changed)) : agreed + 1;
  return {
    found: firstBad !== undefined || !checkpointsFit,
    firstBad: firstBad ?? null,
    foundKeyless: agreed !== undefined || walk(0) !== undefined,
  };
}

/** Events that the anchor lists speak of that are as they were. */
const listedIn = (original: LogFiles, changed: ChangedFiles): number =>
  Math.max(
    0,
    ...[...original]
      .filter(([ending]) => ending.endsWith(".anchors") && !changed.has(ending))
      .map(([, bytes]) => Number(/^.*\n\d+ (\d+) /.exec(bytes.toString("latin1"))?.[1] ?? 0)),
  );

/** The events from `at` on with one of them changed, every hash made right again, and MACs under this key. */
function rechained(lines: readonly Buffer[], at: number, macKey: Buffer): Buffer[] {
  let previous: string | undefined;
  return lines.map((line, index) => {
    if (index < at) return line;
    const event = JSON.parse(line.toString("utf8", HEAD.length, line.lastIndexOf(',"mac":"'))) as Record<string, unknown>;
    if (index === at) event["principal"] = `${String(event["principal"])}x`;
    else event["previous"] = previous;
    const canonical = JSON.stringify(event);
    const digest = hash("sha256", canonical, "hex");
    previous = digest;
    return Buffer.from(`{"event":${canonical},"mac":"${createHmac("sha256", macKey).update(digest, "hex").digest("hex")}"}\n`);
  });
}

/** One to three changes of bytes. */
function scrambled(bytes: Buffer, random: Random): Buffer {
  let made = Buffer.from(bytes);
  for (let edits = 1 + random.below(3); edits > 0; edits -= 1) {
    const at = random.below(made.length);
    const to = Math.min(made.length, at + 1 + random.below(100));
    const [before, piece, after] = [made.subarray(0, at), made.subarray(at, to), made.subarray(to)];
    const what = random.below(6);
    if (what === 0) made[at] = (made[at] as number) ^ (1 << random.below(8));
    else if (what === 1) made[at] = random.of([0, 10, 0x20, 0x22, 0x30, 0x5c, 0x7b, 0xff]);
    else if (what === 2) made = Buffer.concat([before, after]);
    else if (what === 3) made = Buffer.concat([before, piece, piece, after]);
    else if (what === 4) made = Buffer.concat([before, Buffer.alloc(piece.length), after]);
    else made = Buffer.from(before);
    if (made.length === 0) return made;
  }
  return made;
}

const flipped = (bytes: Buffer, random: Random): Buffer => {
  const made = Buffer.from(bytes);
  const at = random.below(made.length);
  made[at] = (made[at] as number) ^ (1 << random.below(8));
  return made;
};

type Maker = (log: LogFiles, keys: { readonly audit: Buffer; readonly wrong: Buffer }, random: Random) => Omit<Damage, "kind">;

/** A change of the lines of one file. */
const ofLines =
  (which: "segment" | "checkpoints", change: (lines: Buffer[], random: Random) => Buffer[]): Maker =>
  (log, _keys, random) => {
    const ending = which === "segment" ? random.of(segmentsIn(log.keys())) : CHECKPOINTS;
    const { lines } = linesOf(log.get(ending) as Buffer);
    const changed = new Map([[ending, Buffer.concat(change(lines, random))]]);
    return { changed, truth: truthOf(log, changed) };
  };

const ofBytes =
  (which: (log: LogFiles, random: Random) => string, change: (bytes: Buffer, random: Random) => Buffer): Maker =>
  (log, _keys, random) => {
    const ending = which(log, random);
    const changed = new Map([[ending, change(log.get(ending) as Buffer, random)]]);
    return { changed, truth: truthOf(log, changed) };
  };

const aSegment = (log: LogFiles, random: Random): string => random.of(segmentsIn(log.keys()));
const theCheckpoints = (): string => CHECKPOINTS;
const aCache = (log: LogFiles, random: Random): string =>
  random.of([...log.keys()].filter((ending) => ending.startsWith("tree.") || ending.endsWith(".anchors")));

const without = (lines: Buffer[], random: Random): Buffer[] => {
  const at = random.below(lines.length);
  return lines.toSpliced(at, 1 + random.below(3));
};
const swapped = (lines: Buffer[], random: Random): Buffer[] => {
  const [a, b] = [random.below(lines.length), random.below(lines.length)];
  return lines.with(a, lines[b] as Buffer).with(b, lines[a] as Buffer);
};
const doubled = (lines: Buffer[], random: Random): Buffer[] => {
  const at = random.below(lines.length);
  return lines.toSpliced(random.below(lines.length + 1), 0, lines[at] as Buffer);
};

/** All segments with the events changed from one on, under a key. */
const forged =
  (key: "audit" | "wrong"): Maker =>
  (log, keys, random) => {
    const endings = segmentsIn(log.keys());
    const counts = endings.map((ending) => linesOf(log.get(ending) as Buffer).lines.length);
    const lines = endings.flatMap((ending) => linesOf(log.get(ending) as Buffer).lines);
    const at = random.below(lines.length);
    const made = rechained(lines, at, keys[key]);
    const changed = new Map<string, Buffer>();
    let from = 0;
    for (const [index, ending] of endings.entries()) {
      changed.set(ending, Buffer.concat(made.slice(from, from + (counts[index] as number))));
      from += counts[index] as number;
    }
    const sizes = linesOf(log.get(CHECKPOINTS) as Buffer).lines.map(sizeIn);
    const agreed = key === "audit" ? Math.max(0, ...sizes.filter((size) => size <= at)) : undefined;
    return { changed, truth: truthOf(log, changed, agreed) };
  };

/** Lines of another place, or of another log's making, put in. */
const spliced: Maker = (log, { wrong }, random) => {
  const [from, into] = [aSegment(log, random), aSegment(log, random)];
  const source = linesOf(log.get(from) as Buffer).lines;
  const { lines } = linesOf(log.get(into) as Buffer);
  const first = random.below(source.length);
  const piece = source.slice(first, first + 1 + random.below(4));
  const foreign = random.below(2) === 0 ? rechained(piece, 0, wrong) : piece;
  const changed = new Map([[into, Buffer.concat(lines.toSpliced(random.below(lines.length + 1), random.below(3), ...foreign))]]);
  return { changed, truth: truthOf(log, changed) };
};

/** The last events, whole segments too, and some of the last checkpoints gone. */
const cutShort: Maker = (log, _keys, random) => {
  const endings = segmentsIn(log.keys());
  const keep = random.below(endings.length);
  const changed = new Map<string, Buffer | null>(endings.slice(keep + 1).map((ending) => [ending, null]));
  const { lines } = linesOf(log.get(endings[keep] as string) as Buffer);
  changed.set(endings[keep] as string, Buffer.concat(lines.slice(0, random.below(lines.length + 1))));
  const { lines: checkpoints } = linesOf(log.get(CHECKPOINTS) as Buffer);
  if (random.below(2) === 0) changed.set(CHECKPOINTS, Buffer.concat(checkpoints.slice(0, random.below(checkpoints.length + 1))));
  return { changed, truth: truthOf(log, changed) };
};

const segmentGone: Maker = (log, _keys, random) => {
  const changed = new Map([[aSegment(log, random), null]]);
  return { changed, truth: truthOf(log, changed) };
};

const segmentsSwapped: Maker = (log, _keys, random) => {
  const [a, b] = [aSegment(log, random), aSegment(log, random)];
  const changed = new Map([
    [a, log.get(b) as Buffer],
    [b, log.get(a) as Buffer],
  ]);
  return { changed, truth: truthOf(log, changed) };
};

const MAKERS: Readonly<Record<string, Maker>> = {
  "a bit of a segment flipped": ofBytes(aSegment, flipped),
  "bytes of a segment changed": ofBytes(aSegment, scrambled),
  "events taken out": ofLines("segment", without),
  "events swapped": ofLines("segment", swapped),
  "an event doubled": ofLines("segment", doubled),
  "a segment cut in a line": ofBytes(aSegment, (bytes, random) => bytes.subarray(0, random.below(bytes.length))),
  "the log cut short": cutShort,
  "events spliced in": spliced,
  "a segment gone": segmentGone,
  "two segments swapped": segmentsSwapped,
  "an event changed and all after it chained anew with a wrong key": forged("wrong"),
  "an event changed and all after it chained anew with the audit key": forged("audit"),
  "a bit of the checkpoints flipped": ofBytes(theCheckpoints, flipped),
  "bytes of the checkpoints changed": ofBytes(theCheckpoints, scrambled),
  "checkpoints taken out": ofLines("checkpoints", without),
  "checkpoints swapped": ofLines("checkpoints", swapped),
  "a checkpoint doubled": ofLines("checkpoints", doubled),
  "a tree file or an anchor list changed": ofBytes(aCache, scrambled),
};

export const KINDS = Object.keys(MAKERS);

/** The log damaged at random. */
export function damageOf(log: LogFiles, keys: { readonly audit: Buffer; readonly wrong: Buffer }, random: Random): Damage {
  const kind = random.of(KINDS);
  return { kind, ...(MAKERS[kind] as Maker)(log, keys, random) };
}
