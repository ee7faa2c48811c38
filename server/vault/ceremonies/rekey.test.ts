/** Rekeying, on every store: nothing is lost, nothing stays behind, and a crash at any step is gone on from. */
import assert from "node:assert/strict";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test, type TestContext } from "node:test";
import type { HsmError } from "@keystead/contract/errors";
import { mechanismFor } from "@keystead/crypto/mechanisms/register";
import { CrashingDisk } from "../audit/crashing-files.ts";
import type { FileLayer } from "../audit/file-layer.ts";
import { memoryFiles } from "../audit/memory-files.ts";
import { verifyEverything } from "../duties/verify-everything.ts";
import { issueGrant } from "../grant.ts";
import type { Change } from "../objects/change.ts";
import { parseHeader, recordMacKeysOf, type UnsealSecret } from "../objects/hierarchy.ts";
import { macFits, recordName } from "../objects/record.ts";
import { CrashingStoreDisk } from "../stores/crashing-store-files.ts";
import { filesystemStore, type FilesystemStore } from "../stores/filesystem.ts";
import { memoryStore } from "../stores/memory.ts";
import { sqliteStore } from "../stores/sqlite.ts";
import type { Store } from "../stores/store.ts";
import { unseal, type OpenVault } from "./unseal.ts";

const PATH = "/data/audit";
const secret = (fill = 7): UnsealSecret => ({ method: "key", secret: Buffer.alloc(32, fill), second: undefined });

const open = (store: Store, files: FileLayer, by = secret()): Promise<OpenVault> =>
  unseal(by, {
    store,
    files,
    auditPath: PATH,
    syncMode: "full",
    cacheSizeBytes: 1 << 20,
    now: () => Date.now(),
    onLogStopped: () => undefined,
  });

/** Records a change as the monitor does, and lets it be true when it is durable. */
async function record(vault: OpenVault, action: string, change: Change | undefined): Promise<void> {
  const writes = change?.writes ?? [];
  try {
    await vault.log.append(
      {
        action,
        authentication: "ceremony",
        decision: "allow",
        key: "",
        namespace: "",
        outcome: "OK",
        payload: "",
        principal: "tester",
        request: "r",
        time: new Date().toISOString(),
        version: 0,
        ...(writes.length === 0 ? {} : { records: writes.map((write) => ({ digest: write.digest, name: recordName(write.key) })) }),
      },
      writes,
    );
  } catch (error) {
    change?.settle(false);
    throw error;
  }
  change?.settle(true);
}

async function makeKey(vault: OpenVault, namespace: string, keyId: string): Promise<void> {
  const { change } = await vault.objects.create({
    namespace,
    keyId,
    algorithm: "AES-256-GCM",
    usage: ["encrypt", "decrypt"],
    tags: [],
    description: "",
    key: await mechanismFor("AES-256-GCM").generate(),
    local: true,
  });
  await record(vault, "GenerateKey", change);
}

/** The bytes of a key, as its use sees them. */
async function keyBytes(vault: OpenVault, namespace: string, keyId: string): Promise<string> {
  const grant = issueGrant({ principal: "tester", operation: "Encrypt", namespace, keyId, usage: "encrypt" });
  const { key } = await vault.objects.open(grant);
  return (key as unknown as { export(): Buffer }).export().toString("hex");
}

async function furnish(vault: OpenVault, keys: number): Promise<void> {
  for (const namespace of ["a", "b"]) {
    await record(vault, "CreateNamespace", (await vault.objects.createNamespace(namespace, "", 0)).change);
    for (let key = 0; key < keys; key += 1) await makeKey(vault, namespace, `k${key}`);
  }
}

async function contents(vault: OpenVault, keys: number): Promise<string[]> {
  const found: string[] = [];
  for (const namespace of ["a", "b"]) for (let key = 0; key < keys; key += 1) found.push(await keyBytes(vault, namespace, `k${key}`));
  return found;
}

async function finish(vault: OpenVault): Promise<number> {
  let steps = 0;
  while (!vault.rekeying.complete) {
    await record(vault, "RekeyVault", await vault.rekeying.step());
    steps += 1;
    assert.ok(steps < 1_000, "a rekey that never ends");
  }
  return steps;
}

/** Everything verifies, and every record is under the present keys alone. */
async function sound(vault: OpenVault, store: Store, files: FileLayer): Promise<void> {
  const { problems } = await verifyEverything({
    files,
    auditPath: PATH,
    store,
    auditMacKey: vault.hierarchy.auditMacKey,
    recordMacKeys: () => recordMacKeysOf(vault.hierarchy),
    upTo: vault.log.sequence,
    anchors: vault.log.anchors(),
    pause: () => Promise.resolve(),
  });
  assert.deepEqual(problems, []);
  if (!vault.rekeying.complete) return;
  for await (const { key, bytes } of store.all()) assert.ok(macFits(bytes, vault.hierarchy.recordMacKey), recordName(key));
  assert.equal(parseHeader(store.header() as string).former, undefined);
}

const STORES: readonly (readonly [string, (t: TestContext) => Store])[] = [
  ["memory", () => memoryStore()],
  [
    "sqlite",
    (t) => {
      const folder = mkdtempSync(join(tmpdir(), "keystead-rekey-"));
      t.after(() => rmSync(folder, { recursive: true, force: true }));
      return sqliteStore({ path: join(folder, "k.db"), wal: true, syncMode: "none" });
    },
  ],
  ["filesystem", () => filesystemStore({ folder: "/data", durable: true, files: newDisk().files })],
];

function newDisk(): CrashingStoreDisk {
  const disk = new CrashingStoreDisk();
  disk.files.makeFolder("/data");
  disk.files.syncFolder("/");
  return disk;
}

for (const [name, make] of STORES) {
  test(`${name}: after a rekey every record is under new keys, every key is what it was, and the vault opens again`, async (t) => {
    const store = make(t);
    const files = memoryFiles();
    const vault = await open(store, files);
    await furnish(vault, 40);
    const before = await contents(vault, 40);
    const old = { kek: vault.hierarchy.kek, recordMacKey: vault.hierarchy.recordMacKey };
    await vault.rekeying.begin(secret(), undefined);
    await record(vault, "RekeyVault", undefined);
    assert.deepEqual([vault.rekeying.progress.generation, vault.rekeying.progress.complete], [2, false]);
    assert.ok(!vault.hierarchy.kek.equals(old.kek) && !vault.hierarchy.recordMacKey.equals(old.recordMacKey));
    await assert.rejects(vault.rekeying.begin(secret(), undefined), { code: "INVALID_REQUEST" });
    // Half way: keys of both generations work, and new ones are made.
    await record(vault, "RekeyVault", await vault.rekeying.step());
    await sound(vault, store, files);
    await makeKey(vault, "a", "meanwhile");
    await record(vault, "DeleteKey", (await vault.objects.destroy("b", "k39")).change);
    vault.objects.close();
    assert.deepEqual((await contents(vault, 39)).slice(0, 39), before.slice(0, 39));
    assert.ok((await finish(vault)) >= 3);
    await sound(vault, store, files);
    await assert.rejects(vault.rekeying.step(), { code: "INVALID_REQUEST" });
    for await (const { bytes } of store.all()) assert.ok(!macFits(bytes, old.recordMacKey));
    await vault.log.close();
    const again = await open(store, files);
    assert.equal(again.hierarchy.generation, 2);
    assert.deepEqual((await contents(again, 39)).slice(0, 39), before.slice(0, 39));
    assert.ok((await keyBytes(again, "a", "meanwhile")).length === 64);
    // A second one, from there.
    await again.rekeying.begin(secret(), undefined);
    await finish(again);
    assert.equal(again.rekeying.progress.generation, 3);
    await sound(again, store, files);
    await again.log.close();
    store.close();
  });
}

test("a wrong secret begins nothing; a new secret alone opens the vault afterwards, also of another kind", async () => {
  const store = memoryStore();
  const files = memoryFiles();
  const vault = await open(store, files);
  await furnish(vault, 2);
  const before = await contents(vault, 2);
  const header = store.header();
  await assert.rejects(vault.rekeying.begin(secret(9), undefined), { code: "UNAUTHENTICATED" });
  assert.equal(store.header(), header);
  assert.equal(vault.rekeying.complete, true);
  const given = secret();
  const next: UnsealSecret = { method: "passphrase", secret: Buffer.from("correct horse battery"), second: Buffer.from("second") };
  await vault.rekeying.begin(given, next);
  for (const bytes of [given.secret, next.secret, next.second]) assert.ok(bytes?.every((byte) => byte === 0));
  await finish(vault);
  await vault.log.close();
  await assert.rejects(open(store, files), { code: "UNAUTHENTICATED" });
  const again = await open(store, files, {
    method: "passphrase",
    secret: Buffer.from("correct horse battery"),
    second: Buffer.from("second"),
  });
  assert.deepEqual(await contents(again, 2), before);
  // The header of before opens with the old secret and fits no record any more.
  store.setHeader(header as string);
  const replayed = await open(store, files);
  await assert.rejects(contents(replayed, 2), { code: "INTEGRITY_FAILURE" });
});

test("a header in which anything was changed is refused, also one that denies or invents a rekey", async () => {
  const store = memoryStore();
  const files = memoryFiles();
  const vault = await open(store, files);
  await vault.rekeying.begin(secret(), undefined);
  const header = JSON.parse(store.header() as string) as Record<string, unknown>;
  await vault.log.close();
  const changed: readonly Record<string, unknown>[] = [
    { ...header, former: undefined },
    { ...header, keys: header["former"] },
    { ...header, keys: header["former"], former: header["keys"] },
    { ...header, createdAt: "2000-01-01T00:00:00.000Z" },
    { ...header, mac: undefined },
    { ...header, mac: Buffer.alloc(48).toString("base64") },
    { ...header, format: 1 },
  ];
  for (const wrong of changed) {
    store.setHeader(JSON.stringify(wrong));
    await assert.rejects(open(store, files), { code: "INTEGRITY_FAILURE" }, JSON.stringify(Object.keys(wrong)));
  }
  store.setHeader(JSON.stringify(header));
  assert.equal((await open(store, files)).rekeying.complete, false);
});

class Crash extends Error {}
const isCrash = (error: unknown): boolean =>
  error instanceof Crash || (error instanceof Error && error.cause !== undefined && isCrash((error as { cause: unknown }).cause));

test("a crash at any step leaves a vault that opens, has every key, and goes on to the end", { timeout: 300_000 }, async (t) => {
  let crashes = 0;
  let resumed = 0;
  for (let at = 1; ; at += 1) {
    let storeDisk = newDisk();
    let logDisk = new CrashingDisk();
    const start = filesystemStore({ folder: "/data", durable: true, files: storeDisk.files });
    const first = await open(start, logDisk.files);
    await furnish(first, 3);
    const before = await contents(first, 3);
    await first.log.close();
    start.settle();
    start.close();
    // The life in which the rekey begins dies at step `at`; later ones die sooner, until one gets through.
    let left = at;
    const die = (): void => {
      if (--left <= 0) throw new Crash();
    };
    let finished = false;
    let deaths = 0;
    for (let life = 0; life < 40 && !finished; life += 1) {
      storeDisk.before = die;
      logDisk.before = die;
      let store: FilesystemStore | undefined;
      try {
        store = filesystemStore({ folder: "/data", durable: true, files: storeDisk.files });
        const vault = await open(store, logDisk.files);
        if (!vault.rekeying.complete) resumed += 1;
        else if (vault.hierarchy.generation === 1) {
          await vault.rekeying.begin(secret(), undefined);
          await record(vault, "RekeyVault", undefined);
        }
        await finish(vault);
        await vault.log.close();
        store.settle();
        finished = true;
      } catch (error) {
        if (!isCrash(error) && (error as HsmError).code !== "AUDIT_UNAVAILABLE" && (error as HsmError).code !== "PROVIDER_UNAVAILABLE")
          throw error;
        crashes += 1;
        deaths += 1;
      }
      storeDisk.before = () => undefined;
      logDisk.before = () => undefined;
      if (!finished) {
        const coin = (): boolean => (crashes * 7 + deaths * 3 + Math.floor(Math.random() * 2)) % 2 === 0;
        storeDisk = storeDisk.afterCrash(coin);
        logDisk = logDisk.afterCrash(coin);
      }
      // The second life dies as early as the first, later ones live longer.
      left = deaths < 2 ? at : Infinity;
      const looked = filesystemStore({ folder: "/data", durable: true, files: storeDisk.files });
      const vault = await open(looked, logDisk.files);
      assert.deepEqual(await contents(vault, 3), before, `crash at ${at}`);
      await sound(vault, looked, logDisk.files);
      await vault.log.close();
      looked.close();
    }
    assert.ok(finished, `crash at ${at}`);
    if (deaths === 0) break;
  }
  t.diagnostic(`${crashes} crashes, ${resumed} rekeys gone on with after one`);
  assert.ok(crashes > 60 && resumed > 10, `${crashes} ${resumed}`);
});
