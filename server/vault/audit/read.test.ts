import assert from "node:assert/strict";
import { createSecretKey, randomBytes } from "node:crypto";
import { test } from "node:test";
import fc from "fast-check";
import { memoryStore } from "../stores/memory.ts";
import { shows, type AuditFilter } from "./audit-filter.ts";
import { CrashingDisk } from "./crashing-files.ts";
import { parseLine, type EventFields, type ParsedLine } from "./event.ts";
import { indexSegments } from "./indexer.ts";
import { AuditLog } from "./log.ts";
import { readEvents, type ReadOptions } from "./read.ts";
import { recoverLog } from "./recover.ts";
import { COMMON_LINES, SegmentIndex, valueOf } from "./segment-index.ts";
import { listSegments, readLines } from "./segments.ts";

const KEY = createSecretKey(randomBytes(32));
const PATH = "/audit/audit.log";
const NOTHING = { namespaces: undefined, keyId: "", otherKeyId: "", action: "", principal: "", outcome: "", decision: "", requestId: "" };
const EVERYTHING: AuditFilter = { ...NOTHING, approvalId: "", since: -Infinity, until: Infinity };
const START = Date.parse("2026-01-01T00:00:00.000Z");

const words = fc.constantFrom("a", "b", "c", "d\u00e9", 'e"f');
interface Made {
  readonly action: string;
  readonly key: string;
  readonly other: string | undefined;
  readonly item: string | undefined;
  readonly namespace: string;
  readonly principal: string;
  readonly outcome: string;
  readonly decision: "allow" | "refuse" | "pending";
  readonly approval: string | undefined;
}

const eventOf: fc.Arbitrary<Made> = fc.record({
  action: fc.constantFrom("Sign", "Encrypt", "Batch"),
  key: words,
  other: fc.option(words, { nil: undefined }),
  item: fc.option(words, { nil: undefined }),
  namespace: fc.constantFrom("", "n1", "n2"),
  principal: words,
  outcome: fc.constantFrom("OK", "PERMISSION_DENIED"),
  decision: fc.constantFrom("allow" as const, "refuse" as const, "pending" as const),
  approval: fc.option(words, { nil: undefined }),
});

function fieldsOf({ item, approval, other, ...made }: Made, index: number): EventFields {
  return {
    ...made,
    ...(other === undefined ? {} : { other }),
    ...(approval === undefined ? {} : { approval: { id: approval } }),
    ...(item === undefined ? {} : { items: [{ action: "Sign", key: item, other: "x", outcome: "OK", payload: "" }] }),
    authentication: "token",
    payload: "",
    request: `r${index % 7}`,
    time: new Date(START + index * 1000).toISOString(),
    version: 1,
  };
}

const filterOf = fc.record<AuditFilter>({
  namespaces: fc.constantFrom(undefined, undefined, new Set([""]), new Set(["n1"]), new Set(["n1", "n2"])),
  keyId: fc.oneof({ weight: 2, arbitrary: fc.constant("") }, words),
  otherKeyId: fc.constantFrom("", "", "", "a", "x"),
  action: fc.constantFrom("", "", "Sign"),
  principal: fc.oneof({ weight: 3, arbitrary: fc.constant("") }, words),
  outcome: fc.constantFrom("", "", "PERMISSION_DENIED"),
  decision: fc.constantFrom("", "", "pending"),
  requestId: fc.constantFrom("", "", "r3"),
  approvalId: fc.oneof({ weight: 4, arbitrary: fc.constant("") }, words),
  since: fc.oneof(
    fc.constant(-Infinity),
    fc.integer({ min: 0, max: 60 }).map((at) => START + at * 1000),
  ),
  until: fc.oneof(
    fc.constant(Infinity),
    fc.integer({ min: 0, max: 60 }).map((at) => START + at * 1000),
  ),
});

interface Kept {
  readonly disk: CrashingDisk;
  readonly log: AuditLog;
  readonly all: readonly ParsedLine[];
}

async function keep(made: readonly Made[], segmentBytes = 2500): Promise<Kept> {
  const disk = new CrashingDisk();
  const store = memoryStore();
  const recovered = recoverLog({ files: disk.files, path: PATH, store, macKey: KEY });
  const log = new AuditLog(recovered, { files: disk.files, path: PATH, store, macKey: KEY, syncMode: "full", segmentBytes });
  for (let at = 0; at < made.length; at += 3)
    await Promise.all(made.slice(at, at + 3).map((one, index) => log.append(fieldsOf(one, at + index))));
  const all = listSegments(disk.files, PATH).flatMap((segment) =>
    [...readLines(disk.files.open(segment.path, "read"))].map(({ line }) => parseLine(line) as ParsedLine),
  );
  return { disk, log, all };
}

const index = ({ disk, log }: Pick<Kept, "disk" | "log">): Promise<number> =>
  indexSegments({ files: disk.files, path: PATH, macKey: KEY, log, wanted: () => true });

/** Every page of a search. */
async function search(disk: CrashingDisk, options: Partial<ReadOptions> & { upTo: number }): Promise<{ found: number[]; pages: number }> {
  const found: number[] = [];
  let after = 0;
  for (let pages = 1; ; pages += 1) {
    const { events, next } = await readEvents({
      files: disk.files,
      path: PATH,
      macKey: KEY,
      newestFirst: false,
      limit: 10,
      filter: EVERYTHING,
      hidden: new Set<string>(),
      ...options,
      after,
    });
    assert.ok(events.length <= (options.limit ?? 10));
    found.push(...events.map(({ event }) => event.sequence));
    if (next === undefined) return { found, pages };
    assert.ok(options.newestFirst === true ? after === 0 || next < after : next > after, "a page that leads nowhere");
    after = next;
  }
}

test("a search with any filter, in either order, with indexes, without, or with some, finds what a filter of the whole finds", async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.array(eventOf, { minLength: 1, maxLength: 60 }),
      fc.array(filterOf, { minLength: 3, maxLength: 6 }),
      fc.boolean(),
      fc.integer({ min: 1, max: 25 }),
      fc.double({ min: 0, max: 1, noNaN: true }),
      fc.constantFrom(undefined, 1, 5000),
      fc.constantFrom("none" as const, "all" as const, "some" as const),
      async (made, filters, newestFirst, limit, part, scanBytes, indexes) => {
        const kept = await keep(made);
        if (indexes !== "none") await index(kept);
        if (indexes === "some")
          for (const [at, { path }] of listSegments(kept.disk.files, PATH).entries())
            if (at % 2 === 0) kept.disk.contents.delete(`${path}.index`);
        const upTo = Math.ceil(part * kept.all.length);
        for (const filter of filters) {
          const hidden = new Set(["n2"]);
          const { found } = await search(kept.disk, {
            upTo,
            newestFirst,
            limit,
            filter,
            hidden,
            ...(scanBytes === undefined ? {} : { scanBytes }),
          });
          const expected = kept.all
            .filter(({ event }) => event.sequence <= upTo && shows(filter, hidden, event))
            .map(({ event }) => event.sequence);
          assert.deepEqual(found, newestFirst ? expected.toReversed() : expected);
        }
        await kept.log.close();
      },
    ),
    { numRuns: 150 },
  );
});

const made = (count: number, key: (index: number) => string): Made[] =>
  Array.from({ length: count }, (_, at) => ({
    action: "Sign",
    key: key(at),
    other: undefined,
    item: undefined,
    namespace: "n1",
    principal: "p",
    outcome: "OK",
    decision: "allow",
    approval: undefined,
  }));

test("an index that was forged, torn, exchanged or brought back hides nothing: it counts for nothing, and is made again", async () => {
  const kept = await keep(made(40, (at) => `k${at % 4}`));
  const count = await index(kept);
  assert.ok(count >= 3);
  const paths = listSegments(kept.disk.files, PATH)
    .map(({ path }) => `${path}.index`)
    .slice(0, count);
  const filter = { ...EVERYTHING, keyId: "k1" };
  const expected = kept.all.filter(({ event }) => event.key === "k1").map(({ event }) => event.sequence);
  const path = paths[1] as string;
  const good = kept.disk.contents.get(path)?.now as Buffer;
  for (let at = 0; at < good.length; at += at < 200 ? 1 : 7) {
    const forged = kept.disk.copy((other, bytes) => {
      if (other === path) bytes[at] = (bytes[at] as number) ^ 1;
      return bytes;
    });
    assert.deepEqual((await search(forged, { upTo: 40, filter })).found, expected, `byte ${at}`);
  }
  for (const length of [0, 1, 20, 100, 1200, good.length - 1])
    assert.deepEqual(
      (
        await search(
          kept.disk.copy((other, bytes) => (other === path ? bytes.subarray(0, length) : bytes)),
          { upTo: 40, filter },
        )
      ).found,
      expected,
      `${length} bytes`,
    );
  const swapped = kept.disk.copy((other, bytes) =>
    other === path ? Buffer.from(kept.disk.contents.get(paths[0] as string)?.now as Buffer) : bytes,
  );
  assert.deepEqual((await search(swapped, { upTo: 40, filter })).found, expected);
  assert.equal(await index({ disk: swapped, log: kept.log }), 1);
  assert.deepEqual(swapped.contents.get(path)?.now, good);
  assert.equal(await index(kept), 0);
  await kept.log.close();
});

test("a line that was changed where an index names it is neither shown nor passed over", async () => {
  const kept = await keep(made(40, (at) => `k${at % 4}`));
  await index(kept);
  const [, segment] = listSegments(kept.disk.files, PATH);
  for (const [from, to] of [
    ['"key":"k1"', '"key":"k9"'],
    ['"outcome":"OK"', '"outcome":"NO"'],
  ] as const) {
    const changed = kept.disk.copy((path, bytes) =>
      path === segment?.path ? Buffer.from(bytes.toString("utf8").replaceAll(from, to)) : bytes,
    );
    await assert.rejects(search(changed, { upTo: 40, filter: { ...EVERYTHING, keyId: "k1" } }), { code: "INTEGRITY_FAILURE" });
    assert.deepEqual((await search(changed, { upTo: 40, filter: { ...EVERYTHING, keyId: "k9" } })).found, []);
  }
  await kept.log.close();
});

test("a value that many lines have is common, and is found all the same", async () => {
  const count = COMMON_LINES + 100;
  const kept = await keep(
    made(count + 20, (at) => (at === 5 ? "rare" : "often")),
    385 * (COMMON_LINES + 30),
  );
  const [segment, next] = listSegments(kept.disk.files, PATH);
  if (segment === undefined || next === undefined) throw new Error("two segments");
  await index(kept);
  const opened = SegmentIndex.open(kept.disk.files, segment, next.firstSequence, KEY);
  assert.equal(opened?.lines(valueOf("k", "often")), "common");
  assert.equal(opened?.lines(valueOf("k", "rare"))?.length, 1);
  assert.deepEqual(opened?.lines(valueOf("k", "never")), []);
  opened?.close();
  assert.equal((await search(kept.disk, { upTo: count, limit: 100, filter: { ...EVERYTHING, keyId: "often" } })).found.length, count - 1);
  await kept.log.close();
});

test("a search that finds nothing gives up after bounded work, says how far it looked, and goes on from there", async () => {
  const kept = await keep(made(60, () => "k"));
  const segments = listSegments(kept.disk.files, PATH).length;
  assert.ok(segments > 5);
  for (const newestFirst of [false, true]) {
    const { found, pages } = await search(kept.disk, { upTo: 60, newestFirst, scanBytes: 1, filter: { ...EVERYTHING, keyId: "none" } });
    assert.deepEqual([found, pages], [[], segments]);
  }
  await kept.log.close();
});
