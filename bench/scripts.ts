/**
 * What a policy script adds to a request: its context, made of the request, and a decision of the process that runs scripts,
 * asked over its pipe.
 *
 * The scripts are those of docs/operate/policy-scripts/, the request is a Sign with a kilobyte of JSON.
 */
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { create } from "@bufbuild/protobuf";
import wabtInit from "wabt";
import { SignRequestSchema } from "@keystead/contract/generated/hsm/hsm_pb";
import type { Operation } from "@keystead/contract/operation";
import { sign } from "@keystead/contract/operations/sign";
import { createLogger } from "@keystead/contract/logging";
import { pipeOf, startPart } from "../server/launcher/part.ts";
import { scriptsFlags } from "../server/launcher/walls.ts";
import { contextOf, type Circumstance } from "../server/vault/scripts/context.ts";
import { ScriptRunner, type RunnableScript } from "../server/vault/scripts/runner.ts";
import { cpuSeconds, median } from "./machine.ts";

export interface ScriptRow {
  readonly name: string;
  /** Microseconds from asking to the answer, one at a time: the median. */
  readonly aloneUs: number;
  /** Microseconds for each of many that are asked at once. */
  readonly togetherUs: number;
  /** Microseconds of processor time for each, of both processes, one at a time. */
  readonly cpuUs: number;
  readonly fuel: number;
}

const TOGETHER = 64;
const REQUEST = create(SignRequestSchema, {
  keyId: "release",
  data: Buffer.from(
    JSON.stringify({
      order: "4711",
      amount: 900,
      lines: Array.from({ length: 12 }, (_, line) => ({
        article: `a-${line}`,
        count: line,
        price: line * 3.5,
        note: "as agreed in spring",
      })),
    }),
  ),
});
const ABOUT: Circumstance = {
  operation: sign as unknown as Operation,
  request: REQUEST,
  principal: { id: "alice@example.com", method: "certificate", roles: ["KeyUser"] },
  namespace: "default",
  keyId: "release",
  otherKeyId: "",
  address: "192.0.2.1",
  requestId: "5f0c8f6e-0d0e-4d5e-9a55-1f3c3c1c9f11",
  batched: false,
};
/** Tuesday, nine o'clock. */
const NOW = Date.UTC(2030, 0, 1, 9);

/** @param count decisions of each kind */
export async function measureScripts(root: string, count: number): Promise<ScriptRow[]> {
  const child = startPart(
    {
      name: "scripts",
      node: process.execPath,
      main: join(root, "server/scripts/main.ts"),
      flags: scriptsFlags(root),
      env: {},
      user: undefined,
      descriptors: [],
      onLine: (line) => process.stderr.write(`${line}\n`),
      onStray: (line) => process.stderr.write(`${line}\n`),
    },
    undefined,
  );
  const runner = new ScriptRunner({
    want: () => undefined,
    end: () => child.kill("SIGKILL"),
    log: createLogger({ part: "bench", version: "0", level: "error", write: (line) => process.stderr.write(line) }),
    graceMs: 10_000,
  });
  runner.join(pipeOf(child));
  const wabt = await wabtInit();
  const text = (file: string): string => readFileSync(join(root, "docs/operate/policy-scripts", file), "utf8");
  const script = (name: string, engine: "wasm" | "lua", source: Uint8Array): RunnableScript => ({
    name,
    engine,
    limits: "default",
    source: () => Promise.resolve(source),
  });
  try {
    const rows: ScriptRow[] = [];
    for (const one of [
      script("office-hours.wat", "wasm", wabt.parseWat("office-hours.wat", text("office-hours.wat")).toBinary({}).buffer),
      script("office-hours.lua", "lua", Buffer.from(text("office-hours.lua"))),
    ])
      rows.push(await measure(runner, one, count, child.pid as number));
    return rows;
  } finally {
    runner.close();
    child.kill("SIGKILL");
  }
}

async function measure(runner: ScriptRunner, script: RunnableScript, count: number, pid: number): Promise<ScriptRow> {
  let fuel = 0;
  const once = async (): Promise<number> => {
    const started = performance.now();
    // As the gate does it.
    const context = Buffer.from(JSON.stringify(contextOf(ABOUT, undefined, NOW)), "utf8");
    const answer = await runner.decide(script, context, "alice");
    if ("failed" in answer) throw new Error(`${script.name}: ${answer.failed}`);
    ({ fuel } = answer);
    return (performance.now() - started) * 1000;
  };
  for (let round = 0; round < count / 4; round += 1) await once();
  const alone: number[] = [];
  const before = process.cpuUsage();
  const theirs = cpuSeconds(pid);
  for (let round = 0; round < count; round += 1) alone.push(await once());
  const { user, system } = process.cpuUsage(before);
  const cpuUs = (user + system + (cpuSeconds(pid) - theirs) * 1e6) / count;
  const together: number[] = [];
  for (let round = 0; round < count / TOGETHER; round += 1) {
    const started = performance.now();
    await Promise.all(Array.from({ length: TOGETHER }, once));
    together.push(((performance.now() - started) * 1000) / TOGETHER);
  }
  return { name: script.name, aloneUs: median(alone), togetherUs: median(together), cpuUs, fuel };
}
