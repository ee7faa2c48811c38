/**
 * What a policy script adds to a request: decisions of the process that runs scripts, asked over its pipe.
 *
 * The scripts are those of docs/operate/policy-scripts/, the context is one of a Sign with a kilobyte of payload.
 */
import { readFileSync } from "node:fs";
import { join } from "node:path";
import wabtInit from "wabt";
import { createLogger } from "@keystead/contract/logging";
import { pipeOf, startPart } from "../server/launcher/part.ts";
import { scriptsFlags } from "../server/launcher/walls.ts";
import { ScriptRunner, type RunnableScript } from "../server/vault/scripts/runner.ts";
import { median } from "./machine.ts";

export interface ScriptRow {
  readonly name: string;
  /** Microseconds from asking to the answer, one at a time: the median. */
  readonly aloneUs: number;
  /** Microseconds for each of many that are asked at once. */
  readonly togetherUs: number;
  readonly fuel: number;
}

const TOGETHER = 64;
const CONTEXT = Buffer.from(
  JSON.stringify({
    contextVersion: 1,
    operation: "Sign",
    environment: { time: "2030-01-01T09:00:00.000Z", unixSeconds: 1_893_488_400, weekday: 2, hour: 9, minute: 0, address: "192.0.2.1" },
    payload: { bytes: 1000, format: "text", text: "x".repeat(1000) },
  }),
);

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
      rows.push(await measure(runner, one, count));
    return rows;
  } finally {
    runner.close();
    child.kill("SIGKILL");
  }
}

async function measure(runner: ScriptRunner, script: RunnableScript, count: number): Promise<ScriptRow> {
  let fuel = 0;
  const once = async (): Promise<number> => {
    const started = performance.now();
    const answer = await runner.decide(script, CONTEXT, "alice");
    if ("failed" in answer) throw new Error(`${script.name}: ${answer.failed}`);
    ({ fuel } = answer);
    return (performance.now() - started) * 1000;
  };
  for (let round = 0; round < count / 4; round += 1) await once();
  const alone: number[] = [];
  for (let round = 0; round < count; round += 1) alone.push(await once());
  const together: number[] = [];
  for (let round = 0; round < count / TOGETHER; round += 1) {
    const started = performance.now();
    await Promise.all(Array.from({ length: TOGETHER }, once));
    together.push(((performance.now() - started) * 1000) / TOGETHER);
  }
  return { name: script.name, aloneUs: median(alone), togetherUs: median(together), fuel };
}
