/**
 * The machine under the numbers: what it is, how fast one core is right now, and who used the processors.
 */
import { generateKeyPairSync, sign } from "node:crypto";
import { execFileSync } from "node:child_process";
import { readFileSync, readdirSync } from "node:fs";
import { cpus, freemem, totalmem } from "node:os";
import { join } from "node:path";

/** Clock ticks per second of /proc; Linux has had 100 on every architecture we run on. */
const TICKS = 100;

export interface Machine {
  readonly cpu: string;
  readonly cores: number;
  readonly memoryGiB: number;
  readonly freeGiB: number;
  readonly node: string;
  readonly openssl: string;
  readonly commit: string;
  readonly time: string;
}

export function describeMachine(root: string): Machine {
  const git = (...args: string[]): string => {
    try {
      return execFileSync("git", ["-C", root, ...args], { encoding: "utf8", stdio: ["ignore", "pipe", "ignore"] }).trim();
    } catch {
      return "";
    }
  };
  const changed = git("status", "--porcelain", "--untracked-files=no") === "" ? "" : " and uncommitted changes";
  const all = cpus();
  return {
    cpu: all[0]?.model.trim() ?? "unknown",
    cores: all.length,
    memoryGiB: Math.round(totalmem() / 2 ** 30),
    freeGiB: Math.round(freemem() / 2 ** 30),
    node: process.version,
    openssl: process.versions.openssl ?? "",
    commit: `${git("rev-parse", "--short", "HEAD") || "unknown"}${changed}`,
    time: new Date().toISOString(),
  };
}

const { privateKey } = generateKeyPairSync("ed25519");
const message = Buffer.alloc(100, 7);

/** Runs `operation` for about `milliseconds`; operations per second of this thread. */
export function rate(operation: () => void, milliseconds: number): number {
  let calls = 0;
  const started = performance.now();
  let now = started;
  do {
    for (let index = 0; index < 8; index += 1) operation();
    calls += 8;
    now = performance.now();
  } while (now - started < milliseconds);
  return (calls * 1000) / (now - started);
}

/** The limit: Ed25519 signatures of 100 bytes per second, one thread, nothing else. */
export const limitNow = (milliseconds: number): number => rate(() => sign(null, message, privateKey), milliseconds);

/** CPU seconds a process has used; 0 when it is gone. */
export function cpuSeconds(pid: number): number {
  try {
    const text = readFileSync(`/proc/${pid}/stat`, "latin1");
    const fields = text.slice(text.lastIndexOf(")") + 2).split(" ");
    return (Number(fields[11]) + Number(fields[12])) / TICKS;
  } catch {
    return 0;
  }
}

/** CPU seconds all processes of the machine have used, and what other machines on the same host took from it. */
export function machineSeconds(): { readonly busy: number; readonly stolen: number } {
  const [, user, nice, system, , , irq, softirq, steal] = (readFileSync("/proc/stat", "latin1").split("\n", 1)[0] as string)
    .split(/\s+/)
    .map(Number) as number[];
  return { busy: ((user ?? 0) + (nice ?? 0) + (system ?? 0) + (irq ?? 0) + (softirq ?? 0)) / TICKS, stolen: (steal ?? 0) / TICKS };
}

/** Processes below `pid`, by title. */
export function descendants(pid: number): { readonly pid: number; readonly title: string }[] {
  const parents = new Map<number, number>();
  for (const name of readdirSync("/proc")) {
    if (!/^\d+$/.test(name)) continue;
    try {
      const text = readFileSync(join("/proc", name, "stat"), "latin1");
      parents.set(Number(name), Number(text.slice(text.lastIndexOf(")") + 2).split(" ")[1]));
    } catch {
      // Gone meanwhile.
    }
  }
  const below = (child: number): boolean => {
    for (let at = parents.get(child); at !== undefined && at > 1; at = parents.get(at)) if (at === pid) return true;
    return false;
  };
  return [...parents.keys()]
    .filter(below)
    .map((child) => ({ pid: child, title: readFileSync(`/proc/${child}/cmdline`, "latin1").replaceAll("\0", " ").trim() }));
}

export const median = (values: readonly number[]): number => {
  const sorted = [...values].sort((a, b) => a - b);
  const middle = sorted.length >> 1;
  if (sorted.length === 0) return 0;
  return sorted.length % 2 === 1 ? (sorted[middle] as number) : ((sorted[middle - 1] as number) + (sorted[middle] as number)) / 2;
};
