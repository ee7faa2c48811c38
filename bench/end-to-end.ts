/**
 * Sign and Encrypt through the whole server: TLS with a client certificate, authorisation, audit `full`.
 *
 * Every job is measured in rounds, one window per job and round, so that a bad second of the machine hits all of them
 * alike. The limit is measured right before and right after each window; a window's ratio is against the mean of the
 * two, and a job's ratio is the median over its windows. A window is quiet when nobody else used the processors and the
 * limit beside it was near the best of the run; rounds are added, within bounds, until every job has quiet windows
 * enough, and only those count when there are any.
 */
import { createPublicKey, type KeyObject } from "node:crypto";
import { Generator } from "./generator.ts";
import { LIMITS } from "./limits.ts";
import { cpuSeconds, machineSeconds, median } from "./machine.ts";
import type { Job, WindowResult } from "./load/job.ts";
import { startServer, type BenchServer } from "./server.ts";
import { useKeyRequest, verifyReply } from "./wire.ts";
import { BENCH_KEYS, LIMIT_OF, WEIGHT_OF, worksOf, type WorkName } from "./works.ts";

/** What is measured. */
interface Plan {
  readonly name: string;
  readonly protocol: Job["protocol"];
  readonly what: WorkName;
  readonly inFlight: number;
  /** What others do meanwhile. */
  readonly beside?: { readonly what: WorkName; readonly inFlight: number };
}

export interface EndToEndRow {
  readonly name: string;
  /** Signatures or encryptions per second. */
  readonly perSecond: number;
  /** Against one thread of the same work in process; Encrypt of 1 KiB against Ed25519, which is what limits a request. */
  readonly ratio: number;
  readonly p50Ms: number;
  readonly p99Ms: number;
  /** Microseconds of CPU per operation. */
  readonly gatewayUs: number;
  readonly vaultUs: number;
  readonly generatorUs: number;
  readonly errors: number;
  /** Windows counted, of those measured. */
  readonly windows: string;
  /** Median share of the processors used by others during the counted windows. */
  readonly foreign: number;
}

const CALIBRATION_MS = 120;
/** Others may use this share of the processors before a window is doubtful. */
const FOREIGN_SHARE = 0.04;
/** So much below the best limit of the run, a core is being slowed by the host. */
const LIMIT_SHARE = 0.9;
/** Rounds at most, in multiples of those asked for. */
const MOST_ROUNDS = 3;

const PLANS: readonly Plan[] = [
  ...(["grpc", "connect", "rest"] as const).flatMap((protocol) =>
    [1, 16, 64].map((inFlight): Plan => ({ name: `Sign Ed25519, ${protocol}, ${inFlight} in flight`, protocol, what: "sign", inFlight })),
  ),
  ...(["grpc", "connect", "rest"] as const).map((protocol): Plan => ({
    name: `Encrypt AES-256-GCM 1 KiB, ${protocol}, 64 in flight`,
    protocol,
    what: "encrypt",
    inFlight: 64,
  })),
  { name: "Batch of 100 Sign Ed25519, grpc, 4 in flight", protocol: "grpc", what: "batch", inFlight: 4 },
  {
    name: "Sign Ed25519, grpc, 16 in flight, with 64 RSA-2048 callers",
    protocol: "grpc",
    what: "sign",
    inFlight: 16,
    beside: { what: "signRsa", inFlight: 64 },
  },
  { name: "Sign RSA-2048 PSS, grpc, 64 in flight", protocol: "grpc", what: "signRsa", inFlight: 64 },
  { name: "Sign ML-DSA-65, grpc, 64 in flight", protocol: "grpc", what: "signMlDsa", inFlight: 64 },
  { name: "Encrypt AES-256-GCM 1 MiB, grpc, 16 in flight", protocol: "grpc", what: "encryptLarge", inFlight: 16 },
  { name: "GenerateKey Ed25519, grpc, 64 in flight", protocol: "grpc", what: "generate", inFlight: 64 },
  {
    name: "Sign Ed25519, grpc, 16 in flight, while 8 generate RSA-4096",
    protocol: "grpc",
    what: "sign",
    inFlight: 16,
    beside: { what: "generateRsa", inFlight: 8 },
  },
];

interface Window {
  readonly result: WindowResult;
  readonly limit: number;
  readonly gateway: number;
  readonly vault: number;
  readonly generator: number;
  readonly foreign: number;
  /** How far the two limits beside it are apart, as a share. */
  readonly drift: number;
}

export interface EndToEndOptions {
  /** Windows of every job. */
  readonly rounds: number;
  readonly windowMs: number;
  readonly rampMs: number;
  /** `performance.now()` after which no round is added. */
  readonly endMs: number;
  /** Only jobs whose name contains this. */
  readonly only?: string;
  /** Further flags for the server. */
  readonly flags?: readonly string[];
}

/** Measures every job. */
export async function measureEndToEnd(
  root: string,
  { rounds, windowMs, rampMs, endMs, only = "", flags = [] }: EndToEndOptions,
  progress: (text: string) => void,
): Promise<EndToEndRow[]> {
  const plans = PLANS.filter(({ name }) => name.includes(only));
  if (plans.length === 0) return [];
  const server = await startServer(root, flags);
  const generator = new Generator();
  try {
    await prepare(server, generator, plans);
    const windows = new Map<Plan, Window[]>(plans.map((plan) => [plan, []]));
    const quietOf = (plan: Plan): number => quiet(windows, plan).length;
    for (let round = 0; round < rounds * MOST_ROUNDS; round += 1) {
      const wanting = plans.filter((plan) => round < rounds || quietOf(plan) < rounds);
      for (const plan of wanting) {
        progress(`round ${round + 1}: ${plan.name}`);
        windows.get(plan)?.push(await measure(server, generator, plan, { windowMs, rampMs }));
      }
      if (performance.now() > endMs) break;
    }
    return plans.map((plan) => summary(plan, windows.get(plan) ?? [], quiet(windows, plan)));
  } finally {
    generator.end();
    await server.stop();
  }
}

async function prepare(server: BenchServer, generator: Generator, plans: readonly Plan[]): Promise<void> {
  for (const [keyId, algorithm] of Object.entries(BENCH_KEYS)) await server.call("POST", "/api/v1/keys", { key_id: keyId, algorithm });
  const publicKey = async (keyId: keyof typeof BENCH_KEYS): Promise<KeyObject> =>
    createPublicKey(String((await server.call("GET", `/api/v1/keys/${keyId}/public-key`))["public_key"]));
  const works = worksOf({
    ed25519: await publicKey("bench-ed25519"),
    rsa: await publicKey("bench-rsa2048"),
    mlDsa: await publicKey("bench-ml-dsa-65"),
  });
  const { host, port, ca, cert, key } = server;
  const open = async (name: string, what: WorkName, protocol: Job["protocol"], inFlight: number): Promise<void> => {
    const { method, message, rest, expected } = works[what];
    const base = { host, port, ca, cert, key, protocol, inFlight };
    if (protocol !== "rest") {
      verifyReply(await generator.open(name, { ...base, path: `/hsm.HsmService/${method}`, body: message }), expected);
      return;
    }
    if (rest === undefined) throw new Error(`${what} is not asked over REST`);
    const job: Job = { ...base, path: `/api/v1/keys/${rest.path}`, body: Buffer.from(JSON.stringify(rest.body)) };
    verifyReply(restReply(await generator.open(name, job)), expected);
  };
  for (const plan of plans) {
    await open(plan.name, plan.what, plan.protocol, plan.inFlight);
    if (plan.beside !== undefined) await open(besideName(plan), plan.beside.what, plan.protocol, plan.beside.inFlight);
  }
}

const besideName = (plan: Plan): string => `${plan.name}: beside`;

/** The reply's first field as the message has it, so that one check serves all protocols. */
function restReply(reply: Uint8Array): Uint8Array {
  const { signature, ciphertext } = JSON.parse(Buffer.from(reply).toString("utf8")) as { signature?: string; ciphertext?: string };
  const value = Buffer.from(signature ?? ciphertext ?? "", "base64");
  return useKeyRequest("", value)
    .subarray(2)
    .fill((1 << 3) | 2, 0, 1);
}

async function measure(
  server: BenchServer,
  generator: Generator,
  plan: Plan,
  { windowMs, rampMs }: { windowMs: number; rampMs: number },
): Promise<Window> {
  const limitNow = LIMITS[LIMIT_OF[plan.what]];
  const before = limitNow(CALIBRATION_MS);
  if (plan.beside !== undefined) await generator.run(besideName(plan));
  const pids = { gateway: server.gatewayPid, vault: server.vaultPid, generator: generator.pid };
  const ours = [...server.pids, generator.pid, process.pid];
  const read = () => ({
    gateway: cpuSeconds(pids.gateway),
    vault: cpuSeconds(pids.vault),
    generator: cpuSeconds(pids.generator),
    ours: ours.reduce((sum, pid) => sum + cpuSeconds(pid), 0),
    machine: machineSeconds().busy,
  });
  let from = read();
  let to = from;
  const result = await generator.window(plan.name, rampMs, windowMs, (at) => {
    if (at === "begin") from = read();
    else to = read();
  });
  if (plan.beside !== undefined) await generator.stop(besideName(plan));
  const after = limitNow(CALIBRATION_MS);
  const share = (seconds: number): number => seconds / result.seconds;
  return {
    result,
    limit: (before + after) / 2,
    drift: Math.abs(before - after) / Math.max(before, after),
    gateway: share(to.gateway - from.gateway),
    vault: share(to.vault - from.vault),
    generator: share(to.generator - from.generator),
    foreign: Math.max(0, to.machine - from.machine - (to.ours - from.ours)) / result.seconds / 2,
  };
}

/** Those windows of a plan in which the machine was ours and at its speed. */
function quiet(windows: ReadonlyMap<Plan, readonly Window[]>, of: Plan): Window[] {
  const limits = [...windows].filter(([plan]) => LIMIT_OF[plan.what] === LIMIT_OF[of.what]).flatMap(([, some]) => some);
  const best = Math.max(...limits.map(({ limit }) => limit));
  return (windows.get(of) ?? []).filter(
    ({ foreign, limit, drift }) => foreign < FOREIGN_SHARE && limit >= best * LIMIT_SHARE && drift < 1 - LIMIT_SHARE,
  );
}

function summary(plan: Plan, all: readonly Window[], undisturbed: readonly Window[]): EndToEndRow {
  const counted = undisturbed.length > 0 ? undisturbed : all;
  const weight = WEIGHT_OF[plan.what] ?? 1;
  const rateOf = ({ result }: Window): number => (result.calls * weight) / result.seconds;
  const middle = (value: (window: Window) => number): number => median(counted.map(value));
  const perOperation = (part: "gateway" | "vault" | "generator"): number => middle((window) => (window[part] * 1e6) / rateOf(window));
  return {
    name: plan.name,
    perSecond: middle(rateOf),
    ratio: middle((window) => rateOf(window) / window.limit),
    p50Ms: middle(({ result }) => result.p50),
    p99Ms: middle(({ result }) => result.p99),
    gatewayUs: perOperation("gateway"),
    vaultUs: perOperation("vault"),
    generatorUs: perOperation("generator"),
    errors: all.reduce((sum, { result }) => sum + result.errors, 0),
    windows: `${counted.length}/${all.length}`,
    foreign: middle(({ foreign }) => foreign),
  };
}
