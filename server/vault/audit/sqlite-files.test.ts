/** The log's files in a database: the same as other layers in every step, durable when it says so, and its own log's alone. */
import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { createSecretKey, randomBytes } from "node:crypto";
import { existsSync, mkdtempSync, readFileSync, readdirSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { createInterface } from "node:readline";
import { test, type TestContext } from "node:test";
import { memoryStore } from "../stores/memory.ts";
import { archiveSegments } from "./archive.ts";
import { withArchive } from "./archived-files.ts";
import type { EventFields } from "./event.ts";
import { systemFiles, type FileLayer, type LogFile } from "./file-layer.ts";
import { indexSegments } from "./indexer.ts";
import { AuditLog } from "./log.ts";
import { openLogFiles, readLogFiles } from "./log-place.ts";
import { memoryFiles } from "./memory-files.ts";
import { recoverLog } from "./recover.ts";
import { listSegments } from "./segments.ts";
import { CHUNK_BYTES, databaseOf, sqliteFiles, sqliteFilesReader } from "./sqlite-files.ts";
import { verifyLog } from "./verify.ts";
import { sampleEvent } from "./testing/sample-event.ts";

const KEY = createSecretKey(randomBytes(32));

function folder(t: TestContext): string {
  const path = mkdtempSync(join(tmpdir(), "keystead-sqlite-log-"));
  t.after(() => rmSync(path, { recursive: true, force: true }));
  return path;
}

test("somebody who holds the database's lock for a moment holds a write up, and does not fail it", async (t) => {
  const logPath = join(folder(t), "audit");
  const files = sqliteFiles(logPath, systemFiles);
  t.after(() => files.close());
  const file = files.open(`${logPath}.${"1".padStart(16, "0")}`, "append");
  const script = `
    const { DatabaseSync } = require("node:sqlite");
    const database = new DatabaseSync(${JSON.stringify(databaseOf(logPath))});
    database.exec("BEGIN IMMEDIATE");
    require("node:fs").writeSync(1, "locked\\n");
    Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 200);
    database.exec("COMMIT");
    database.close();`;
  const holder = spawn(process.execPath, ["-e", script], { stdio: ["ignore", "pipe", "inherit"] });
  const ended = new Promise<number | null>((resolve) => holder.once("exit", resolve));
  await new Promise<void>((resolve) => createInterface({ input: holder.stdout }).once("line", () => resolve()));
  file.writeDurableNow(Buffer.from("kept\n"), 0);
  const bytes = Buffer.alloc(5);
  file.read(bytes, 0);
  assert.equal(bytes.toString(), "kept\n");
  assert.equal(await ended, 0);
});

const event = (request: string): EventFields => sampleEvent(request, { principal: "jwt:i:s" });

function contentOf(files: FileLayer, path: string): Buffer {
  const file = files.open(path, "read");
  const bytes = Buffer.alloc(file.size());
  assert.equal(file.read(bytes, 0), bytes.length);
  file.close();
  return bytes;
}

/** A generator of numbers below a limit, the same for the same seed. */
function numbers(seed: number): (limit: number) => number {
  let state = seed;
  return (limit) => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return Math.floor((state / 2 ** 32) * limit);
  };
}

for (const [name, layer] of [
  ["the system's", () => systemFiles],
  ["a database's", (path: string) => sqliteFiles(path, systemFiles)],
] as const)
  test(`${name} files hold after any steps what files in memory hold`, async (t) => {
    const path = join(folder(t), "audit");
    const files = layer(path);
    const model = memoryFiles();
    for (let seed = 1; seed <= 4; seed += 1) {
      const below = numbers(seed);
      const open = new Map<string, [LogFile, LogFile]>();
      for (let step = 0; step < 150; step += 1) {
        const at = `${path}.${below(3)}`;
        const pair = open.get(at) ?? ([files.open(at, "append"), model.open(at, "append")] as [LogFile, LogFile]);
        open.set(at, pair);
        const [file, known] = pair;
        const bytes = below(4) === 0 ? Buffer.alloc(below(3 * CHUNK_BYTES)) : randomBytes(below(3 * CHUNK_BYTES));
        const position = below(4 * CHUNK_BYTES);
        const size = below(4 * CHUNK_BYTES);
        const what = below(6);
        for (const of of pair) {
          if (what === 0) of.write(bytes, position);
          else if (what === 1) await of.writeDurable(bytes, position);
          else if (what === 2) of.writeDurableNow(bytes, position);
          else if (what === 3) of.truncate(size);
        }
        assert.equal(file.size(), known.size(), `seed ${seed}, step ${step}`);
        const [some, right] = [Buffer.alloc(size, 7), Buffer.alloc(size, 7)];
        assert.equal(file.read(some, position), known.read(right, position));
        assert.ok(some.equals(right), `seed ${seed}, step ${step}`);
        if (what === 4) {
          for (const of of pair) of.close();
          open.delete(at);
          assert.ok(contentOf(files, at).equals(contentOf(model, at)));
          files.remove(at);
          model.remove(at);
          files.syncFolder(join(path, ".."));
        }
        const names = (of: FileLayer): string[] =>
          of
            .list(join(path, ".."))
            .filter((found) => /^audit\.\d$/.test(found))
            .sort();
        assert.deepEqual(names(files), names(model));
      }
      for (const pair of open.values()) for (const of of pair) of.close();
    }
    if ("close" in files) (files.close as () => void)();
  });

test("a file that is not there cannot be read, one opened for reading cannot be written", (t) => {
  const path = join(folder(t), "audit");
  const files = sqliteFiles(path, systemFiles);
  assert.throws(() => files.open(`${path}.none`, "read"), { code: "ENOENT" });
  assert.throws(() => files.remove(`${path}.none`), { code: "ENOENT" });
  files.open(`${path}.1`, "append").close();
  assert.throws(() => files.open(`${path}.1`, "read").write(Buffer.of(1), 0), TypeError);
  files.close();
});

test("what is removed while it is open is there until it is closed, and gone after the next start if nobody closed it", (t) => {
  const path = join(folder(t), "audit");
  const files = sqliteFiles(path, systemFiles);
  const chunks = (): number => {
    const database = new DatabaseSync(databaseOf(path), { readOnly: true });
    const { count } = database.prepare("SELECT count(*) AS count FROM chunks").get() as { count: number };
    database.close();
    return count;
  };
  for (const name of ["1", "2"]) {
    const file = files.open(`${path}.${name}`, "append");
    file.write(Buffer.from("lines"), 0);
    files.remove(`${path}.${name}`);
    assert.deepEqual(files.list(join(path, "..")).includes(`audit.${name}`), false);
    const read = Buffer.alloc(5);
    assert.equal(file.read(read, 0), 5);
    assert.equal(read.toString(), "lines");
    const again = files.open(`${path}.${name}`, "append");
    assert.equal(again.size(), 0);
    again.close();
    if (name === "1") file.close();
  }
  assert.equal(chunks(), 1);
  files.close();
  sqliteFiles(path, systemFiles).close();
  assert.equal(chunks(), 0);
});

test("a durable write of bytes that are there already reaches the write-ahead log too, once", (t) => {
  const path = join(folder(t), "audit");
  const files = sqliteFiles(path, systemFiles);
  const file = files.open(`${path}.1`, "append");
  const wal = (): number => statSync(`${databaseOf(path)}-wal`).size;
  file.write(Buffer.from("lines"), 0);
  const written = wal();
  file.writeDurableNow(Buffer.from("lines"), 0);
  const synced = wal();
  assert.ok(synced > written, "without a frame nothing is synced");
  file.writeDurableNow(Buffer.from("lines"), 0);
  assert.equal(wal(), synced);
  file.close();
  files.close();
});

test("a full database refuses events and takes nothing of them; when there is room again the chain goes on without a gap", async (t) => {
  const path = join(folder(t), "audit");
  const files = sqliteFiles(path, systemFiles, 40);
  const filler = files.open(`${path}.filler`, "append");
  filler.writeDurableNow(randomBytes(20 * CHUNK_BYTES), 0);
  const store = memoryStore();
  const log = new AuditLog(recoverLog({ files, path, store, macKey: KEY }), { files, path, store, macKey: KEY, syncMode: "full" });
  const answers: string[] = [];
  while (!answers.includes("AUDIT_UNAVAILABLE"))
    await log.append(event("x".repeat(1000))).then(
      () => answers.push("OK"),
      (error: { code: string; cause: { code: string } }) => {
        answers.push(error.code);
        assert.equal(error.cause.code, "ENOSPC");
      },
    );
  assert.ok(answers.length > 10);
  assert.equal(log.stopped, undefined);
  filler.truncate(0);
  assert.equal((await log.append(event("after"))).sequence, answers.length);
  await log.close();
  const report = await verifyLog({ files, path, macKey: KEY });
  assert.deepEqual([report.bad, report.events], [undefined, answers.length]);
  assert.throws(() => filler.write(Buffer.of(1), 2 ** 24 * CHUNK_BYTES), RangeError);
  filler.close();
  files.close();
});

test("other files of the folder, and other folders, stay in the file system", (t) => {
  const path = join(folder(t), "audit");
  const files = sqliteFiles(path, systemFiles);
  const ledger = files.open(join(path, "../retention-ledger"), "append");
  ledger.writeDurableNow(Buffer.from("line"), 0);
  ledger.close();
  files.ensureFolder(join(path, "../archive"));
  files.open(join(path, "../archive/audit.1.zst"), "append").close();
  assert.equal(readFileSync(join(path, "../retention-ledger"), "utf8"), "line");
  assert.ok(existsSync(join(path, "../archive/audit.1.zst")));
  files.remove(join(path, "../retention-ledger"));
  files.close();
});

test("the log lives in a database as in files: it rolls, is indexed, archived, recovered, followed and verified, and one may read it meanwhile", async (t) => {
  const path = join(folder(t), "audit");
  const archiveFolder = join(path, "../archive");
  const store = memoryStore();
  let files = openLogFiles("sqlite", path);
  const open = (): AuditLog => {
    const behind = withArchive(files, archiveFolder);
    return new AuditLog(recoverLog({ files: behind, path, store, macKey: KEY }), {
      files: behind,
      path,
      store,
      macKey: KEY,
      syncMode: "full",
      segmentBytes: 20_000,
    });
  };
  let log = open();
  for (let index = 0; index < 200; index += 1) await log.append(event(`r${index}`));
  const reader = sqliteFilesReader(path, systemFiles);
  assert.deepEqual(
    [await verifyLog({ files: reader, path, macKey: KEY })].map(({ bad, events }) => [bad, events]),
    [[undefined, 200]],
  );
  reader.close();
  assert.ok(listSegments(files, path).length >= 3);
  assert.deepEqual(listSegments(systemFiles, path), []);
  const common = { path, macKey: KEY, log, wanted: () => true };
  await indexSegments({ files, ...common });
  const moved = await archiveSegments({ files, ...common, archiveFolder, before: Infinity, now: () => 0 });
  assert.ok(moved >= 2);
  assert.equal(readdirSync(archiveFolder).filter((name) => name.endsWith(".zst")).length, moved);
  await log.close();
  files.close();
  files = openLogFiles("sqlite", path);
  log = open();
  assert.equal(log.sequence, 200 + moved);
  const follower = log.follow(0);
  let seen = 0;
  while (seen < 200 + moved) seen += (await follower.next())?.length ?? 0;
  await log.close();
  const report = await verifyLog({ files: withArchive(files, archiveFolder), path, macKey: KEY });
  assert.deepEqual([report.bad, report.events, report.unread], [undefined, 200 + moved, 0]);
  files.close();
  for (const name of readdirSync(join(path, "..")))
    if (name.startsWith("audit.")) assert.match(name, /^audit\.db(-wal|-shm)?$/, "nothing of the log is beside its database");
});

test("a log is not begun anew in the other place, and of two nobody chooses", async (t) => {
  const path = join(folder(t), "audit");
  const begin = async (files: FileLayer): Promise<void> => {
    const store = memoryStore();
    const log = new AuditLog(recoverLog({ files, path, store, macKey: KEY }), { files, path, store, macKey: KEY, syncMode: "full" });
    await log.append(event("r"));
    await log.close();
  };
  openLogFiles("sqlite", path).close();
  openLogFiles("files", path).close();
  await begin(systemFiles);
  assert.throws(() => openLogFiles("sqlite", path), {
    code: "INVALID_REQUEST",
    message: /audit\.store is sqlite, but .* write audit\.store: files/,
  });
  for (const { path: segment } of listSegments(systemFiles, path)) rmSync(segment);
  const files = openLogFiles("sqlite", path);
  await begin(files);
  files.close();
  assert.throws(() => openLogFiles("files", path), {
    code: "INVALID_REQUEST",
    message: /audit\.store is files, but .* write audit\.store: sqlite/,
  });
  await begin(systemFiles);
  assert.throws(() => readLogFiles(path), { code: "INVALID_REQUEST", message: /two logs/ });
});

test("a database that is none, or somebody else's, is refused", (t) => {
  const path = join(folder(t), "audit");
  systemFiles.open(databaseOf(path), "append").writeDurableNow(randomBytes(8192), 0);
  assert.throws(() => sqliteFiles(path, systemFiles), { code: "INTEGRITY_FAILURE", message: /audit\.db/ });
});

test("after a power failure, with the write-ahead log cut at any byte after its last sync, every acknowledged event is there", async (t) => {
  const path = join(folder(t), "audit");
  const store = memoryStore();
  const files = openLogFiles("sqlite", path);
  const log = new AuditLog(recoverLog({ files, path, store, macKey: KEY }), {
    files,
    path,
    store,
    macKey: KEY,
    syncMode: "full",
    segmentBytes: 5_000,
  });
  const walOf = (of: string): string => `${databaseOf(of)}-wal`;
  /** Bytes of the write-ahead log when each event was acknowledged. */
  const acknowledged: number[] = [];
  for (let index = 0; index < 30; index += 1) {
    await log.append(event(`r${index}`));
    acknowledged.push(statSync(walOf(path)).size);
  }
  const [database, wal] = [readFileSync(databaseOf(path)), readFileSync(walOf(path))];
  await log.close();
  files.close();
  const below = numbers(5);
  for (let round = 0; round < 40; round += 1) {
    const copy = join(folder(t), "audit");
    const [from = 0, to = wal.length] = acknowledged.slice(below(acknowledged.length));
    const cut = from + below(to - from + 1);
    writeFileSync(databaseOf(copy), database);
    writeFileSync(walOf(copy), wal.subarray(0, cut));
    const left = openLogFiles("sqlite", copy);
    const recovered = recoverLog({ files: left, path: copy, store: memoryStore(), macKey: KEY });
    recovered.segment?.close();
    const promised = acknowledged.filter((size) => size <= cut).length;
    assert.ok(recovered.sequence >= promised, `cut at ${cut}: ${recovered.sequence} of ${promised}`);
    const report = await verifyLog({ files: left, path: copy, macKey: KEY });
    assert.deepEqual([report.bad, report.events], [undefined, recovered.sequence]);
    left.close();
  }
});

test("kill -9 in the middle of appends costs no acknowledged event, whichever write it was", async (t) => {
  const path = join(folder(t), "audit");
  const store = memoryStore();
  let acknowledged = 0;
  const secret = "11".repeat(32);
  for (let round = 0; round < 4; round += 1) {
    const child = spawn(process.execPath, [join(import.meta.dirname, "testing/append-for-ever.ts"), path, secret], {
      stdio: ["ignore", "pipe", "inherit"],
    });
    const ended = new Promise((resolve) => child.once("close", resolve));
    let more = 50 + round * 37;
    for await (const line of createInterface({ input: child.stdout })) {
      acknowledged = Math.max(acknowledged, Number(line));
      if (--more === 0) child.kill("SIGKILL");
    }
    await ended;
    const files = openLogFiles("sqlite", path);
    const macKey = createSecretKey(Buffer.from(secret, "hex"));
    const recovered = recoverLog({ files, path, store, macKey });
    recovered.segment?.close();
    assert.ok(recovered.sequence >= acknowledged, `round ${round}: ${recovered.sequence} of ${acknowledged}`);
    const report = await verifyLog({ files, path, macKey });
    assert.deepEqual([report.bad, report.events], [undefined, recovered.sequence]);
    files.close();
  }
  assert.ok(acknowledged >= 200);
});
