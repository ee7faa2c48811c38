/** For tests: the real process that runs policy scripts, started as the launcher starts it, and a line to it. */
import type { ChildProcess } from "node:child_process";
import { join } from "node:path";
import { after } from "node:test";
import wabtInit from "wabt";
import { createLogger } from "@keystead/contract/logging";
import { pipeOf, startPart } from "../../server/launcher/part.ts";
import { USERS } from "../../server/launcher/users.ts";
import { scriptsFlags } from "../../server/launcher/walls.ts";
import { ScriptRunner } from "../../server/vault/scripts/runner.ts";
import { ROOT } from "../server.ts";

const wabt = await wabtInit();
const started: ChildProcess[] = [];
const runners: ScriptRunner[] = [];
let over = false;
after(() => {
  over = true;
  for (const runner of runners) runner.close();
  for (const child of started) child.kill("SIGKILL");
});

/** A runner with a process that is started when it is wanted, and again when it is ended. */
export function launched(options: { graceMs?: number } = {}): { runner: ScriptRunner; starts: () => number; child: () => ChildProcess } {
  let child: ChildProcess | undefined;
  let starts = 0;
  const want = (): void => {
    if (child !== undefined) return;
    starts += 1;
    child = startPart(
      {
        name: "scripts",
        node: process.execPath,
        main: join(ROOT, "server/scripts/main.ts"),
        flags: scriptsFlags(ROOT),
        env: {},
        user: process.getuid?.() === 0 ? USERS.scripts : undefined,
        descriptors: [],
        onLine: (line) => process.stderr.write(`${line}\n`),
        onStray: (line) => process.stderr.write(`${line}\n`),
      },
      undefined,
    );
    started.push(child);
    child.once("exit", () => {
      child = undefined;
      if (!over) want();
    });
    runner.join(pipeOf(child));
  };
  const runner: ScriptRunner = new ScriptRunner({
    want,
    end: () => child?.kill("SIGKILL"),
    log: createLogger({ part: "vault", version: "0", level: "error", write: () => undefined }),
    waitMs: 60_000,
    graceMs: 60_000,
    ...options,
  });
  runners.push(runner);
  return { runner, starts: () => starts, child: () => child as ChildProcess };
}

/** A WebAssembly policy whose evaluate is `body`. */
export function wasm(body: string, more = ""): Uint8Array {
  const module = wabt.parseWat(
    "policy.wat",
    `(module (memory (export "memory") 1) ${more} (func (export "evaluate") (param i32 i32) (result i32) ${body}))`,
  );
  try {
    return module.toBinary({}).buffer;
  } finally {
    module.destroy();
  }
}
