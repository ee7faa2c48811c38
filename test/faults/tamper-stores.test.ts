/**
 * Somebody with the disk and without the unseal secret: thousands of random edits, swaps, deletions and replays of
 * records, files and whole stores, in SQLite and in plain files. Every one is refused before use or reported; what is
 * accepted is byte for byte what was there.
 */
import assert from "node:assert/strict";
import { cpSync, mkdirSync, readFileSync, readdirSync, rmSync, statSync } from "node:fs";
import { join, relative } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { before, test } from "node:test";
import { systemFiles } from "../../server/vault/audit/file-layer.ts";
import { decodeSecret, readSecret } from "../../server/vault/ceremonies/secret.ts";
import { verifyEverything } from "../../server/vault/duties/verify-everything.ts";
import { openVault, parseHeader, type Hierarchy } from "../../server/vault/objects/hierarchy.ts";
import { parseRecordName, recordDigest, recordName } from "../../server/vault/objects/record.ts";
import { VaultedRecords } from "../../server/vault/objects/vaulted-records.ts";
import { CrashingStoreDisk } from "../../server/vault/stores/crashing-store-files.ts";
import { filesystemReader, filesystemStore } from "../../server/vault/stores/filesystem.ts";
import { sqliteReader } from "../../server/vault/stores/sqlite.ts";
import type { Store } from "../../server/vault/stores/store.ts";
import { newFolder, startServer } from "../server.ts";
import { inspect } from "./inspected.ts";
import { seeded } from "./seeded.ts";

type Reader = ReturnType<typeof sqliteReader>;

/** A vault's folder after work and a clean stop, and the same folder earlier. */
interface Subject {
  readonly dataDir: string;
  readonly earlier: string;
  hierarchy: Hierarchy;
  /** Every record as it should be, by name. */
  records: Map<string, Buffer>;
}

const random = seeded();
const SUBJECTS = new Map<"sqlite" | "filesystem", Subject>();
const STORES = ["sqlite", "filesystem"] as const;
const subjectOf = (store: "sqlite" | "filesystem"): Subject => SUBJECTS.get(store) as Subject;

const secretOf = (dataDir: string) => ({
  method: "key" as const,
  secret: decodeSecret(readSecret(`file:${join(dataDir, "unseal/master.key")}`, {})),
  second: undefined,
});
const readerOf = (store: "sqlite" | "filesystem", dataDir: string): Reader =>
  store === "sqlite" ? sqliteReader(join(dataDir, "keystead.db")) : filesystemReader(dataDir);

before(async () => {
  for (const store of STORES) {
    const folder = newFolder();
    const [dataDir, earlier] = [join(folder, "data"), join(folder, "earlier")];
    const flags = ["--key-store", store];
    const first = await startServer({ dataDir, flags });
    assert.equal((await first.rest("POST", "/api/v1/namespaces", { namespace: "other" })).status, 201);
    for (const namespace of ["default", "other"])
      for (const [id, algorithm] of [
        ["Signer", "Ed25519"],
        ["box", "AES-256-GCM"],
        ["mac", "HMAC-SHA-256"],
      ])
        assert.equal((await first.rest("POST", `/api/v1/namespaces/${namespace}/keys`, { key_id: id, algorithm })).status, 201);
    assert.equal(await first.stop(), 0);
    cpSync(dataDir, earlier, { recursive: true });
    const second = await startServer({ dataDir, flags });
    for (const namespace of ["default", "other"]) {
      const path = `/api/v1/namespaces/${namespace}/keys`;
      assert.equal((await second.rest("POST", `${path}/Signer/rotate`, {})).status, 200);
      assert.equal((await second.rest("POST", `${path}/box/rotate`, {})).status, 200);
    }
    assert.equal((await second.rest("DELETE", "/api/v1/namespaces/other/keys/mac")).status, 200);
    assert.equal(await second.stop(), 0);
    // A short life leaves everything in the journal; what is tampered with is files.
    if (store === "filesystem")
      for (const part of [dataDir, earlier]) {
        const settled = filesystemStore({ folder: part, durable: false });
        settled.settle();
        settled.close();
      }
    const reader = readerOf(store, dataDir);
    const records = new Map<string, Buffer>();
    for await (const { key, bytes } of reader.all()) records.set(recordName(key), Buffer.from(bytes));
    const hierarchy = openVault(parseHeader(reader.header() as string), secretOf(dataDir));
    reader.close();
    SUBJECTS.set(store, { dataDir, earlier, hierarchy, records });
  }
});

/** Whether a tampered store would be taken: nothing is reported, and every record can be used. */
async function verdict(subject: Subject, open: () => Reader): Promise<"refused" | "accepted"> {
  let reader: Reader;
  try {
    reader = open();
  } catch {
    return "refused";
  }
  try {
    // What the start of a vault does with the header.
    const header = reader.header();
    if (header === undefined) return "refused";
    const hierarchy = openVault(parseHeader(header), secretOf(subject.dataDir));
    const { problems } = await verifyEverything({
      files: systemFiles,
      auditPath: join(subject.dataDir, "audit"),
      store: reader,
      auditMacKey: hierarchy.auditMacKey,
      recordMacKeys: () => [hierarchy.recordMacKey],
      upTo: undefined,
      anchors: undefined,
      pause: () => Promise.resolve(),
    });
    // Use, which does not wait for the pass: each record is the one that was there, or is refused.
    const anchors = new Map([...subject.records].map(([name, bytes]) => [name, recordDigest(bytes)]));
    const vaulted = new VaultedRecords(
      reader as unknown as Store,
      hierarchy,
      (name) => anchors.get(name),
      () => 0,
    );
    let refused = problems.length > 0;
    for (const [name, bytes] of subject.records) {
      const key = parseRecordName(name);
      assert.ok(key !== undefined);
      try {
        const read = await vaulted.read(key, subject.hierarchy.kek).catch((error: unknown) => {
          // Keys of a namespace are sealed by its own key: what is asked here is only whether the bytes are taken.
          if ((error as { cause?: Error }).cause?.message === "seal") return { digest: recordDigest(bytes) };
          throw error;
        });
        assert.equal(read?.digest, recordDigest(bytes), name);
      } catch (error) {
        if ((error as Error).name === "AssertionError") throw error;
        refused = true;
      }
    }
    return refused ? "refused" : "accepted";
  } catch (error) {
    if ((error as Error).name === "AssertionError") throw error;
    return "refused";
  } finally {
    reader.close();
  }
}

/** Every file of a folder's store, by path in it. */
function filesOf(dataDir: string): Map<string, Buffer> {
  const found = new Map<string, Buffer>();
  const walk = (folder: string): void => {
    for (const name of readdirSync(folder)) {
      const path = join(folder, name);
      if (statSync(path).isDirectory()) walk(path);
      else found.set(relative(dataDir, path), readFileSync(path));
    }
  };
  for (const part of ["ns", "wal"]) walk(join(dataDir, part));
  if (readdirSync(dataDir).includes("vault.json")) found.set("vault.json", readFileSync(join(dataDir, "vault.json")));
  return found;
}

function diskOf(files: ReadonlyMap<string, Buffer>): CrashingStoreDisk {
  const disk = new CrashingStoreDisk();
  for (const [path, bytes] of files) {
    disk.files.makeFolder(join("/data", path, ".."));
    disk.files.write(join("/data", path), bytes, true);
  }
  return disk;
}

const edited = (bytes: Buffer): Buffer => {
  const copy = Buffer.from(bytes);
  if (copy.length === 0) return Buffer.from("x");
  const at = random.below(copy.length);
  copy[at] = (copy[at] as number) ^ (1 << random.below(8));
  return copy;
};

test("nothing touched is accepted, in both stores, and by the command", async () => {
  for (const store of STORES) {
    const subject = subjectOf(store);
    assert.equal(await verdict(subject, () => readerOf(store, subject.dataDir)), "accepted", store);
    assert.equal((await inspect("store", subject.dataDir)).status, 0, store);
    assert.ok(subject.records.size >= 16, String(subject.records.size));
  }
});

test("files: edits, cuts, swaps, copies, deletions, replays and strangers, two thousand times", async (t) => {
  t.diagnostic(`KEYSTEAD_SEED=${random.seed}`);
  const subject = subjectOf("filesystem");
  const now = filesOf(subject.dataDir);
  const old = filesOf(subject.earlier);
  const paths = [...now.keys()];
  const oldPaths = [...old.keys()].filter((path) => !now.get(path)?.equals(old.get(path) as Buffer));
  assert.ok(oldPaths.length >= 5, "files changed since");
  const some = (): string => random.of(paths);
  const tampers: Readonly<Record<string, (files: Map<string, Buffer>) => void>> = {
    edit: (files) => {
      const path = some();
      files.set(path, edited(files.get(path) as Buffer));
    },
    cut: (files) => {
      const path = some();
      const bytes = files.get(path) as Buffer;
      files.set(path, bytes.subarray(0, random.below(bytes.length)));
    },
    swap: (files) => {
      const [a, b] = [some(), some()];
      const [first, second] = [files.get(a) as Buffer, files.get(b) as Buffer];
      files.set(a, second).set(b, first);
    },
    copy: (files) => void files.set(some(), files.get(some()) as Buffer),
    delete: (files) => void files.delete(some()),
    replay: (files) => {
      const path = random.of(oldPaths);
      files.set(path, old.get(path) as Buffer);
    },
    "replay of a key": (files) => {
      const folder = join(some(), "..");
      for (const path of files.keys()) if (path.startsWith(`${folder}/`)) files.delete(path);
      for (const [path, bytes] of old) if (path.startsWith(`${folder}/`)) files.set(path, bytes);
    },
    "replay of everything": (files) => {
      files.clear();
      for (const [path, bytes] of old) files.set(path, bytes);
    },
    stranger: (files) => {
      const path = some();
      files.set(
        path.replace(/[kv](\d{8})\.json$/, () => `v0000000${1 + random.below(9)}.json`),
        files.get(some()) as Buffer,
      );
    },
    "another id": (files) => {
      const path = some();
      if (path.includes("/keys/")) files.set(path.replace(/keys\/[^/]+\//, "keys/never-made/"), files.get(path) as Buffer);
    },
  };
  const outcomes = new Map<string, { accepted: number; refused: number }>();
  for (let round = 0; round < 2_000; round += 1) {
    const files = new Map(now);
    const how = random.of(Object.keys(tampers));
    (tampers[how] as (files: Map<string, Buffer>) => void)(files);
    const outcome = await verdict(subject, () => filesystemReader("/data", diskOf(files).files));
    const counted = outcomes.get(how) ?? { accepted: 0, refused: 0 };
    counted[outcome] += 1;
    outcomes.set(how, counted);
    // Accepted means that every record read as before; then nothing that counts may have changed.
    if (outcome === "refused") continue;
    const reader = filesystemReader("/data", diskOf(files).files);
    const left = new Map<string, Buffer>();
    for await (const { key, bytes } of reader.all()) left.set(recordName(key), bytes);
    assert.deepEqual(left, subject.records, how);
  }
  t.diagnostic(JSON.stringify(Object.fromEntries(outcomes)));
  assert.equal(outcomes.get("replay of everything")?.accepted, 0);
  assert.equal(outcomes.get("another id")?.accepted === 0 || (outcomes.get("another id")?.refused ?? 0) > 50, true);
  assert.ok((outcomes.get("edit")?.refused ?? 0) > 100);
});

test("rows: edits, swaps, copies, deletions and replays in the database, six hundred times", async (t) => {
  t.diagnostic(`KEYSTEAD_SEED=${random.seed}`);
  const subject = subjectOf("sqlite");
  const folder = join(newFolder(), "copy");
  mkdirSync(folder);
  const path = join(folder, "keystead.db");
  const old = new DatabaseSync(join(subject.earlier, "keystead.db"), { readOnly: true });
  const oldRows = old.prepare("SELECT namespace, kind, version, id, digest, bytes FROM records").all() as Record<string, never>[];
  old.close();
  const names = [...subject.records.keys()];
  const where = (name: string): [string, string, string, number] => name.split("/") as never;
  const WHERE = "namespace = ? AND kind = ? AND id = ? AND version = ?";
  let refused = 0;
  for (let round = 0; round < 600; round += 1) {
    for (const left of ["", "-wal", "-shm"]) rmSync(`${path}${left}`, { force: true });
    cpSync(join(subject.dataDir, "keystead.db"), path);
    const database = new DatabaseSync(path);
    const [one, other] = [random.of(names), random.of(names)];
    const bytesOf = (name: string): Buffer => subject.records.get(name) as Buffer;
    const put = (name: string, bytes: Buffer): void =>
      void database.prepare(`UPDATE records SET bytes = ?, digest = ? WHERE ${WHERE}`).run(bytes, recordDigest(bytes), ...where(name));
    const how = random.of(["edit", "swap", "copy", "delete", "replay", "rename", "header", "outbox", "unfile", "misfile"]);
    if (how === "edit") put(one, edited(bytesOf(one)));
    if (how === "swap") {
      put(one, bytesOf(other));
      put(other, bytesOf(one));
    }
    if (how === "copy") put(one, bytesOf(other));
    if (how === "delete") database.prepare(`DELETE FROM records WHERE ${WHERE}`).run(...where(one));
    if (how === "replay") {
      const row = random.of(oldRows);
      database
        .prepare(
          "INSERT INTO records (namespace, kind, version, id, digest, bytes) VALUES (?, ?, ?, ?, ?, ?) ON CONFLICT DO UPDATE SET digest = excluded.digest, bytes = excluded.bytes",
        )
        .run(
          row["namespace"] as never,
          row["kind"] as never,
          row["version"] as never,
          row["id"] as never,
          row["digest"] as never,
          row["bytes"] as never,
        );
    }
    if (how === "rename") database.prepare(`UPDATE records SET id = id || 'x' WHERE ${WHERE}`).run(...where(one));
    if (how === "header") {
      const header = Buffer.from((database.prepare("SELECT text FROM header").get() as { text: string }).text);
      database.prepare("UPDATE header SET text = ?").run(edited(header).toString("latin1"));
    }
    const filed = random.of(database.prepare("SELECT namespace, entry, id FROM attribute_index").all()) as Record<string, string>;
    const line = [filed["namespace"], filed["entry"], filed["id"]] as [string, string, string];
    if (how === "unfile") database.prepare("DELETE FROM attribute_index WHERE namespace = ? AND entry = ? AND id = ?").run(...line);
    if (how === "misfile")
      database.prepare("UPDATE attribute_index SET entry = entry || 'x' WHERE namespace = ? AND entry = ? AND id = ?").run(...line);
    if (how === "outbox") database.prepare("UPDATE facts SET value = value + 1").run();
    const changed = database.prepare("SELECT count(*) AS n FROM records").get() as { n: number };
    database.close();
    const outcome = await verdict(subject, () => sqliteReader(path));
    if (outcome === "refused") {
      refused += 1;
      continue;
    }
    assert.ok(how !== "unfile" && how !== "misfile", `${how} ${line.join(" ")}`);
    const reader = sqliteReader(path);
    const left = new Map<string, Buffer>();
    for await (const { key, bytes } of reader.all()) left.set(recordName(key), Buffer.from(bytes));
    reader.close();
    assert.deepEqual(left, subject.records, `${how} ${one} ${other} ${changed.n}`);
  }
  t.diagnostic(`${refused} of 600 refused; the others left every record as it was`);
  assert.ok(refused > 240, String(refused));
});

test("whole stores of earlier, in the place of the present ones, are refused and named by the command", async () => {
  for (const store of STORES) {
    const { dataDir, earlier } = subjectOf(store);
    const copy = join(newFolder(), "data");
    cpSync(dataDir, copy, { recursive: true });
    for (const part of store === "sqlite" ? ["keystead.db"] : ["ns", "wal"]) {
      rmSync(join(copy, part), { recursive: true });
      cpSync(join(earlier, part), join(copy, part), { recursive: true });
    }
    const { status, problems } = await inspect("store", copy);
    assert.equal(status, 10, store);
    assert.match(problems.join("\n"), /record default\/key\/Signer\/0 is not the one the audit log knows/, store);
    assert.match(problems.join("\n"), /record default\/version\/Signer\/2 is missing/, store);
  }
});
