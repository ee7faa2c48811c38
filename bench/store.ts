/**
 * The vault with many keys: what opening one, listing and making one cost with ten thousand, a hundred thousand and a
 * million of them, in SQLite, in this process.
 *
 * Keys are made through the same Objects and audit log as the server's, in batches, without syncs. Then everything is
 * closed and opened again, so that nothing is cached, and each thing is done to keys drawn by chance. What should not
 * depend on the number of keys is held against the smallest size.
 */
import { fork } from "node:child_process";
import { mkdtempSync, rmSync, statSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { systemFiles } from "@keystead/vault/audit/file-layer";
import { unseal, type OpenVault } from "@keystead/vault/ceremonies/unseal";
import type { Change } from "@keystead/vault/objects/change";
import { issueGrant } from "@keystead/vault/grant";
import { mechanismFor } from "@keystead/crypto/mechanisms/register";
import { sqliteStore } from "@keystead/vault/stores/sqlite";
import { median } from "./machine.ts";

export interface StoreRow {
  readonly keys: number;
  /** Microseconds, but for the first three. */
  readonly makeSeconds: number;
  readonly unsealSeconds: number;
  readonly countSeconds: number;
  readonly describeUs: number;
  readonly useUs: number;
  readonly firstPageUs: number;
  readonly middlePageUs: number;
  readonly totalUs: number;
  /** One key by its label. */
  readonly findUs: number;
  /** One key by the id that PKCS#11 shows: its own, or its name. */
  readonly findShownUs: number;
  readonly createUs: number;
  readonly databaseMiB: number;
  readonly residentMiB: number;
}

const NAMESPACE = "bench";
const NO_FILTER = { algorithm: undefined, state: undefined, tags: [] };
const TOGETHER = 1_000;

/** Measures each size in a process of its own. */
export async function measureStore(sizes: readonly number[], progress: (text: string) => void): Promise<StoreRow[]> {
  const rows: StoreRow[] = [];
  for (const size of sizes) {
    progress(`store: ${size} keys`);
    rows.push(
      await new Promise<StoreRow>((resolve, reject) => {
        const child = fork(import.meta.filename, ["measure", String(size)], { execArgv: ["--max-old-space-size=8192"] });
        child.once("message", (row) => resolve(row as StoreRow));
        child.once("error", reject);
        child.once("exit", (code) => reject(new Error(`the store bench ended with ${code}`)));
      }),
    );
  }
  return rows;
}

interface Opened {
  readonly vault: OpenVault;
  close(): Promise<void>;
}

async function open(folder: string): Promise<Opened> {
  const store = sqliteStore({ path: join(folder, "keystead.db"), wal: true, syncMode: "none" });
  const vault = await unseal(
    { method: "key", secret: Buffer.alloc(32, 1), second: undefined },
    {
      store,
      files: systemFiles,
      auditPath: join(folder, "audit"),
      syncMode: "none",
      cacheSizeBytes: 104_857_600,
      now: () => Date.now(),
      onLogStopped: (error) => {
        throw error;
      },
    },
  );
  return {
    vault,
    async close() {
      await vault.log.close();
      vault.objects.close();
      store.close();
    },
  };
}

/** Records a change as the monitor does. */
async function record(vault: OpenVault, change: Change, key: string): Promise<void> {
  await vault.log.append(
    {
      action: "GenerateKey",
      authentication: "certificate",
      decision: "allow",
      key,
      namespace: NAMESPACE,
      outcome: "OK",
      payload: "0".repeat(64),
      principal: "cert:admin",
      request: "bench",
      time: new Date().toISOString(),
      version: 1,
      records: change.writes.map((write) => ({
        digest: write.digest,
        name: `${write.key.namespace}/${write.key.kind}/${write.key.id}/${write.key.version}`,
      })),
    },
    change.writes,
  );
  change.settle(true);
}

const idOf = (index: number): string => `key-${String(index).padStart(8, "0")}`;

/** Every second key has an id of its own; the others show their name. */
const shownIdOf = (index: number): string => Buffer.from(index % 2 === 0 ? `id ${index}` : idOf(index)).toString("hex");

async function make(vault: OpenVault, index: number): Promise<void> {
  const { change } = await vault.objects.create({
    namespace: NAMESPACE,
    keyId: idOf(index),
    algorithm: "AES-256-GCM",
    usage: ["encrypt", "decrypt"],
    tags: ["team=bench"],
    description: "",
    key: await mechanismFor("AES-256-GCM").generate(),
    local: true,
    label: `label of ${idOf(index)}`,
    ...(index % 2 === 0 ? { objectId: shownIdOf(index) } : {}),
  });
  await record(vault, change, idOf(index));
}

/** Median of a thing done often, in microseconds. */
async function timed(times: number, work: (round: number) => unknown): Promise<number> {
  const took: number[] = [];
  for (let round = 0; round < times; round += 1) {
    const before = performance.now();
    await work(round);
    took.push((performance.now() - before) * 1000);
  }
  return median(took);
}

async function seconds(work: () => Promise<unknown>): Promise<number> {
  const before = performance.now();
  await work();
  return (performance.now() - before) / 1000;
}

async function measure(size: number): Promise<StoreRow> {
  const folder = mkdtempSync(join(tmpdir(), "keystead-bench-"));
  try {
    const first = await open(folder);
    const { change } = await first.vault.objects.createNamespace(NAMESPACE, "", 0);
    await record(first.vault, change, "");
    const makeSeconds = await seconds(async () => {
      for (let at = 0; at < size; at += TOGETHER)
        await Promise.all(Array.from({ length: Math.min(TOGETHER, size - at) }, (_, index) => make(first.vault, at + index)));
    });
    await first.close();
    let opened!: Opened;
    const unsealSeconds = await seconds(async () => void (opened = await open(folder)));
    const { objects } = opened.vault;
    const some = (): string => idOf(Math.floor(Math.random() * size));
    // Before the counting: none of these may wait for it.
    const describeUs = await timed(2_000, () => objects.describe(NAMESPACE, some()));
    const useUs = await timed(2_000, () =>
      objects.open(issueGrant({ principal: "bench", operation: "Encrypt", namespace: NAMESPACE, keyId: some(), usage: "encrypt" })),
    );
    const firstPageUs = await timed(200, () => objects.list(NAMESPACE, NO_FILTER, "", 50));
    const middlePageUs = await timed(200, () => objects.list(NAMESPACE, NO_FILTER, some(), 50));
    const countSeconds = await seconds(() => objects.takeCensus(NAMESPACE));
    const totalUs = await timed(200, () => objects.count(NAMESPACE, NO_FILTER));
    const findUs = await timed(500, async () => {
      const { keys } = await objects.list(NAMESPACE, { ...NO_FILTER, attributes: { label: `label of ${some()}` } }, "", 50);
      if (keys.length !== 1) throw new Error(`${keys.length} keys have one label`);
    });
    const findShownUs = await timed(500, async () => {
      const shownId = shownIdOf(Math.floor(Math.random() * size));
      const { keys } = await objects.list(NAMESPACE, { ...NO_FILTER, shownId, algorithms: ["AES-256-GCM", "RSA-2048"] }, "", 50);
      if (keys.length !== 1) throw new Error(`${keys.length} keys show one id`);
    });
    const createUs = await timed(500, (round) => make(opened.vault, size + round));
    const residentMiB = process.memoryUsage.rss() / 1048576;
    await opened.close();
    const databaseMiB = statSync(join(folder, "keystead.db")).size / 1048576;
    return {
      keys: size,
      makeSeconds,
      unsealSeconds,
      countSeconds,
      describeUs,
      useUs,
      firstPageUs,
      middlePageUs,
      totalUs,
      findUs,
      findShownUs,
      createUs,
      databaseMiB,
      residentMiB,
    };
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

if (process.argv[2] === "measure") {
  const row = await measure(Number(process.argv[3]));
  process.send?.(row, () => process.exit(0));
}
