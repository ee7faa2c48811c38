/**
 * The audit log alone: events per second of the real log in each sync mode, against plain loops that append the same
 * bytes in groups.
 *
 * A waiter records its next event as soon as the last one was durable. The plain loops do the least a group commit
 * can: collect what waits, write it at the end of the file, make it durable, let the waiters go. `O_DSYNC` and
 * `fdatasync` let the file grow as the word append says; `O_DSYNC, zeroed ahead` writes into space that is allocated,
 * which is the best this disk can do. They build no event: their line is one made before.
 */
import { createSecretKey, randomBytes } from "node:crypto";
import { fork } from "node:child_process";
import { closeSync, constants, fdatasync, mkdtempSync, openSync, rmSync, write, writeSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { sealEvent, GENESIS, type EventFields } from "@keystead/vault/audit/event";
import { systemFiles } from "@keystead/vault/audit/file-layer";
import { AuditLog } from "@keystead/vault/audit/log";
import { LogTree } from "@keystead/vault/audit/log-tree";
import { recoverLog } from "@keystead/vault/audit/recover";
import { TreeFiles } from "@keystead/vault/audit/tree-files";
import { memoryStore } from "@keystead/vault/stores/memory";
import { PreparedHmac } from "@keystead/crypto/prepared-hmac";
import { median } from "./machine.ts";

export interface AuditRow {
  readonly name: string;
  readonly waiters: number;
  readonly perSecond: number;
  /** Processor time for each event, threads of the pool included, in microseconds. */
  readonly cpuUs: number;
}

const WAITERS = [1, 64, 1024] as const;
const ZEROS = Buffer.alloc(512 * 1024);

/** Something that makes one event durable. */
interface Subject {
  readonly name: string;
  append(): Promise<unknown>;
  close(): Promise<void> | void;
}

/** Measures in a process of its own. */
export function measureAudit(rounds: number, windowMs: number, only = ""): Promise<AuditRow[]> {
  return new Promise((resolve, reject) => {
    const child = fork(import.meta.filename, ["measure", String(rounds), String(windowMs), only], { execArgv: [] });
    child.once("message", (rows) => resolve(rows as AuditRow[]));
    child.once("error", reject);
    child.once("exit", (code) => reject(new Error(`the audit bench ended with ${code}`)));
  });
}

const payload = randomBytes(32).toString("hex");

let timeMs = 0;
let timeText = "";

/** One text for the events of a millisecond, as the server has it (event-draft.ts): making it is no part of an append. */
function timeNow(): string {
  const now = Date.now();
  if (now !== timeMs) {
    timeMs = now;
    timeText = new Date(now).toISOString();
  }
  return timeText;
}

const fieldsNow = (): EventFields => ({
  action: "Sign",
  authentication: "certificate",
  decision: "allow",
  key: "bench-ed25519",
  namespace: "default",
  outcome: "OK",
  payload,
  principal: "cert:admin",
  request: "3f2a9c1e-m4x0abcd-1z9k",
  time: timeNow(),
  version: 1,
});

function realLog(folder: string, syncMode: "full" | "normal" | "none"): Subject {
  const store = memoryStore();
  const macKey = createSecretKey(randomBytes(32));
  const path = join(folder, `audit-${syncMode}`, "audit.log");
  const recovered = recoverLog({ files: systemFiles, path, store, macKey });
  const tree = new LogTree(recovered.tree, new TreeFiles(systemFiles, path, recovered.tree.before.size));
  const log = new AuditLog(recovered, { files: systemFiles, path, store, macKey, syncMode, tree });
  return { name: `log, ${syncMode}`, append: () => log.append(fieldsNow()), close: () => log.close() };
}

/** A group commit with nothing in it. */
function plainLoop(folder: string, kind: "O_DSYNC" | "fdatasync" | "O_DSYNC, zeroed ahead"): Subject {
  const line = sealEvent(fieldsNow(), GENESIS, 123_456, 123_400, new PreparedHmac(createSecretKey(randomBytes(32)))).line;
  const path = join(folder, `plain-${kind.replaceAll(/\W+/g, "-")}`);
  const fd = openSync(path, constants.O_CREAT | constants.O_WRONLY | (kind === "fdatasync" ? 0 : constants.O_DSYNC), 0o600);
  let position = 0;
  let zeroedTo = 0;
  let waiting: (() => void)[] = [];
  let busy = false;
  const flush = (): void => {
    if (waiting.length === 0) {
      busy = false;
      return;
    }
    const batch = waiting;
    waiting = [];
    const bytes = Buffer.from(batch.map(() => line).join(""), "utf8");
    if (kind === "O_DSYNC, zeroed ahead") {
      for (; position + bytes.length > zeroedTo; zeroedTo += ZEROS.length) writeSync(fd, ZEROS, 0, ZEROS.length, zeroedTo);
    }
    const done = (error: Error | null): void => {
      if (error !== null) throw error;
      position += bytes.length;
      for (const wake of batch) wake();
      setImmediate(flush);
    };
    write(fd, bytes, 0, bytes.length, position, (error) => {
      if (error !== null || kind !== "fdatasync") done(error);
      else fdatasync(fd, done);
    });
  };
  return {
    name: `plain loop, ${kind}`,
    append: () =>
      new Promise<void>((resolve) => {
        waiting.push(resolve);
        if (busy) return;
        busy = true;
        setImmediate(flush);
      }),
    close: () => closeSync(fd),
  };
}

async function eventsPerSecond(subject: Subject, waiters: number, ms: number): Promise<{ perSecond: number; cpuUs: number }> {
  let events = 0;
  const before = process.cpuUsage();
  const started = performance.now();
  const until = started + ms;
  await Promise.all(
    Array.from({ length: waiters }, async () => {
      while (performance.now() < until) {
        await subject.append();
        events += 1;
      }
    }),
  );
  const { user, system } = process.cpuUsage(before);
  return { perSecond: (events * 1000) / (performance.now() - started), cpuUs: (user + system) / events };
}

async function measure(rounds: number, windowMs: number, only: string): Promise<void> {
  const folder = mkdtempSync(join(tmpdir(), "keystead-bench-audit-"));
  try {
    const subjects = [
      ...(["full", "normal", "none"] as const).map((mode) => realLog(folder, mode)),
      ...(["O_DSYNC", "fdatasync", "O_DSYNC, zeroed ahead"] as const).map((kind) => plainLoop(folder, kind)),
    ].filter(({ name }) => name.includes(only));
    for (const subject of subjects) for (const waiters of WAITERS) await eventsPerSecond(subject, waiters, windowMs / 2);
    const measured = subjects.flatMap((subject) =>
      WAITERS.map((waiters) => ({ subject, waiters, rates: [] as { perSecond: number; cpuUs: number }[] })),
    );
    for (let round = 0; round < rounds; round += 1)
      for (const row of measured) row.rates.push(await eventsPerSecond(row.subject, row.waiters, windowMs));
    for (const subject of subjects) await subject.close();
    await new Promise<void>((resolve) =>
      process.send?.(
        measured.map(({ subject, waiters, rates }): AuditRow => ({
          name: subject.name,
          waiters,
          perSecond: median(rates.map(({ perSecond }) => perSecond)),
          cpuUs: median(rates.map(({ cpuUs }) => cpuUs)),
        })),
        () => resolve(),
      ),
    );
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
  process.exit(0);
}

if (process.argv[2] === "measure" && process.send !== undefined)
  await measure(Number(process.argv[3]), Number(process.argv[4]), process.argv[5] ?? "");
