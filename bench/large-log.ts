/**
 * A large audit log: how soon a start is done with it, and how long searches take. By `--only large-log` alone, because a
 * log of ten million events takes minutes to make and 5 GB of disk; `--events` says how many.
 *
 * The log is made by the log itself, without waiting for the disk, of as many events for each of many keys; its searches
 * have indexes, as they have in a server some minutes after the segments ended. A start is what stands between a log on the
 * disk and the first event appended to it.
 */
import { fork } from "node:child_process";
import { createSecretKey, hash, randomBytes } from "node:crypto";
import { mkdtempSync, rmSync, statfsSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { ANY_EVENT, type AuditFilter } from "@keystead/vault/audit/audit-filter";
import { systemFiles } from "@keystead/vault/audit/file-layer";
import { indexSegments } from "@keystead/vault/audit/indexer";
import { AuditLog } from "@keystead/vault/audit/log";
import { readEvents } from "@keystead/vault/audit/read";
import { recoverLog } from "@keystead/vault/audit/recover";
import { memoryStore } from "@keystead/vault/stores/memory";
import { median } from "./machine.ts";

export interface LargeLogRow {
  readonly events: number;
  /** Milliseconds from the log on the disk to its first new event. */
  readonly startMs: number;
  /** Milliseconds of a search for a page of 100, median and worst over keys. */
  readonly byKeyMs: number;
  readonly byKeyWorstMs: number;
  readonly newestByKeyMs: number;
  readonly byRequestMs: number;
  /** Microseconds of processor time that an index costs for each event. */
  readonly indexUs: number;
}

const EVENTS_EACH_KEY = 100;
const IN_FLIGHT = 4096;
const SEARCHES = 40;
const BYTES_EACH = 1200;

/** Measures in a process of its own. @throws {Error} without room for it */
export function measureLargeLog(events: number): Promise<LargeLogRow> {
  const { bavail, bsize } = statfsSync(tmpdir());
  if (bavail * bsize < events * BYTES_EACH) throw new Error(`a log of ${events} events needs ${events * BYTES_EACH} bytes of ${tmpdir()}`);
  return new Promise((resolve, reject) => {
    const child = fork(import.meta.filename, ["large", String(events)], { execArgv: ["--expose-gc"] });
    child.once("message", (row) => resolve(row as LargeLogRow));
    child.once("error", reject);
    child.once("exit", (code) => reject(new Error(`the bench of a large log ended with ${code}`)));
  });
}

async function measure(events: number): Promise<LargeLogRow> {
  const folder = mkdtempSync(join(tmpdir(), "keystead-bench-large-"));
  const path = join(folder, "audit");
  const macKey = createSecretKey(randomBytes(32));
  const store = memoryStore();
  const options = { files: systemFiles, path, store, macKey };
  const keys = Math.max(1, Math.floor(events / EVENTS_EACH_KEY));
  try {
    const made = new AuditLog(recoverLog(options), { ...options, syncMode: "none" });
    const payload = hash("sha256", "payload", "hex");
    for (let at = 0; at < events;) {
      const batch: Promise<unknown>[] = [];
      for (const end = Math.min(events, at + IN_FLIGHT); at < end; at += 1) {
        batch.push(
          made.append({
            action: "Sign",
            address: "192.0.2.17",
            authentication: "certificate",
            decision: "allow",
            // Scattered: the events of a key stand in many segments.
            key: `key-${(at * 7919) % keys}`,
            namespace: "default",
            outcome: "OK",
            payload,
            principal: `cert:client-${at % 97}`,
            request: `r-${at.toString(36)}`,
            time: new Date(1_767_225_600_000 + at).toISOString(),
            version: 1,
          }),
        );
      }
      await Promise.all(batch);
    }
    const before = process.cpuUsage();
    await indexSegments({ files: systemFiles, path, macKey, log: made, wanted: () => true });
    const { user, system } = process.cpuUsage(before);
    await made.close();
    globalThis.gc?.();

    const started = performance.now();
    const log = new AuditLog(recoverLog(options), { ...options, syncMode: "full" });
    const { sequence: upTo } = await log.append({
      action: "GetStatus",
      authentication: "certificate",
      decision: "allow",
      key: "",
      namespace: "",
      outcome: "OK",
      payload,
      principal: "cert:admin",
      request: "first",
      time: new Date().toISOString(),
      version: 0,
    });
    const startMs = performance.now() - started;

    const timed = async (more: Partial<AuditFilter>, newestFirst: boolean, wanted: number): Promise<number> => {
      const from = performance.now();
      const { events: found } = await readEvents({
        files: systemFiles,
        path,
        macKey,
        upTo,
        newestFirst,
        after: 0,
        limit: 100,
        filter: { ...ANY_EVENT, ...more },
        hidden: { has: () => false },
      });
      if (found.length !== wanted) throw new Error(`a search found ${found.length} events of ${wanted}`);
      return performance.now() - from;
    };
    const each = async (ask: (at: number) => Promise<number>): Promise<number[]> => {
      const times: number[] = [];
      for (let at = 0; at < SEARCHES; at += 1) times.push(await ask(Math.floor((at * events) / SEARCHES)));
      return times;
    };
    const whole = events % keys === 0 ? events / keys : EVENTS_EACH_KEY;
    const oldest = await each((at) => timed({ keyId: `key-${at % keys}` }, false, Math.min(100, whole)));
    const newest = await each((at) => timed({ keyId: `key-${at % keys}` }, true, Math.min(100, whole)));
    const requests = await each((at) => timed({ requestId: `r-${at.toString(36)}` }, false, 1));
    await log.close();
    return {
      events,
      startMs,
      byKeyMs: median(oldest),
      byKeyWorstMs: Math.max(...oldest),
      newestByKeyMs: median(newest),
      byRequestMs: median(requests),
      indexUs: (user + system) / events,
    };
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

if (process.argv[2] === "large" && process.send !== undefined) {
  const row = await measure(Number(process.argv[3]));
  process.send(row, () => process.exit(0));
}
