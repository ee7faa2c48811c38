import assert from "node:assert/strict";
import { cpSync, mkdtempSync, readFileSync, rmSync, truncateSync, writeFileSync } from "node:fs";
import { get } from "node:http";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { before, test, type TestContext } from "node:test";
import type { HsmError } from "@keystead/contract/errors";
import { memoryFiles } from "../../server/vault/audit/memory-files.ts";
import { recoverLog } from "../../server/vault/audit/recover.ts";
import type { FileLayer } from "../../server/vault/audit/file-layer.ts";
import { decodeSecret, readSecret } from "../../server/vault/ceremonies/secret.ts";
import { verifyEverything, type PassReport } from "../../server/vault/duties/verify-everything.ts";
import { DAMAGE_STEPS } from "../../server/vault/duties/integrity.ts";
import { openVault, parseHeader, type Hierarchy } from "../../server/vault/objects/hierarchy.ts";
import { recordDigest, recordName, writtenIndex, type RecordKey } from "../../server/vault/objects/record.ts";
import { VaultedRecords } from "../../server/vault/objects/vaulted-records.ts";
import { sqliteReader } from "../../server/vault/stores/sqlite.ts";
import type { Store } from "../../server/vault/stores/store.ts";
import { newFolder, startServer, type TestServer } from "../server.ts";
import { eventsOf, inspect, segmentsOf } from "./inspected.ts";
import { seeded, type Random } from "./seeded.ts";

interface Row {
  readonly key: RecordKey;
  readonly bytes: Buffer;
}

/** A server's folder after a full day's work and a clean stop, and the same folder earlier that day. */
let dataDir: string;
let earlier: string;
let hierarchy: Hierarchy;
let rows: readonly Row[];
let oldRows: readonly Row[];
let segment: Buffer;
let events: number;

const random = seeded();
const PATH = "/log/audit";
const NAMESPACES = ["default", "other"] as const;

before(async () => {
  const folder = newFolder();
  dataDir = join(folder, "data");
  earlier = join(folder, "earlier");
  const first = await startServer({ dataDir });
  assert.equal((await first.rest("POST", "/api/v1/namespaces", { namespace: "other" })).status, 201);
  for (const namespace of NAMESPACES) {
    for (const algorithm of ["Ed25519", "ECDSA-P256", "AES-256-GCM", "HMAC-SHA-256"]) {
      const made = await first.rest("POST", `/api/v1/namespaces/${namespace}/keys`, {
        key_id: `key-${algorithm.toLowerCase()}`,
        algorithm,
        tags: ["a=b"],
        description: "ein Schlüssel",
      });
      assert.equal(made.status, 201, JSON.stringify(made.body));
    }
  }
  assert.equal(await first.stop(), 0);
  cpSync(dataDir, earlier, { recursive: true });
  const second = await startServer({ dataDir });
  for (const namespace of NAMESPACES) {
    const path = `/api/v1/namespaces/${namespace}/keys`;
    assert.equal((await second.rest("POST", `${path}/key-ed25519/rotate`, {})).status, 200);
    assert.equal((await second.rest("POST", `${path}/key-ed25519/sign`, { data: "aGk=" })).status, 200);
    assert.equal((await second.rest("DELETE", `${path}/key-hmac-sha-256`)).status, 200);
    assert.equal((await second.rest("GET", `${path}/nothing`)).status, 404);
  }
  assert.equal(await second.stop(), 0);
  const secret = decodeSecret(readSecret(`file:${join(dataDir, "unseal/master.key")}`, {}));
  const reader = sqliteReader(join(dataDir, "keystead.db"));
  hierarchy = openVault(parseHeader(reader.header() as string), { method: "key", secret, second: undefined });
  rows = await rowsOf(reader);
  reader.close();
  const old = sqliteReader(join(earlier, "keystead.db"));
  oldRows = await rowsOf(old);
  old.close();
  const [only, ...others] = segmentsOf(dataDir);
  assert.deepEqual(others, []);
  segment = readFileSync(only as string);
  events = eventsOf(dataDir).length;
});

async function rowsOf(store: Pick<Store, "all">): Promise<Row[]> {
  const all: Row[] = [];
  for await (const { key, bytes } of store.all()) all.push({ key, bytes: Buffer.from(bytes) });
  return all;
}

/** The log with these bytes, as a file. */
function logOf(bytes: Buffer): FileLayer {
  const files = memoryFiles();
  files.open(`${PATH}.0000000000000001`, "append").write(bytes, 0);
  return files;
}

/** A store of these rows; what is asked under a name is what lies there. */
const storeOf = (some: readonly Row[]): Pick<Store, "all" | "get" | "isFiled"> => {
  const byName = new Map(some.map((row) => [recordName(row.key), row.bytes]));
  return {
    get: (key) => Promise.resolve(byName.get(recordName(key))),
    isFiled: (namespace, id, entry) =>
      Promise.resolve(writtenIndex(byName.get(recordName({ namespace, kind: "key", id, version: 0 }))).includes(entry)),
    async *all() {
      yield* some;
    },
  };
};

const pass = (files: FileLayer, path: string, store: Pick<Store, "all" | "get" | "isFiled">): Promise<PassReport> =>
  verifyEverything({
    files,
    auditPath: path,
    store,
    auditMacKey: hierarchy.auditMacKey,
    recordMacKeys: () => [hierarchy.recordMacKey],
    upTo: undefined,
    anchors: undefined,
    pause: () => Promise.resolve(),
  });

/** What the start of a vault says of a log. */
function started(bytes: Buffer): string {
  try {
    recoverLog({
      files: logOf(bytes),
      path: PATH,
      macKey: hierarchy.auditMacKey,
      store: { outbox: () => [], durableSequence: () => events, setDurableSequence: () => undefined } as unknown as Store,
    });
    return "started";
  } catch (error) {
    return `${(error as HsmError).code}: ${(error as HsmError).detail}`;
  }
}

/** What a use of a record says, with the digests of the untouched log. */
async function used(some: readonly Row[], key: RecordKey): Promise<string> {
  const anchors = new Map(rows.map((row) => [recordName(row.key), recordDigest(row.bytes)]));
  const records = new VaultedRecords(
    storeOf(some) as Store,
    hierarchy,
    (name) => anchors.get(name),
    () => 0,
  );
  try {
    await records.read(key, hierarchy.kek);
    return "used";
  } catch (error) {
    return `${(error as HsmError).code}: ${(error as HsmError).detail}`;
  }
}

const flipped = (bytes: Buffer, at: number, random: Random): Buffer => {
  const copy = Buffer.from(bytes);
  copy[at] = (copy[at] as number) ^ (1 + random.below(255));
  return copy;
};

test("what was not touched verifies, starts and can be used", async () => {
  const report = await pass(logOf(segment), PATH, storeOf(rows));
  assert.deepEqual(report.problems, []);
  assert.equal(report.log.events, events);
  assert.ok(rows.length >= 14 && events >= 18, `${rows.length} records, ${events} events`);
  assert.equal(started(segment), "started");
  for (const what of ["audit", "store"] as const) assert.equal((await inspect(what, dataDir)).status, 0);
});

test("any byte of the log, changed: the pass names the event, and the vault does not start on it", async (t) => {
  t.diagnostic(`KEYSTEAD_SEED=${random.seed}`);
  const ends = eventsOf(dataDir).map(({ end }) => end);
  for (let round = 0; round < 600; round += 1) {
    const at = random.below(segment.length);
    const bytes = flipped(segment, at, random);
    const event = ends.findIndex((end) => at < end) + 1;
    const { problems, log } = await pass(logOf(bytes), PATH, storeOf(rows));
    const told = `byte ${at} of event ${event}: ${segment[at]} became ${bytes[at]}: ${problems.join("; ")}`;
    assert.equal(log.bad?.sequence, event, told);
    assert.match(problems[0] ?? "", new RegExp(`^audit log: event ${event}: `), told);
    assert.match(started(bytes), new RegExp(`^INTEGRITY_FAILURE: audit log: event ${event}: `), told);
  }
});

test("lines of the log taken out, doubled, exchanged or cut off at the end are found by the pass and by the start", async () => {
  const lines = segment.toString("utf8").split("\n").slice(0, -1);
  const joined = (changed: readonly string[]): Buffer => Buffer.from(changed.map((line) => `${line}\n`).join(""), "utf8");
  for (let round = 0; round < 60; round += 1) {
    const at = random.below(lines.length - 1);
    const changes: Record<string, readonly string[]> = {
      "taken out": lines.toSpliced(at, 1),
      doubled: lines.toSpliced(at, 0, lines[at] as string),
      exchanged: lines.toSpliced(at, 2, lines[at + 1] as string, lines[at] as string),
      "cut off": lines.slice(0, at),
    };
    for (const [how, changed] of Object.entries(changes)) {
      assert.match(started(joined(changed)), /^INTEGRITY_FAILURE: audit log: event \d+: /, `${how} at ${at}`);
      if (how === "cut off") continue;
      const { log } = await pass(logOf(joined(changed)), PATH, storeOf(rows));
      assert.notEqual(log.bad, undefined, `${how} at ${at}`);
    }
  }
});

test("any byte of a record, changed: refused before use, and named by the pass", async (t) => {
  t.diagnostic(`KEYSTEAD_SEED=${random.seed}`);
  for (let round = 0; round < 600; round += 1) {
    const row = random.of(rows);
    const name = recordName(row.key);
    const at = random.below(row.bytes.length);
    const changed = rows.map((other) => (other === row ? { key: row.key, bytes: flipped(row.bytes, at, random) } : other));
    const { problems } = await pass(logOf(segment), PATH, storeOf(changed));
    assert.deepEqual(problems, [`record ${name} is not the one the audit log knows`], `byte ${at}`);
    assert.equal(await used(changed, row.key), `INTEGRITY_FAILURE: record ${name} is not the one the audit log knows`);
  }
});

test("records taken away, exchanged between keys and namespaces, put back as they were, or put in anew are refused before use and named", async () => {
  const named = (row: Row): string => recordName(row.key);
  for (const row of rows) {
    const without = rows.filter((other) => other !== row);
    assert.deepEqual((await pass(logOf(segment), PATH, storeOf(without))).problems, [`record ${named(row)} is missing`]);
    assert.match(await used(without, row.key), /^INTEGRITY_FAILURE: record .* is missing/);
    for (const other of rows.filter((other) => other !== row)) {
      const exchanged = rows.map((one) =>
        one === row ? { key: row.key, bytes: other.bytes } : one === other ? { key: other.key, bytes: row.bytes } : one,
      );
      assert.match(await used(exchanged, row.key), /^INTEGRITY_FAILURE/);
      assert.match(await used(exchanged, other.key), /^INTEGRITY_FAILURE/);
    }
  }
  const older = oldRows.filter((old) => rows.some((row) => named(row) === named(old) && !row.bytes.equals(old.bytes)));
  assert.ok(older.length >= 2, "records changed since");
  for (const old of older) {
    const back = rows.map((row) => (named(row) === named(old) ? old : row));
    assert.deepEqual((await pass(logOf(segment), PATH, storeOf(back))).problems, [
      `record ${named(old)} is not the one the audit log knows`,
    ]);
    assert.match(await used(back, old.key), /^INTEGRITY_FAILURE/);
  }
  const [key] = rows.filter(({ key }) => key.kind === "key") as [Row];
  const strange = { key: { ...key.key, id: "never-made" }, bytes: key.bytes };
  assert.deepEqual((await pass(logOf(segment), PATH, storeOf([...rows, strange]))).problems, [
    "record default/key/never-made/0 is not the one the audit log knows",
  ]);
});

test("any byte of the database file, changed: every record is found wrong or read as it was", async (t) => {
  t.diagnostic(`KEYSTEAD_SEED=${random.seed}`);
  const folder = mkdtempSync(join(tmpdir(), "keystead-tamper-"));
  t.after(() => rmSync(folder, { recursive: true, force: true }));
  const whole = readFileSync(join(dataDir, "keystead.db"));
  const wanted = new Map(rows.map((row) => [recordName(row.key), row.bytes]));
  let found = 0;
  for (let round = 0; round < 300; round += 1) {
    const at = random.below(whole.length);
    const path = join(folder, "keystead.db");
    writeFileSync(path, flipped(whole, at, random));
    for (const left of ["-wal", "-shm"]) rmSync(`${path}${left}`, { force: true });
    try {
      const reader = sqliteReader(path);
      try {
        const { problems } = await pass(logOf(segment), PATH, reader);
        if (problems.length > 0) {
          found += 1;
          continue;
        }
        const read = await rowsOf(reader);
        assert.deepEqual(new Map(read.map((row) => [recordName(row.key), row.bytes])), wanted, `byte ${at}`);
        for (const row of rows) assert.ok((await reader.get(row.key))?.equals(row.bytes), `byte ${at}: ${recordName(row.key)}`);
      } finally {
        reader.close();
      }
    } catch (error) {
      if ((error as Error).name === "AssertionError") throw error;
      found += 1;
    }
  }
  t.diagnostic(`${found} of 300 changes met something that is read`);
  assert.ok(found > 20, String(found));
});

/** A server on a copy of the folder that was tampered with. */
async function afterTampering(t: TestContext, tamper: (copy: string) => void): Promise<{ server: TestServer; copy: string }> {
  const copy = join(newFolder(), "data");
  cpSync(dataDir, copy, { recursive: true });
  tamper(copy);
  const server = await startServer({ dataDir: copy });
  t.after(() => server.stop());
  return { server, copy };
}

const readiness = (server: TestServer): Promise<number> =>
  new Promise((resolve, reject) => {
    get(`http://${server.addresses["health"]}/health/ready`, (reply) => {
      reply.resume();
      resolve(reply.statusCode ?? 0);
    }).on("error", reject);
  });

function inDatabase(copy: string, sql: string): void {
  const database = new DatabaseSync(join(copy, "keystead.db"));
  database.exec(sql);
  database.close();
}

const THE_KEY = "namespace = 'default' AND kind = 'key' AND id = 'key-ed25519'";
const REAL: readonly { readonly what: string; readonly names: RegExp; tamper(copy: string): void }[] = [
  {
    what: "a byte of a record changed in the database",
    names: /record default\/key\/key-ed25519\/0 is not the one/,
    tamper: (copy) =>
      inDatabase(copy, `UPDATE records SET bytes = CAST(substr(bytes, 1, 40) || X'5A' || substr(bytes, 42) AS BLOB) WHERE ${THE_KEY}`),
  },
  {
    what: "a record deleted from the database",
    names: /record default\/key\/key-ed25519\/0 is missing/,
    tamper: (copy) => inDatabase(copy, `DELETE FROM records WHERE ${THE_KEY}`),
  },
  {
    what: "a line of the index deleted from the database",
    names: /record default\/key\/key-ed25519\/0 is missing in the key store's index/,
    tamper: (copy) =>
      inDatabase(copy, "DELETE FROM attribute_index WHERE namespace = 'default' AND id = 'key-ed25519' AND entry LIKE 'key_type=%'"),
  },
  {
    what: "a record of one namespace put under the same name in another",
    names: /record other\/key\/key-ed25519\/0 is not the one/,
    tamper: (copy) =>
      inDatabase(
        copy,
        `UPDATE records SET bytes = (SELECT bytes FROM records WHERE ${THE_KEY}) WHERE namespace = 'other' AND kind = 'key' AND id = 'key-ed25519'`,
      ),
  },
  {
    what: "an old database restored beside the log",
    names: /record .* (is not the one the audit log knows|is missing)/,
    tamper: (copy) => cpSync(join(earlier, "keystead.db"), join(copy, "keystead.db")),
  },
  {
    what: "an old log restored beside the database",
    names: /audit log: event \d+: missing; the store knows of \d+ events/,
    tamper: (copy) => cpSync(segmentsOf(earlier)[0] as string, segmentsOf(copy)[0] as string),
  },
  {
    what: "a byte of the log changed",
    names: /audit log: event 1: /,
    tamper: (copy) => {
      const [path] = segmentsOf(copy) as [string];
      const bytes = readFileSync(path);
      bytes[100] = (bytes[100] as number) ^ 1;
      writeFileSync(path, bytes);
    },
  },
  {
    what: "the last event of the log cut off",
    names: /audit log: event \d+: missing; the store knows of \d+ events/,
    tamper: (copy) => {
      const [path] = segmentsOf(copy) as [string];
      truncateSync(path, eventsOf(copy).at(-2)?.end);
    },
  },
  {
    what: "the tail segment of the log removed",
    names: /audit log: event 1: missing|no audit log/,
    tamper: (copy) => rmSync(segmentsOf(copy)[0] as string),
  },
];

for (const { what, names, tamper } of REAL) {
  test(`${what}: the server is not ready and says so, does nothing, and verify names it`, async (t) => {
    const { server, copy } = await afterTampering(t, tamper);
    await server.record(
      ({ level, message, detail, problem }) =>
        level === "error" && /integrity violation|could not be opened/.test(message) && names.test(`${detail} ${problem}`),
    );
    const used = await server.rest("POST", "/api/v1/namespaces/default/keys/key-ed25519/sign", { data: "aGk=" });
    assert.equal(used.body.code, "INTEGRITY_FAILURE", JSON.stringify(used.body));
    const status = await server.rest("GET", "/api/v1/status");
    assert.equal(status.status, 200, JSON.stringify(status.body));
    assert.equal(status.body.phase, "maintenance");
    assert.match(status.body.audit_integrity, names);
    // Of damage to records there is no such number.
    assert.equal(status.body.audit_first_bad_sequence, /event (\d+)/.exec(status.body.audit_integrity)?.[1] ?? "0");
    assert.deepEqual(status.body.maintenance_steps, DAMAGE_STEPS);
    assert.equal(await readiness(server), 503);
    await server.stop();
    for (const which of ["audit", "store"] as const) {
      const { status, verified, problems } = await inspect(which, copy);
      assert.equal(verified, false, which);
      assert.match(problems.join("\n"), names, which);
      if (!what.startsWith("the tail segment")) assert.equal(status, 10, which);
      assert.notEqual(status, 0, which);
    }
  });
}
