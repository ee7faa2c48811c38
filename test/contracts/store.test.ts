/** The contract of server/vault/stores/store.ts, held against every store. A new store is one more line in STORES. */
import assert from "node:assert/strict";
import { fork } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { test, type TestContext } from "node:test";
import fc from "fast-check";
import { recordDigest, recordName, type RecordKey, type RecordKind } from "@keystead/vault/objects/record";
import { filesystemStore } from "@keystead/vault/stores/filesystem";
import { memoryStore } from "@keystead/vault/stores/memory";
import { sqliteStore } from "@keystead/vault/stores/sqlite";
import type { RecordWrite, Store } from "@keystead/vault/stores/store";

interface Subject {
  readonly store: Store;
  /** Closes and opens again what a process would find after a restart; undefined for stores that forget. */
  readonly reopen: (() => Store) | undefined;
}

function folder(t: TestContext): string {
  const path = mkdtempSync(join(tmpdir(), "keystead-store-"));
  t.after(() => rmSync(path, { recursive: true, force: true }));
  return path;
}

const open = (path: string, wal = true): Store => sqliteStore({ path: join(path, "k.db"), wal, syncMode: "full" });

function sqlite(t: TestContext, wal: boolean): Subject {
  const path = folder(t);
  let store = open(path, wal);
  t.after(() => store.close());
  return {
    store,
    reopen: () => {
      store.close();
      store = open(path, wal);
      return store;
    },
  };
}

/** Files on the disk; with `settled`, every commit is in its files before the next. */
function files(t: TestContext, settled: boolean): Subject {
  const path = folder(t);
  const begin = (): Store => {
    const opened = filesystemStore({ folder: path, durable: true });
    return !settled ? opened : { ...methodsOf(opened), commit: (...step) => (opened.commit(...step), opened.settle()) };
  };
  let store = begin();
  t.after(() => store.close());
  return {
    store,
    reopen: () => {
      store.close();
      store = begin();
      return store;
    },
  };
}

/** A store's methods by themselves, so that one of them can be exchanged. */
const methodsOf = (store: Store): Store => ({
  name: store.name,
  get: (key) => store.get(key),
  list: (...asked) => store.list(...asked),
  find: (...asked) => store.find(...asked),
  isFiled: (...asked) => store.isFiled(...asked),
  namespaces: () => store.namespaces(),
  all: () => store.all(),
  commit: (...step) => store.commit(...step),
  outbox: () => store.outbox(),
  durableSequence: () => store.durableSequence(),
  setDurableSequence: (sequence) => store.setDurableSequence(sequence),
  header: () => store.header(),
  setHeader: (header) => store.setHeader(header),
  close: () => store.close(),
});

const STORES: readonly (readonly [string, (t: TestContext) => Subject])[] = [
  ["memory", () => ({ store: memoryStore(), reopen: undefined })],
  ["sqlite, write-ahead log", (t) => sqlite(t, true)],
  ["sqlite, rollback journal", (t) => sqlite(t, false)],
  ["filesystem", (t) => files(t, false)],
  ["filesystem, settled after every commit", (t) => files(t, true)],
];

const key = (id: string, namespace = "ns", kind: RecordKind = "key", version = 0): RecordKey => ({ namespace, kind, id, version });
const put = (at: RecordKey, text: string, expected?: string): RecordWrite => ({
  key: at,
  expected,
  bytes: Buffer.from(text),
  digest: recordDigest(Buffer.from(text)),
});
/** The bytes of a record that says what it is filed under, as far as a store reads it. */
function filedUnder(index: readonly string[], text = ""): Buffer {
  const header = Buffer.from(JSON.stringify({ index }));
  const length = Buffer.alloc(2);
  length.writeUInt16BE(header.length);
  return Buffer.concat([Buffer.from("KSR1"), length, header, Buffer.from(text)]);
}
const file = (at: RecordKey, index: readonly string[], before?: readonly string[]): RecordWrite => ({
  key: at,
  expected: before === undefined ? undefined : recordDigest(filedUnder(before)),
  bytes: filedUnder(index),
  digest: recordDigest(filedUnder(index)),
});
const found = async (store: Store, entries: readonly string[], after = "", limit = 100, namespace = "ns"): Promise<string[]> =>
  (await store.find(namespace, entries, after, limit)).map(({ id }) => id);
const digestOf = (text: string): string => recordDigest(Buffer.from(text));
const remove = (at: RecordKey, expected: string | undefined): RecordWrite => ({ key: at, expected, bytes: undefined, digest: "" });
const line = (sequence: number): { sequence: number; line: Buffer } => ({ sequence, line: Buffer.from(`line ${sequence}\n`) });
const text = async (store: Store, at: RecordKey): Promise<string | undefined> => (await store.get(at))?.toString();

async function everything(store: Store): Promise<Record<string, string>> {
  const all: Record<string, string> = {};
  for await (const { key: at, bytes } of store.all()) all[recordName(at)] = bytes.toString();
  return all;
}

const facts = async (store: Store): Promise<unknown> => ({
  records: await everything(store),
  outbox: store.outbox().map(({ sequence, line: bytes }) => [sequence, bytes.toString()]),
  durable: store.durableSequence(),
});

for (const [name, make] of STORES) {
  const holds = (sentence: string, body: (subject: Subject, t: TestContext) => Promise<void> | void): void => {
    test(`${name}: ${sentence}`, (t) => body(make(t), t));
  };

  holds("a new store is empty", async ({ store }) => {
    assert.deepEqual(await facts(store), { records: {}, outbox: [], durable: 0 });
    assert.equal(await store.get(key("a")), undefined);
    assert.deepEqual(await store.list("ns", "key", "", 10), []);
    assert.deepEqual(await store.namespaces(), []);
  });

  holds("what was committed is read back byte for byte, under its own name only", async ({ store }) => {
    const bytes = Buffer.from(Array.from({ length: 256 }, (_, index) => index));
    store.commit([{ key: key("a"), expected: undefined, bytes, digest: recordDigest(bytes) }], [], 0);
    bytes.fill(0);
    assert.deepEqual(
      [...((await store.get(key("a"))) as Buffer)],
      Array.from({ length: 256 }, (_, index) => index),
    );
    for (const other of [key("b"), key("a", "ms"), key("a", "ns", "version"), key("a", "ns", "key", 1), key("A")])
      assert.equal(await store.get(other), undefined);
  });

  holds("the last write of a record counts, and a deletion makes it absent", async ({ store }) => {
    store.commit([put(key("a"), "1")], [], 0);
    store.commit([put(key("a"), "2", digestOf("1"))], [], 0);
    assert.equal(await text(store, key("a")), "2");
    store.commit([remove(key("a"), digestOf("2"))], [], 0);
    assert.equal(await text(store, key("a")), undefined);
    store.commit([put(key("a"), "3")], [], 0);
    assert.equal(await text(store, key("a")), "3");
  });

  const STALE: readonly (readonly [string, RecordWrite])[] = [
    ["a new record where one is", put(key("a"), "x")],
    ["another digest", put(key("a"), "x", digestOf("0"))],
    ["a replacement of none", put(key("none"), "x", digestOf("1"))],
    ["a deletion of none", remove(key("none"), digestOf("1"))],
    ["a deletion with another digest", remove(key("a"), digestOf("0"))],
    ["a deletion that expects nothing", remove(key("a"), undefined)],
  ];
  for (const [what, write] of STALE) {
    for (const place of ["first", "middle", "last"]) {
      holds(`${what}, ${place} among good writes, changes nothing at all`, async ({ store }) => {
        store.commit([put(key("a"), "1"), put(key("d"), "1")], [line(1)], 0);
        const before = await facts(store);
        const good = [put(key("b"), "1"), put(key("d"), "2", digestOf("1"))];
        const writes =
          place === "first"
            ? [write, ...good]
            : place === "last"
              ? [...good, write]
              : [good[0] as RecordWrite, write, good[1] as RecordWrite];
        assert.throws(() => store.commit(writes, [line(2)], 1), { code: "OBJECT_CHANGED" });
        assert.deepEqual(await facts(store), before);
        store.commit(good, [line(2)], 1);
        assert.deepEqual(
          [await text(store, key("b")), store.durableSequence(), store.outbox().map(({ sequence }) => sequence)],
          ["1", 1, [2]],
        );
      });
    }
  }

  holds("writes of one commit see one another: a second creation of one record is refused", async ({ store }) => {
    assert.throws(() => store.commit([put(key("a"), "1"), put(key("a"), "2")], [], 0), { code: "OBJECT_CHANGED" });
    assert.equal(await store.get(key("a")), undefined);
    store.commit([put(key("a"), "1"), put(key("a"), "2", digestOf("1"))], [], 0);
    assert.equal(await text(store, key("a")), "2");
  });

  holds("a log line that cannot be kept takes the records of its commit with it", async ({ store }) => {
    store.commit([], [line(5)], 0);
    const before = await facts(store);
    assert.throws(() => store.commit([put(key("a"), "1")], [line(6), line(5)], 0));
    assert.deepEqual(await facts(store), before);
  });

  holds("lists are in byte order, of one namespace and kind, without versions, in pages that join up", async ({ store }) => {
    const ids = ["a", "B", "b", "0", "-", ".", "_", "aa", "a-", "a.b", "Z", "z", "key-10", "key-9"];
    store.commit(
      [
        ...ids.map((id) => put(key(id), id)),
        put(key("a", "other"), "x"),
        put(key("a", "ns", "version", 1), "x"),
        put(key("", "ns", "namespace"), "x"),
      ],
      [],
      0,
    );
    const expected = ids.toSorted((a, b) => Buffer.compare(Buffer.from(a), Buffer.from(b)));
    assert.deepEqual(
      (await store.list("ns", "key", "", 100)).map(({ id, bytes }) => [id, bytes.toString()]),
      expected.map((id) => [id, id]),
    );
    for (const limit of [1, 2, 3, 13, 14, 15]) {
      const seen: string[] = [];
      for (let after = ""; ;) {
        const page = await store.list("ns", "key", after, limit);
        assert.ok(page.length <= limit);
        if (page.length === 0) break;
        seen.push(...page.map(({ id }) => id));
        after = seen.at(-1) as string;
      }
      assert.deepEqual(seen, expected, `pages of ${limit}`);
    }
    assert.deepEqual(
      (await store.list("ns", "key", "a5", 2)).map(({ id }) => id),
      expected.filter((id) => id > "a5").slice(0, 2),
    );
    assert.deepEqual(await store.list("n", "key", "", 10), []);
  });

  holds("keys are found by what their records name, each with its record, in pages that join up", async ({ store }) => {
    const ids = ["a", "B", "b", "0", "-", ".", "aa", "a.b", "Z", "z"];
    store.commit(
      ids.map((id, at) => file(key(id), ["every", at % 2 === 0 ? "even" : "odd", ...(id === "aa" ? ["rare"] : [])])),
      [],
      0,
    );
    store.commit([file(key("elsewhere", "other"), ["every", "even"])], [], 0);
    store.commit([file(key("a", "ns", "version", 1), ["every", "even"]), file(key("", "ns", "namespace"), ["every", "even"])], [], 0);
    const sorted = ids.toSorted((a, b) => Buffer.compare(Buffer.from(a), Buffer.from(b)));
    assert.deepEqual(await found(store, ["every"]), sorted);
    for (const limit of [1, 2, 3, 9, 10, 11]) {
      const seen: string[] = [];
      for (let page = await found(store, ["every"], "", limit); page.length > 0; page = await found(store, ["every"], seen.at(-1), limit))
        seen.push(...page);
      assert.deepEqual(seen, sorted, `pages of ${limit}`);
    }
    const even = sorted.filter((id) => ids.indexOf(id) % 2 === 0);
    assert.deepEqual(await found(store, ["even"]), even);
    assert.deepEqual(await found(store, ["every", "even"]), even);
    assert.deepEqual(await found(store, ["even", "every"], even[1], 2), even.slice(2, 4));
    assert.deepEqual(await found(store, ["rare", "even", "every"]), ["aa"]);
    assert.deepEqual(await found(store, ["rare", "odd"]), []);
    assert.deepEqual(await found(store, ["odd", "nothing"]), []);
    assert.deepEqual(await found(store, []), []);
    assert.deepEqual(await found(store, ["every"], "", 100, "other"), ["elsewhere"]);
    assert.deepEqual(await found(store, ["every"], "", 100, "none"), []);
    assert.deepEqual((await store.find("ns", ["rare"], "", 5))[0]?.bytes, filedUnder(["every", "even", "rare"]));
    assert.deepEqual(
      [await store.isFiled("ns", "aa", "rare"), await store.isFiled("ns", "a", "rare"), await store.isFiled("other", "aa", "rare")],
      [true, false, false],
    );
  });

  holds("what a key is filed under changes with its record, and not without it", async ({ store, reopen }) => {
    store.commit([file(key("a"), ["x", "y"]), file(key("b"), ["y"]), put(key("c"), "no record at all")], [], 0);
    store.commit([file(key("a"), ["y", "z"], ["x", "y"])], [], 0);
    assert.deepEqual([await found(store, ["x"]), await found(store, ["y"]), await found(store, ["z"])], [[], ["a", "b"], ["a"]]);
    assert.throws(() => store.commit([file(key("b"), ["w"], ["y"]), file(key("a"), ["w"], ["x"])], [], 0), { code: "OBJECT_CHANGED" });
    assert.deepEqual([await found(store, ["w"]), await found(store, ["y"])], [[], ["a", "b"]]);
    store.commit([remove(key("b"), recordDigest(filedUnder(["y"])))], [], 0);
    store.commit([file(key("b"), ["again"])], [], 0);
    const again = reopen?.() ?? store;
    assert.deepEqual([await found(again, ["y"]), await found(again, ["again"]), await found(again, ["x"])], [["a"], ["b"], []]);
    assert.equal(await again.isFiled("ns", "b", "y"), false);
  });

  holds("namespaces are those with a namespace record, in order", async ({ store }) => {
    store.commit(
      [..."cab"].map((namespace) => put(key("", namespace, "namespace"), namespace)),
      [],
      0,
    );
    store.commit([put(key("k", "without"), "x")], [], 0);
    assert.deepEqual(await store.namespaces(), ["a", "b", "c"]);
  });

  holds("all() gives every record once, whatever is committed while it is read", async ({ store }) => {
    const ids = Array.from({ length: 1200 }, (_, index) => `k${String(index).padStart(5, "0")}`);
    store.commit(
      ids.map((id) => put(key(id), "old")),
      [],
      0,
    );
    const seen = new Map<string, string>();
    let turn = 0;
    let rounds = 0;
    for await (const { key: at, bytes } of store.all()) {
      assert.equal(seen.has(at.id), false, `${at.id} came twice`);
      seen.set(at.id, bytes.toString());
      if (turn++ % 100 === 0 && rounds < 12) {
        rounds += 1;
        const step = turn;
        store.commit([put(key(`a${step}`), "new"), put(key(`z${step}`), "new")], [], 0);
        const late = ids.at(-rounds) as string;
        store.commit([put(key(late), "changed", digestOf("old"))], [], 0);
        store.commit([remove(key(ids[step + 3] as string), digestOf("old"))], [], 0);
      }
    }
    const now = await everything(store);
    for (const id of ids) if (recordName(key(id)) in now) assert.ok(seen.has(id), `${id} never came`);
    assert.equal(Object.keys(now).length, 1200 + 24 - 12);
  });

  holds("outbox lines stay until they are durable elsewhere, in order of sequence, byte for byte", async ({ store }) => {
    store.commit([], [line(1), line(2)], 0);
    store.commit([], [line(3)], 1);
    assert.deepEqual(
      store.outbox().map(({ sequence, line: bytes }) => [sequence, bytes.toString()]),
      [
        [2, "line 2\n"],
        [3, "line 3\n"],
      ],
    );
    assert.equal(store.durableSequence(), 1);
    store.setDurableSequence(2);
    assert.deepEqual(
      store.outbox().map(({ sequence }) => sequence),
      [3],
    );
    store.setDurableSequence(9);
    assert.deepEqual([store.outbox(), store.durableSequence()], [[], 9]);
  });

  holds("the durable sequence never falls", async ({ store }) => {
    store.setDurableSequence(7);
    store.setDurableSequence(3);
    store.commit([], [], 2);
    assert.equal(store.durableSequence(), 7);
    store.setDurableSequence(Number.MAX_SAFE_INTEGER);
    assert.equal(store.durableSequence(), Number.MAX_SAFE_INTEGER);
  });

  test(`${name}: any run of commits does what a plain table does`, async (t) => {
    const step = fc.record({
      id: fc.constantFrom("a", "b", "c"),
      honest: fc.boolean(),
      remove: fc.boolean(),
      value: fc.constantFrom("1", "2", "3"),
    });
    await fc.assert(
      fc.asyncProperty(fc.array(fc.array(step, { minLength: 1, maxLength: 3 }), { maxLength: 8 }), async (commits) => {
        const { store } = make(t);
        let model = new Map<string, string>();
        for (const steps of commits) {
          const next = new Map(model);
          let fits = true;
          const writes = steps.map(({ id, honest, remove: removes, value }) => {
            const now = next.get(id);
            const expected = honest ? (now === undefined ? undefined : digestOf(now)) : digestOf("stale");
            fits &&= honest;
            if (removes) next.delete(id);
            else next.set(id, value);
            return removes ? remove(key(id), expected) : put(key(id), value, expected);
          });
          if (fits) {
            store.commit(writes, [], 0);
            model = next;
          } else {
            assert.throws(() => store.commit(writes, [], 0), { code: "OBJECT_CHANGED" });
          }
          for (const id of ["a", "b", "c"]) assert.equal(await text(store, key(id)), model.get(id));
        }
      }),
      { numRuns: name === "memory" ? 200 : name.includes("settled") ? 5 : 25 },
    );
  });

  holds("what was committed is there after a restart", async ({ store, reopen }) => {
    store.commit([put(key("a"), "1"), put(key("", "ns", "namespace"), "n")], [line(4), line(5)], 3);
    store.commit([put(key("b"), "1"), put(key("b", "ns", "version", 1), "m")], [], 3);
    store.commit([remove(key("b", "ns", "version", 1), digestOf("m")), put(key("b"), "2", digestOf("1"))], [], 3);
    store.setHeader("{}");
    const before = await facts(store);
    const again = reopen?.();
    // A store that forgets says so by its name in status, and has nothing to open again.
    if (again === undefined) assert.equal(store.name, "memory");
    else {
      assert.deepEqual(await facts(again), before);
      assert.equal(again.header(), "{}");
      assert.deepEqual(
        (await again.list("ns", "key", "", 10)).map(({ id, bytes }) => [id, bytes.toString()]),
        [
          ["a", "1"],
          ["b", "2"],
        ],
      );
    }
  });
}

test("sqlite: ATTACH and extensions are refused, however they are asked for", (t) => {
  const path = folder(t);
  const original = DatabaseSync.prototype.prepare;
  let database: DatabaseSync | undefined;
  DatabaseSync.prototype.prepare = function prepare(this: DatabaseSync, sql: string) {
    database = this;
    return original.call(this, sql);
  } as typeof original;
  try {
    t.after(open(path).close);
  } finally {
    DatabaseSync.prototype.prepare = original;
  }
  assert.throws(() => database?.exec(`ATTACH '${join(path, "other.db")}' AS other`), /too many attached databases/);
  assert.throws(() => database?.enableLoadExtension(true));
  assert.throws(() => database?.exec("PRAGMA writable_schema = ON; DELETE FROM sqlite_schema"));
  assert.equal((database?.prepare("PRAGMA synchronous").get() as { synchronous: number }).synchronous, 2);
  assert.equal((database?.prepare("PRAGMA journal_mode").get() as { journal_mode: string }).journal_mode, "wal");
  assert.equal((database?.prepare("PRAGMA secure_delete").get() as { secure_delete: number }).secure_delete, 1);
});

test("sqlite: a file that is no database is an integrity failure, not an empty store", (t) => {
  const path = folder(t);
  writeFileSync(join(path, "k.db"), Buffer.alloc(8192, 0x41));
  assert.throws(() => open(path), { code: "INTEGRITY_FAILURE" });
});

test("sqlite: two openings of one database never lose each other's writes", async (t) => {
  const path = folder(t);
  const [first, second] = [open(path), open(path)];
  t.after(() => {
    first.close();
    second.close();
  });
  first.commit([put(key("a"), "1")], [], 0);
  assert.equal(await text(second, key("a")), "1");
  assert.throws(() => second.commit([put(key("a"), "2")], [], 0), { code: "OBJECT_CHANGED" });
  second.commit([put(key("a"), "2", digestOf("1"))], [], 0);
  assert.throws(() => first.commit([put(key("a"), "3", digestOf("1"))], [], 0), { code: "OBJECT_CHANGED" });
  assert.equal(await text(first, key("a")), "2");
});

test("sqlite: what was committed survives kill -9 of the process", async (t) => {
  const path = folder(t);
  const script = join(path, "writer.ts");
  writeFileSync(
    script,
    `
    const { sqliteStore } = await import(${JSON.stringify(import.meta.resolve("@keystead/vault/stores/sqlite"))});
    const { recordDigest } = await import(${JSON.stringify(import.meta.resolve("@keystead/vault/objects/record"))});
    const store = sqliteStore({ path: ${JSON.stringify(join(path, "k.db"))}, wal: true, syncMode: "full" });
    for (let n = 1; ; n++) {
      const bytes = Buffer.from(String(n));
      store.commit([{ key: { namespace: "ns", kind: "key", id: String(n).padStart(6, "0"), version: 0 }, expected: undefined, bytes, digest: recordDigest(bytes) }], [{ sequence: n, line: bytes }], 0);
      process.send(n);
      if (n % 10 === 0) await new Promise((resolve) => setImmediate(resolve));
    }`,
  );
  const child = fork(script, [], { stdio: "ignore" });
  let acknowledged = 0;
  child.on("message", (n: number) => {
    acknowledged = Math.max(acknowledged, n);
    if (n === 40) child.kill("SIGKILL");
  });
  await once(child, "exit");
  const store = open(path);
  t.after(() => store.close());
  const found = (await store.list("ns", "key", "", 1_000_000)).map(({ id }) => Number(id));
  assert.ok(acknowledged >= 40 && found.length >= acknowledged, `${found.length} of ${acknowledged}`);
  assert.deepEqual(
    store.outbox().map(({ sequence }) => sequence),
    found,
  );
});
