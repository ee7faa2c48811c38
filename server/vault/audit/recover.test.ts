/** Crashes at every step: what a start makes of what they left, and that nothing acknowledged is missing. */
import assert from "node:assert/strict";
import { test } from "node:test";
import type { SyncMode } from "@keystead/contract/config";
import { memoryStore } from "../stores/memory.ts";
import type { Store } from "../stores/store.ts";
import { CrashingDisk } from "./crashing-files.ts";
import { parseLine } from "./event.ts";
import type { Receipt } from "./log.ts";
import { recoverLog } from "./recover.ts";
import { listSegments } from "./segments.ts";
import { KEY, PATH, agree, change, event, ioError, lines, open, verify } from "./testing/opened-log.ts";

interface Life {
  readonly disk: CrashingDisk;
  readonly store: Store;
  readonly acknowledged: Receipt[];
  readonly steps: number;
}

/** A life of a log that ends, at the latest, at step `last`: from then on the disk and the store do nothing. */
async function live(mode: SyncMode, last: number): Promise<Life> {
  const disk = new CrashingDisk();
  const inner = memoryStore();
  let steps = 0;
  const step = (): void => {
    if (++steps > last) throw ioError("dead");
  };
  disk.before = step;
  const store: Store = {
    ...inner,
    commit(...args) {
      step();
      inner.commit(...args);
      step();
    },
    setDurableSequence(sequence) {
      step();
      inner.setDurableSequence(sequence);
    },
  };
  const acknowledged: Receipt[] = [];
  try {
    const { log } = open(disk.files, store, { syncMode: mode, segmentBytes: 2500 });
    const does = async (...appends: Promise<Receipt>[]): Promise<void> => {
      const results = await Promise.allSettled(appends);
      if (steps <= last) for (const result of results) if (result.status === "fulfilled") acknowledged.push(result.value);
    };
    const put = (id: string, text: string, before?: string): Promise<Receipt> => {
      const made = change(id, text, before);
      return log.append(made.fields, made.writes);
    };
    await does(log.append(event("1")), log.append(event("2")));
    await does(put("a", "1"));
    await does(put("a", "2", "1"), put("b", "1"), log.append(event("beside")));
    await does(log.append(event("3")), log.append(event("x".repeat(700))));
    await does(put("b", "2", "1"), log.append(event("4")));
    await does(log.append(event("5")));
    await does(put("c", "1"));
    await does(put("d", "1"), put("c", "2", "1"));
    await does(log.append(event("6")));
    await log.close();
  } catch {
    // Died at start or close.
  }
  return { disk, store: inner, acknowledged, steps };
}

async function afterwards({ disk, store, acknowledged }: Life, keep: () => boolean, lossless: boolean): Promise<void> {
  const left = disk.afterCrash(keep);
  const { log } = open(left.files, store, { segmentBytes: 2500 });
  const report = await verify(left.files);
  assert.equal(report.bad, undefined);
  assert.equal(report.events, log.sequence);
  if (lossless) {
    const hashes = lines(left.files).map((line) => parseLine(line)?.hash);
    for (const { sequence, hash } of acknowledged)
      assert.equal(hashes[sequence - 1], hash, `event ${sequence} was acknowledged and is lost`);
  }
  await agree(store, log.anchors());
  assert.deepEqual(report.anchors, log.anchors());
  await log.append(event("the next life"));
  const made = change("later", "1");
  await log.append(made.fields, made.writes);
  await log.close();
  assert.equal((await verify(left.files)).bad, undefined);
  assert.equal(store.outbox().length, 0);
}

function random(seed: number): () => boolean {
  let state = seed;
  return () => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return state > 0x7fffffff;
  };
}

for (const mode of ["full", "normal", "none"] as const) {
  test(`${mode}: after a crash at any step, with any unsynced pages lost, the log recovers${mode === "full" ? " and nothing acknowledged is missing" : " without a gap"}`, async () => {
    const { steps } = await live(mode, Infinity);
    assert.ok(steps > 20);
    for (let last = 0; last <= steps; last++) {
      const choices = [() => false, () => true, ...Array.from({ length: 6 }, (_, index) => random(last * 100 + index))];
      for (const keep of choices) await afterwards(await live(mode, last), keep, mode === "full");
    }
  });
}

test("the segment may be cut at any byte after its last sync: nothing acknowledged is lost, torn lines go, the outbox comes back", async () => {
  const disk = new CrashingDisk();
  const store = memoryStore();
  const { log } = open(disk.files, store);
  for (let index = 0; index < 3; index++) await log.append(event(String(index)));
  const [segment] = listSegments(disk.files, PATH);
  const path = segment?.path as string;
  const whole = (): Buffer => disk.contents.get(path)?.now as Buffer;
  const durableEnd = whole().indexOf(0);
  const made = change("k", "1");
  await Promise.all([log.append(made.fields, made.writes), log.append(event("é"))]);
  const wholeEnd = whole().indexOf(0);
  const expected = whole().subarray(0, wholeEnd);
  assert.ok(wholeEnd > durableEnd + 500);
  const commitAgain = (): Store => {
    const copy = memoryStore();
    copy.commit(made.writes, store.outbox(), store.durableSequence());
    return copy;
  };
  for (let cut = durableEnd; cut <= wholeEnd; cut++) {
    for (const zeros of [0, 1000]) {
      const left = disk.copy((_path, bytes) => Buffer.concat([bytes.subarray(0, cut), Buffer.alloc(zeros)]));
      const next = open(left.files, commitAgain());
      assert.equal(next.log.sequence, 5, `cut at ${cut}`);
      assert.ok(left.contents.get(path)?.durable.subarray(0, wholeEnd).equals(expected), `cut at ${cut}: not byte for byte`);
      await next.log.close();
      assert.equal((await verify(left.files)).events, 5);
    }
  }
});

test("an outbox that does not continue the log is refused, as is one that differs from it", async () => {
  const disk = new CrashingDisk();
  const store = memoryStore();
  const { log } = open(disk.files, store);
  await log.append(event("1"));
  const made = change("k", "1");
  await log.append(made.fields, made.writes);
  await log.append(event("3"));
  const more = change("j", "1");
  await log.append(more.fields, more.writes);
  const good = store.outbox().find(({ sequence }) => sequence === 4);
  const forge = (sequence: number, line: Buffer): Store => {
    const copy = memoryStore();
    copy.commit([], [{ sequence, line }], 3);
    return copy;
  };
  const bytes = good?.line as Buffer;
  const torn = disk.afterCrash(() => false);
  assert.equal(lines(torn.files).length, 3);
  // The line of event 5, where 4 is missing.
  const last = change("i", "1");
  await log.append(last.fields, last.writes);
  const line5 = store.outbox().find(({ sequence }) => sequence === 5)?.line as Buffer;
  for (const [sequence, line] of [
    [4, Buffer.from("garbage\n")],
    [5, line5],
    [4, Buffer.concat([bytes.subarray(0, 40), Buffer.from([(bytes[40] as number) ^ 1]), bytes.subarray(41)])],
  ] as const) {
    assert.throws(() => recoverLog({ files: torn.copy().files, path: PATH, store: forge(sequence, line), macKey: KEY }), {
      code: "INTEGRITY_FAILURE",
    });
  }
  assert.throws(() => recoverLog({ files: disk.copy().files, path: PATH, store: forge(4, Buffer.from("another\n")), macKey: KEY }), {
    code: "INTEGRITY_FAILURE",
    detail: /differs/,
  });
});

test("an outbox is enough: a log whose files never reached the disk comes back from it", async () => {
  const disk = new CrashingDisk();
  const store = memoryStore();
  const { log } = open(disk.files, store);
  const made = change("k", "1");
  await log.append(made.fields, made.writes);
  const next = open(new CrashingDisk().files, store);
  assert.deepEqual([next.log.sequence, next.replayedLines], [1, 1]);
  await agree(store, next.log.anchors());
});
