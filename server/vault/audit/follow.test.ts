import assert from "node:assert/strict";
import { createSecretKey, randomBytes } from "node:crypto";
import { test } from "node:test";
import fc from "fast-check";
import type { SyncMode } from "@keystead/contract/config";
import { recordDigest, recordName } from "../objects/record.ts";
import { memoryStore } from "../stores/memory.ts";
import type { RecordWrite, Store } from "../stores/store.ts";
import { CrashingDisk } from "./crashing-files.ts";
import { parseLine, type EventFields } from "./event.ts";
import type { FileLayer, LogFile } from "./file-layer.ts";
import { Following, type FollowedLine, type Follower } from "./follow.ts";
import { AuditLog, type AuditLogOptions } from "./log.ts";
import { memoryFiles } from "./memory-files.ts";
import { recoverLog } from "./recover.ts";
import { listSegments, readLines } from "./segments.ts";
import { sampleEvent } from "./testing/sample-event.ts";

const KEY = createSecretKey(randomBytes(32));
const PATH = "/audit/audit.log";

const event = (request: string): EventFields => sampleEvent(request, { principal: "jwt:i:\u00e9" });

let made = 0;
function change(request: string): { fields: EventFields; writes: RecordWrite[] } {
  const key = { namespace: "ns", kind: "key", id: `k${++made}`, version: 0 } as const;
  const bytes = Buffer.from(request);
  const write: RecordWrite = { key, expected: undefined, bytes, digest: recordDigest(bytes) };
  return { fields: { ...event(request), records: [{ digest: write.digest, name: recordName(key) }] }, writes: [write] };
}

function open(files: FileLayer, store: Store = memoryStore(), options: Partial<AuditLogOptions> = {}): AuditLog {
  const recovered = recoverLog({ files, path: PATH, store, macKey: KEY });
  return new AuditLog(recovered, { files, path: PATH, store, macKey: KEY, syncMode: "full", ...options });
}

function linesOf(files: FileLayer): string[] {
  return listSegments(files, PATH).flatMap((segment) => [...readLines(files.open(segment.path, "read"))].map(({ line }) => line));
}

const append = (log: AuditLog, request: string, changes = false): Promise<unknown> => {
  const { fields, writes } = changes ? change(request) : { fields: event(request), writes: [] };
  return log.append(fields, writes);
};

const many = (log: AuditLog, count: number, name = "x"): Promise<unknown> =>
  Promise.all(Array.from({ length: count }, (_, index) => append(log, `${name}${index}`)));

/** Everything that may be had now. */
async function drain(follower: Follower, lines?: number): Promise<FollowedLine[]> {
  const all: FollowedLine[] = [];
  for (;;) {
    const some = await follower.next({ waitMs: 0, ...(lines === undefined ? {} : { lines }) });
    if (some === undefined || some.length === 0) return all;
    assert.ok(lines === undefined || some.length <= lines);
    all.push(...some);
  }
}

function assertFollowed(got: readonly FollowedLine[], all: readonly string[], after: number): void {
  assert.deepEqual(
    got.map(({ line }) => line),
    all.slice(after, after + got.length),
  );
  for (const [index, { sequence, line, hash }] of got.entries()) {
    assert.equal(sequence, after + 1 + index);
    assert.equal(hash, parseLine(line)?.hash);
  }
}

test("whatever is appended and whenever they ask, followers from anywhere get every line once, in order, as it stands", async () => {
  const step = fc.oneof(
    fc.record({ kind: fc.constant("append" as const), count: fc.integer({ min: 1, max: 40 }), changes: fc.boolean() }),
    fc.record({ kind: fc.constant("follow" as const), from: fc.double({ min: 0, max: 1, noNaN: true }) }),
    fc.record({ kind: fc.constant("pull" as const), who: fc.nat(), lines: fc.integer({ min: 1, max: 30 }) }),
    fc.record({ kind: fc.constant("leave" as const), who: fc.nat() }),
  );
  await fc.assert(
    fc.asyncProperty(fc.array(step, { maxLength: 30 }), fc.constantFrom<SyncMode>("full", "normal", "none"), async (steps, syncMode) => {
      const files = memoryFiles();
      const log = open(files, memoryStore(), { segmentBytes: 3000, syncMode });
      const followers: { follower: Follower; after: number; got: FollowedLine[] }[] = [];
      for (const [index, does] of steps.entries()) {
        if (does.kind === "append")
          await Promise.all(Array.from({ length: does.count }, (_, at) => append(log, `${index}/${at}`, does.changes && at % 5 === 0)));
        else if (does.kind === "follow") {
          const after = Math.floor(does.from * log.sequence);
          followers.push({ follower: log.follow(after), after, got: [] });
        } else if (followers.length > 0) {
          const chosen = followers[does.who % followers.length] as (typeof followers)[number];
          if (does.kind === "leave") {
            chosen.follower.cancel();
            assert.equal(await chosen.follower.next(), undefined);
            followers.splice(followers.indexOf(chosen), 1);
            continue;
          }
          chosen.got.push(...((await chosen.follower.next({ lines: does.lines, waitMs: 0 })) ?? []));
          assert.equal(chosen.follower.after, chosen.after + chosen.got.length);
        }
      }
      await log.close();
      const all = linesOf(files);
      for (const { follower, after, got } of followers) {
        got.push(...(await drain(follower)));
        assert.equal(await follower.next(), undefined, "the log is closed");
        assertFollowed(got, all, after);
        assert.equal(after + got.length, all.length);
      }
    }),
    { numRuns: 150 },
  );
});

test("who waits is woken by the next event, and by nothing else", async () => {
  const log = open(memoryFiles());
  await many(log, 3);
  const follower = log.follow(3);
  const waiting = follower.next();
  await append(log, "now");
  assert.deepEqual(
    (await waiting)?.map(({ sequence }) => sequence),
    [4],
  );
  assert.deepEqual(await follower.next({ waitMs: 1 }), []);
  await log.close();
});

test("one call at a time: a second one while the first waits is a mistake of the caller", async () => {
  const log = open(memoryFiles());
  const follower = log.follow(0);
  const waiting = follower.next();
  await assert.rejects(follower.next(), TypeError);
  follower.cancel();
  assert.equal(await waiting, undefined);
  await log.close();
});

test("cancelling ends a wait and stays; closing the log ends it after all of it was handed out", async () => {
  const log = open(memoryFiles());
  const [cancelled, last] = [log.follow(0), log.follow(0)];
  const [first, second] = [cancelled.next(), last.next()];
  cancelled.cancel();
  cancelled.cancel();
  assert.equal(await first, undefined);
  assert.equal(await cancelled.next(), undefined);
  await append(log, "one");
  assert.equal((await second)?.length, 1);
  const third = last.next();
  await log.close();
  assert.equal(await third, undefined);
  const late = log.follow(0);
  assert.equal((await late.next())?.length, 1);
  assert.equal(await late.next(), undefined);
});

/** Counts what is read, and lets a write fail halfway. */
function watched(inner: FileLayer): { files: FileLayer; counts: { bytes: number; opened: number }; tear: (error?: Error) => void } {
  const counts = { bytes: 0, opened: 0 };
  let tearing: Error | undefined;
  const torn = (file: LogFile, bytes: Buffer, position: number): void => {
    if (tearing === undefined) return;
    // Whole lines and half of one reach the file before the disk is full.
    file.write(bytes.subarray(0, Math.floor(bytes.length * 0.7)), position);
    throw tearing;
  };
  const files: FileLayer = {
    ...inner,
    open(path, mode) {
      if (mode === "read") counts.opened += 1;
      const file = inner.open(path, mode);
      return {
        ...file,
        read(target, position) {
          const read = file.read(target, position);
          counts.bytes += read;
          return read;
        },
        async writeDurable(bytes, position) {
          torn(file, bytes, position);
          await file.writeDurable(bytes, position);
        },
        writeDurableNow(bytes, position) {
          torn(file, bytes, position);
          file.writeDurableNow(bytes, position);
        },
      };
    },
  };
  return { files, counts, tear: (error) => (tearing = error) };
}

test("who keeps up reads no file; who lags behind reads each byte about once", async () => {
  const { files, counts } = watched(memoryFiles());
  const log = open(files, memoryStore(), { segmentBytes: 400_000 });
  const quick = log.follow(0);
  const slow = log.follow(0);
  const before = counts.bytes;
  const got: FollowedLine[] = [];
  for (let round = 0; round < 16; round += 1) {
    await many(log, 700, `${round}/`);
    got.push(...(await drain(quick)));
  }
  assert.equal(counts.bytes, before, "a follower that keeps up has read a file");
  const all = linesOf(files);
  assertFollowed(got, all, 0);
  counts.bytes = 0;
  assertFollowed(await drain(slow, 7), all, 0);
  const size = all.reduce((sum, line) => sum + Buffer.byteLength(line) + 1, 0);
  assert.ok(size > 4_000_000, "more than is kept in memory");
  assert.ok(counts.bytes < size * 1.5, `${counts.bytes} bytes read of ${size}`);
  counts.bytes = 0;
  const middle = log.follow(7000);
  assert.equal((await middle.next())?.[0]?.sequence, 7001);
  assert.ok(counts.bytes < 3_000_000, "one segment is looked through for the place");
  await log.close();
});

test("what a full disk took back is never shown, also when whole lines of it were in the file", async () => {
  const { files, tear } = watched(memoryFiles());
  const log = open(files);
  await many(log, 2);
  const [early, fromFile] = [log.follow(0), log.follow(0)];
  assert.equal((await early.next())?.length, 2);
  tear(Object.assign(new Error("full"), { code: "ENOSPC" }));
  const results = await Promise.allSettled(Array.from({ length: 9 }, (_, index) => append(log, `refused ${index}`)));
  assert.ok(results.every(({ status }) => status === "rejected"));
  assert.deepEqual(await early.next({ waitMs: 0 }), []);
  assert.equal((await drain(fromFile)).length, 2);
  tear();
  await append(log, "good");
  for (const follower of [early, fromFile, log.follow(2)])
    assert.deepEqual(
      (await drain(follower)).map(({ line }) => parseLine(line)?.event.request),
      ["good"],
    );
  await log.close();
});

test("a log that stops tells its followers, after what it had acknowledged", async () => {
  const disk = new CrashingDisk();
  const log = open(disk.files);
  await many(log, 2);
  const [close, far] = [log.follow(2), log.follow(0)];
  const waiting = close.next();
  disk.before = (step) => {
    if (step === "write") throw Object.assign(new Error("EIO"), { code: "EIO" });
  };
  // Durable in the store, and not in the segment.
  await append(log, "change", true);
  assert.equal((await waiting)?.[0]?.sequence, 3);
  await assert.rejects(close.next(), { code: "AUDIT_UNAVAILABLE" });
  assert.equal((await far.next({ lines: 2 }))?.length, 2);
  assert.equal((await far.next({ lines: 2 }))?.length, 1);
  await assert.rejects(far.next(), { code: "AUDIT_UNAVAILABLE" });
  await assert.rejects(log.follow(3).next(), { code: "AUDIT_UNAVAILABLE" });
  await log.close();
});

test("normal: lines are shown when they are durable", async () => {
  const disk = new CrashingDisk();
  const log = open(disk.files, memoryStore(), { syncMode: "normal" });
  const follower = log.follow(0);
  await append(log, "one");
  assert.deepEqual([follower.upTo, await follower.next({ waitMs: 0 })], [0, []]);
  const alive = setInterval(() => undefined, 1000);
  assert.equal((await follower.next())?.length, 1);
  clearInterval(alive);
  assert.equal(linesOf(disk.afterCrash(() => false).files).length, 1);
  await log.close();
});

test("a changed, missing, doubled or foreign line on the disk is not shown: it is named", async () => {
  const disk = new CrashingDisk();
  const store = memoryStore();
  const log = open(disk.files, store, { segmentBytes: 2500 });
  for (let index = 0; index < 20; index += 1) await append(log, String(index));
  await log.close();
  const segment = listSegments(disk.files, PATH)[1] as { path: string; firstSequence: number };
  const bytes = disk.contents.get(segment.path)?.now as Buffer;
  const whole = bytes.toString("utf8").trimEnd().split("\n");
  const followed = async (lines: readonly string[] | undefined, after = 0): Promise<string> => {
    const changed = disk.copy((path, old) => (path !== segment.path ? old : lines && Buffer.from(`${lines.join("\n")}\n`)));
    const follower = new Following({ files: changed.files, path: PATH, macKey: KEY, upTo: () => 20, stopped: () => undefined }).follow(
      after,
    );
    try {
      for (let seen = after; seen < 20;) seen += (await follower.next())?.length ?? 0;
    } catch (error) {
      return `${(error as { code: string }).code} ${/event (\d+):/.exec((error as Error).message)?.[1]} after ${follower.after}`;
    } finally {
      follower.cancel();
    }
    return "nothing";
  };
  const at = segment.firstSequence;
  assert.equal(await followed(whole), "nothing");
  for (const line of [0, 1, whole.length - 1]) {
    for (const forge of [
      (text: string) => text.replace('"allow"', '"refuse"'),
      () => "",
      () => whole[(line + 1) % whole.length] as string,
    ]) {
      const said = await followed(whole.map((text, index) => (index === line ? forge(text) : text)));
      assert.ok(said.startsWith(`INTEGRITY_FAILURE ${at + line} `), said);
    }
  }
  assert.match(await followed(whole.slice(0, -1)), new RegExp(`^INTEGRITY_FAILURE ${at + whole.length - 1} `));
  assert.match(await followed(undefined, at - 1), new RegExp(`^INTEGRITY_FAILURE ${at} `));
});

test("a genuine line that was never acknowledged, put in the place of another, is found at the next one", async () => {
  const disk = new CrashingDisk();
  const log = open(disk.files);
  await append(log, "1");
  const other = disk.copy();
  const fork = open(other.files);
  await append(fork, "never");
  await fork.close();
  const stolen = linesOf(other.files)[1] as string;
  await many(log, 2);
  await log.close();
  const [one, , three] = linesOf(disk.files) as [string, string, string];
  const forged = disk.copy(() => Buffer.from(`${one}\n${stolen}\n${three}\n`));
  const follower = new Following({ files: forged.files, path: PATH, macKey: KEY, upTo: () => 3, stopped: () => undefined }).follow(0);
  await assert.rejects(follower.next(), { code: "INTEGRITY_FAILURE", detail: /event 3: the chain/ });
});

// ---- crashes

function random(seed: number): () => boolean {
  let state = seed;
  return () => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return state > 0x7fffffff;
  };
}

/** A life of a log that ends at a step of its disk or store; what followers had been shown by then. */
async function live(mode: SyncMode, last: number): Promise<{ disk: CrashingDisk; store: Store; shown: FollowedLine[]; steps: number }> {
  const disk = new CrashingDisk();
  const inner = memoryStore();
  let steps = 0;
  const step = (): void => {
    if (++steps > last) throw Object.assign(new Error("dead"), { code: "EIO" });
  };
  disk.before = step;
  const store: Store = {
    ...inner,
    commit(...args) {
      step();
      inner.commit(...args);
      step();
    },
  };
  const shown: FollowedLine[] = [];
  try {
    const log = open(disk.files, store, { syncMode: mode, segmentBytes: 2500 });
    const pull = async (follower: Follower): Promise<void> => {
      const got = await drain(follower);
      if (steps <= last) shown.push(...got);
    };
    const follower = log.follow(0);
    for (let round = 0; round < 12; round += 1) {
      await Promise.allSettled([append(log, `${round}a`), append(log, `${round}b`, round % 3 === 1), append(log, `${round}c`)]);
      await pull(follower);
      if (round % 4 === 0) await pull(log.follow(0));
    }
    await log.close();
    await pull(follower);
  } catch {
    // Died.
  }
  return { disk, store: inner, shown, steps };
}

for (const mode of ["full", "normal"] as const) {
  test(`${mode}: after a crash at any step, with any unsynced pages lost, the log still has every line that a follower was shown`, async () => {
    const { steps, shown } = await live(mode, Infinity);
    assert.ok(steps > 20 && shown.length >= 36);
    for (let last = 0; last <= steps; last += 1) {
      for (const keep of [() => false, () => true, random(last), random(last + 1000), random(last + 2000)]) {
        const life = await live(mode, last);
        const left = life.disk.afterCrash(keep);
        const log = open(left.files, life.store, { segmentBytes: 2500 });
        const lines = linesOf(left.files);
        for (const { sequence, line } of life.shown)
          assert.equal(lines[sequence - 1], line, `step ${last}: event ${sequence} was shown and is lost`);
        await log.close();
      }
    }
  });
}
