/**
 * The channel alone: lib/channel's Peer between two processes over a socketpair, requests of 100 bytes, replies of 64.
 *
 *     channel.ts            run by fork from main.ts: asks, measures both sides, reports
 *     channel.ts answer     the other side, on descriptor 3
 */
import { fork, spawn } from "node:child_process";
import { Socket } from "node:net";
import { Inlet } from "@keystead/channel/inlet";
import { Peer } from "@keystead/channel/peer";
import { median } from "./machine.ts";

export interface ChannelRow {
  readonly inFlight: number;
  readonly perSecond: number;
  /** Microseconds of CPU per round trip, both sides together. */
  readonly cpuUs: number;
}

const IN_FLIGHT = [1, 16, 64, 256] as const;
const OPERATION = 8;
const DEADLINE_MS = 30_000;

/** Measures in a process of its own. */
export function measureChannel(rounds: number, windowMs: number): Promise<ChannelRow[]> {
  return new Promise((resolve, reject) => {
    const child = fork(import.meta.filename, ["ask", String(rounds), String(windowMs)], { execArgv: [] });
    child.once("message", (rows) => resolve(rows as ChannelRow[]));
    child.once("error", reject);
    child.once("exit", (code) => reject(new Error(`the channel bench ended with ${code}`)));
  });
}

const cpuUs = (): number => {
  const { user, system } = process.cpuUsage();
  return user + system;
};

function answer(): void {
  const inlet = new Inlet();
  const peer = new Peer(new Socket({ fd: 3, readable: true, writable: true, onread: inlet.onread }), {
    inlet,
    speaksFirst: false,
    answer: () => Buffer.allocUnsafeSlow(64),
    onEnd: () => process.exit(0),
  });
  process.on("message", () => process.send?.(cpuUs()));
  process.on("disconnect", () => peer.destroy());
}

async function ask(rounds: number, windowMs: number): Promise<void> {
  const child = spawn(process.execPath, [import.meta.filename, "answer"], { stdio: ["ignore", "inherit", "inherit", "pipe", "ipc"] });
  const peer = new Peer(child.stdio[3] as Socket, { speaksFirst: true });
  const otherCpuUs = (): Promise<number> =>
    new Promise((resolve) => {
      child.once("message", (value) => resolve(Number(value)));
      child.send("cpu");
    });
  const rows: ChannelRow[] = [];
  const payload = Buffer.alloc(100, 7);
  const window = async (inFlight: number, ms: number): Promise<ChannelRow> => {
    let calls = 0;
    const theirs = await otherCpuUs();
    const own = cpuUs();
    const started = performance.now();
    const until = started + ms;
    await Promise.all(
      Array.from({ length: inFlight }, async () => {
        while (performance.now() < until) {
          await peer.request(OPERATION, payload, DEADLINE_MS);
          calls += 1;
        }
      }),
    );
    const seconds = (performance.now() - started) / 1000;
    const used = cpuUs() - own;
    return { inFlight, perSecond: calls / seconds, cpuUs: (used + (await otherCpuUs()) - theirs) / calls };
  };
  for (const inFlight of IN_FLIGHT) await window(inFlight, windowMs / 2);
  const measured = new Map<number, ChannelRow[]>(IN_FLIGHT.map((inFlight) => [inFlight, []]));
  for (let round = 0; round < rounds; round += 1)
    for (const inFlight of IN_FLIGHT) measured.get(inFlight)?.push(await window(inFlight, windowMs));
  for (const [inFlight, windows] of measured)
    rows.push({ inFlight, perSecond: median(windows.map(({ perSecond }) => perSecond)), cpuUs: median(windows.map((row) => row.cpuUs)) });
  child.disconnect();
  process.send?.(rows, () => process.exit(0));
}

if (process.argv[2] === "answer") answer();
else if (process.argv[2] === "ask" && process.send !== undefined) await ask(Number(process.argv[3]), Number(process.argv[4]));
