/**
 * A crash between any two writes: every store has afterwards a whole number of its commits, all that were acknowledged
 * among them, and works on from there.
 */
import assert from "node:assert/strict";
import { cpSync, mkdtempSync, readFileSync, rmSync, truncateSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { recordDigest, recordName, writtenIndex, type RecordKey } from "@keystead/vault/objects/record";
import { CrashingStoreDisk } from "@keystead/vault/stores/crashing-store-files";
import { filesystemStore, type FilesystemStore } from "@keystead/vault/stores/filesystem";
import { sqliteStore } from "@keystead/vault/stores/sqlite";
import type { OutboxLine, RecordWrite, Store } from "@keystead/vault/stores/store";
import { seeded, type Random } from "../faults/seeded.ts";

const random = seeded();

/** What a store should hold, as text that can be compared. */
interface Model {
  readonly records: Map<string, { readonly key: RecordKey; readonly text: string }>;
  readonly outbox: Map<number, string>;
  durable: number;
  header: string | undefined;
}

type Step = (store: Store, model: Model) => void;

const emptyModel = (): Model => ({ records: new Map(), outbox: new Map(), durable: 0, header: undefined });
const copyOf = (model: Model): Model => ({ ...model, records: new Map(model.records), outbox: new Map(model.outbox) });
const told = ({ records, outbox, durable, header }: Model): string =>
  JSON.stringify({ records: [...records].map(([name, { text }]) => [name, text]).sort(), outbox: [...outbox].sort(), durable, header });

/** What a store holds, read in every way there is. */
async function modelOf(store: Store): Promise<Model> {
  const model = emptyModel();
  for await (const { key, bytes } of store.all()) model.records.set(recordName(key), { key, text: bytes.toString() });
  for (const { key, text } of model.records.values()) assert.equal((await store.get(key))?.toString(), text, recordName(key));
  for (const { sequence, line } of store.outbox()) model.outbox.set(sequence, line.toString());
  model.durable = store.durableSequence();
  model.header = store.header();
  for (const namespace of ["ns", "other"]) {
    const listed = (await store.list(namespace, "key", "", 1000)).map(({ id }) => id);
    const wanted = [...model.records.values()].filter(({ key }) => key.namespace === namespace && key.kind === "key");
    assert.deepEqual(listed, wanted.map(({ key }) => key.id).sort());
    for (const entry of ENTRIES) {
      const filed = wanted.filter(({ text }) => writtenIndex(Buffer.from(text)).includes(entry)).map(({ key }) => key.id);
      assert.deepEqual(
        (await store.find(namespace, [entry], "", 1000)).map(({ id }) => id),
        filed.sort(),
        `${namespace} ${entry}`,
      );
      for (const id of IDS) assert.equal(await store.isFiled(namespace, id, entry), filed.includes(id));
    }
  }
  return model;
}

const held = async (store: Store): Promise<string> => told(await modelOf(store));

const ENTRIES = ["label~1", "label~2", "algorithm=AES"];

/** A record as far as a store reads it: ASCII, so that it can be compared as text. */
function recordText(index: readonly string[], body: string): string {
  const header = JSON.stringify({ index });
  return `KSR1\0${String.fromCharCode(header.length)}${header}${body}`;
}

const IDS = ["a", "A", "key-1", ".dot", "Z.z"];

/** A commit as a vault makes them: records of one key or several, lines of the log, how far the log is durable. */
function someCommit(random: Random): Step {
  const choices = Array.from({ length: 1 + random.below(3) }, () => ({
    key: {
      namespace: random.of(["ns", "other"]),
      ...random.of([
        ...IDS.map((id) => ({ kind: "key" as const, id, version: 0 })),
        ...IDS.map((id) => ({ kind: "version" as const, id, version: 1 + random.below(3) })),
        { kind: "namespace" as const, id: "", version: 0 },
      ]),
    } satisfies RecordKey,
    index: ENTRIES.filter(() => random.below(2) === 0),
    // More than a page of the disk now and then, so that a half of it can be lost.
    body: `${random.below(1e6)}`.repeat(1 + random.below(60)),
    removes: random.below(4) === 0,
  }));
  const lineCount = random.below(3);
  return (store, model) => {
    const writes: RecordWrite[] = [];
    const after = copyOf(model);
    for (const { key, index, body, removes } of choices) {
      const text = recordText(index, body);
      const name = recordName(key);
      const now = after.records.get(name)?.text;
      if (removes && now === undefined) continue;
      const bytes = removes ? undefined : Buffer.from(text);
      writes.push({
        key,
        expected: now === undefined ? undefined : recordDigest(Buffer.from(now)),
        bytes,
        digest: bytes === undefined ? "" : recordDigest(bytes),
      });
      if (removes) after.records.delete(name);
      else after.records.set(name, { key, text });
    }
    const last = Math.max(after.durable, ...after.outbox.keys());
    const durable = Math.max(after.durable, last - 2);
    const lines: OutboxLine[] = Array.from({ length: lineCount }, (_, index) => {
      const sequence = last + 1 + index;
      return { sequence, line: Buffer.from(`line ${sequence}\n`) };
    });
    after.durable = durable;
    for (const sequence of after.outbox.keys()) if (sequence <= durable) after.outbox.delete(sequence);
    for (const { sequence, line } of lines) after.outbox.set(sequence, line.toString());
    Object.assign(model, after);
    store.commit(writes, lines, durable);
  };
}

const someStep = (random: Random): Step => {
  const chance = random.below(20);
  if (chance === 0) {
    const text = JSON.stringify({ header: random.below(1e9) });
    return (store, model) => {
      model.header = text;
      store.setHeader(text);
    };
  }
  if (chance < 3)
    return (store, model) => {
      model.durable = Math.max(model.durable, ...model.outbox.keys());
      model.outbox.clear();
      store.setDurableSequence(model.durable);
    };
  return someCommit(random);
};

/** A disk with a data folder, which exists before a store does. */
function newDisk(): CrashingStoreDisk {
  const disk = new CrashingStoreDisk();
  disk.files.makeFolder("/data");
  disk.files.syncFolder("/");
  return disk;
}

class Crash extends Error {}

test("filesystem: after a crash at any step, whole commits and all acknowledged ones are there, and it works on", async (t) => {
  t.diagnostic(`KEYSTEAD_SEED=${random.seed}`);
  let crashes = 0;
  let doubtful = 0;
  for (let round = 0; round < 400; round += 1) {
    let disk = newDisk();
    let model = emptyModel();
    for (let life = 0; life < 3; life += 1) {
      let acknowledged = copyOf(model);
      let left = 1 + random.below(life === 0 ? 200 : 60);
      const trace: string[] = [];
      disk.before = (step, path) => {
        trace.push(`${step} ${path}`);
        if (--left <= 0) throw new Crash();
      };
      let store: FilesystemStore | undefined;
      try {
        store = filesystemStore({ folder: "/data", durable: true, files: disk.files });
        for (let step = 0; step < 12; step += 1) {
          if (random.below(3) === 0) store.settle();
          const next = copyOf(model);
          const does = someStep(random);
          acknowledged = model;
          // The model first: a crash may come after the commit and before its answer.
          try {
            does(store, next);
          } finally {
            model = next;
          }
          acknowledged = model;
        }
      } catch (error) {
        const cause = (error as { cause?: unknown }).cause;
        if (!(error instanceof Crash) && !(cause instanceof Crash)) throw error;
        crashes += 1;
      }
      disk = disk.afterCrash(() => random.below(2) === 0);
      const again = filesystemStore({ folder: "/data", durable: true, files: disk.files });
      const found = await held(again);
      const possible = [told(acknowledged), told(model)];
      assert.ok(
        possible.includes(found),
        `round ${round}, life ${life}: ${found}\nis none of\n${possible.join("\n")}\nafter ${trace.slice(-12).join(", ")}`,
      );
      if (found !== told(model)) {
        doubtful += 1;
        model = acknowledged;
      }
      again.settle();
      assert.equal(await held(again), told(model), `round ${round}: settled`);
      const settled = [...disk.contents()].map(([path]) => path);
      assert.deepEqual(
        settled.filter((path) => path.endsWith(".tmp")),
        [],
      );
      assert.equal(settled.filter((path) => path.startsWith("/data/wal/")).length, 1, settled.join());
      again.close();
    }
  }
  t.diagnostic(`${crashes} crashes; in ${doubtful} the commit under way did not happen`);
  assert.ok(crashes > 500 && doubtful > 50, `${crashes} ${doubtful}`);
});

test("filesystem: a full disk refuses the commit, and takes the next when there is room; a disk that fails stops the store", async () => {
  const disk = newDisk();
  const store = filesystemStore({ folder: "/data", durable: true, files: disk.files });
  const model = emptyModel();
  for (let step = 0; step < 5; step += 1) someCommit(random)(store, model);
  for (const failing of ["write", "write on", "sync"]) {
    disk.before = (step) => {
      if (step === failing) throw Object.assign(new Error("full"), { code: "ENOSPC" });
    };
    const before = copyOf(model);
    assert.throws(() => someCommit(random)(store, copyOf(model)), { code: "ENOSPC" });
    disk.before = () => undefined;
    assert.equal(await held(store), told(before), failing);
    someCommit(random)(store, model);
    assert.equal(await held(store), told(model));
    assert.equal(await held(filesystemStore({ folder: "/data", durable: true, files: disk.afterCrash(() => false).files })), told(model));
  }
  disk.before = (step) => {
    if (step === "sync") throw Object.assign(new Error("broken"), { code: "EIO" });
  };
  assert.throws(() => someCommit(random)(store, copyOf(model)), { code: "PROVIDER_UNAVAILABLE" });
  disk.before = () => undefined;
  assert.throws(() => someCommit(random)(store, copyOf(model)), { code: "PROVIDER_UNAVAILABLE" }, "nobody knows what the disk holds");
});

test("filesystem: settling that fails loses nothing and is made up for", async () => {
  const disk = newDisk();
  const store = filesystemStore({ folder: "/data", durable: true, files: disk.files });
  const model = emptyModel();
  for (let step = 0; step < 20; step += 1) {
    someCommit(random)(store, model);
    let left = random.below(30);
    disk.before = (_, path) => {
      if (!path.includes("/wal/") && --left < 0) throw Object.assign(new Error("full"), { code: "ENOSPC" });
    };
    try {
      store.settle();
    } catch (error) {
      assert.equal((error as NodeJS.ErrnoException).code, "ENOSPC");
    }
    disk.before = () => undefined;
    assert.equal(await held(store), told(model));
  }
  store.settle();
  assert.equal(await held(filesystemStore({ folder: "/data", durable: true, files: disk.afterCrash(() => false).files })), told(model));
});

test("filesystem: a journal with a wrong line before a right one is refused", () => {
  const disk = newDisk();
  const store = filesystemStore({ folder: "/data", durable: true, files: disk.files });
  const model = emptyModel();
  for (let step = 0; step < 4; step += 1) someCommit(random)(store, model);
  const bytes = disk.files.read("/data/wal/00000001") as Buffer;
  const second = bytes.indexOf(10) + 100;
  bytes[second] = (bytes[second] as number) ^ 1;
  disk.files.write("/data/wal/00000001", bytes, true);
  assert.throws(() => filesystemStore({ folder: "/data", durable: true, files: disk.files }), { code: "INTEGRITY_FAILURE" });
});

test("sqlite: a write-ahead log cut at any byte leaves whole commits, in order, and the store works on", async (t) => {
  t.diagnostic(`KEYSTEAD_SEED=${random.seed}`);
  const folder = mkdtempSync(join(tmpdir(), "keystead-crash-"));
  t.after(() => rmSync(folder, { recursive: true, force: true }));
  const path = join(folder, "k.db");
  const store = sqliteStore({ path, wal: true, syncMode: "full" });
  t.after(() => store.close());
  const model = emptyModel();
  const states = [told(model)];
  for (let step = 0; step < 25; step += 1) {
    someCommit(random)(store, model);
    states.push(told(model));
  }
  const seen = new Set<number>();
  for (let round = 0; round < 60; round += 1) {
    const copy = join(folder, `copy-${round}.db`);
    cpSync(path, copy);
    cpSync(`${path}-wal`, `${copy}-wal`);
    truncateSync(`${copy}-wal`, random.below(readFileSync(`${path}-wal`).length + 1));
    const again = sqliteStore({ path: copy, wal: true, syncMode: "full" });
    const left = await modelOf(again);
    const state = states.indexOf(told(left));
    assert.notEqual(state, -1, `round ${round}`);
    seen.add(state);
    someCommit(random)(again, left);
    assert.equal(await held(again), told(left));
    again.close();
  }
  assert.ok(seen.size > 10, String(seen.size));
});
