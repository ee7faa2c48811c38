/** Policy scripts in their real process: what hostile ones cost, and what they cannot do. */
import assert from "node:assert/strict";
import { test } from "node:test";
import type { RunnableScript } from "../../server/vault/scripts/runner.ts";
import { launched, wasm } from "./scripts-process.ts";

const script = (name: string, source: Uint8Array | string): RunnableScript => ({
  name,
  engine: typeof source === "string" ? "lua" : "wasm",
  limits: "default",
  source: () => Promise.resolve(Buffer.from(source as Uint8Array)),
});
const CONTEXT = Buffer.from('{"operation":"Sign"}');
const ALLOW = script("allow", wasm("(i32.const 1)"));

test("hostile scripts are stopped within their limits while others are answered, by one and the same process", async () => {
  const { runner, starts } = launched();
  const hostile: readonly (readonly [string, RunnableScript])[] = [
    ["fuel", script("loop", wasm("(loop (br 0)) (i32.const 1)"))],
    ["fuel", script("bomb", wasm("(loop (drop (memory.grow (i32.const 1))) (br 0)) (i32.const 1)"))],
    ["stack", script("recursion", wasm("(call $f)", "(func $f (result i32) (i32.add (call $f) (i32.const 1)))"))],
    ["stack", script("deep", wasm("(call $f)", `(func $f (result i32) (local ${"i64 ".repeat(4000)}) (i32.add (call $f) (i32.const 1)))`))],
    ["memory", script("liar", wasm("(i32.const 1)", `(func (export "alloc") (param i32) (result i32) (i32.const -9))`))],
    ["answer", script("nonsense", wasm("(i32.const 77)"))],
    ["error", script("trap", wasm("(unreachable)"))],
    ["prepare", script("imports", new Uint8Array([0, 0x61, 0x73, 0x6d, 1, 0, 0, 0, 2, 7, 1, 1, 0x61, 1, 0x62, 0, 0]))],
    ["prepare", script("not a module", new Uint8Array([1, 2, 3]))],
    ["fuel", script("lua loop", "function evaluate() while true do end end")],
    ["memory", script("lua bomb", `function evaluate() return ("x"):rep(1 << 30) end`)],
    ["prepare", script("lua nonsense", "function (")],
  ];
  const asked = hostile.map(([, one]) => runner.decide(one, CONTEXT, "alice"));
  const others = Array.from({ length: 100 }, () => runner.decide(ALLOW, CONTEXT, "alice"));
  const reasons = (await Promise.all(asked)).map((answer) => ("failed" in answer ? answer.reason : answer.decision));
  assert.deepEqual(
    reasons,
    hostile.map(([reason]) => reason),
  );
  for (const answer of await Promise.all(others)) assert.deepEqual(answer, { decision: "allow", fuel: 11 });
  // For somebody else, who does not wait for what a script has cost the first.
  const again = await Promise.all(hostile.map(([, one]) => runner.decide(one, CONTEXT, "bob")));
  assert.deepEqual(again, await Promise.all(asked), "the same reason and the same fuel");
  assert.equal(starts(), 1);
});

test("a process that does not answer is ended; who waited behind it is answered by the next", async () => {
  const { runner, starts, child } = launched({ graceMs: 1500 });
  assert.deepEqual(await runner.decide(ALLOW, CONTEXT, "alice"), { decision: "allow", fuel: 11 });
  child().kill("SIGSTOP");
  const stuck = runner.decide(ALLOW, CONTEXT, "alice");
  const behind = [1, 2, 3].map(() => runner.decide(ALLOW, CONTEXT, "bob"));
  const answer = await stuck;
  assert.ok("failed" in answer && answer.reason === "time", JSON.stringify(answer));
  for (const late of await Promise.all(behind)) assert.deepEqual(late, { decision: "allow", fuel: 11 });
  assert.equal(starts(), 2);
});

test("a process that dies is replaced, and what it was asked is asked of the next", async () => {
  const { runner, child } = launched();
  await runner.decide(ALLOW, CONTEXT, "alice");
  child().kill("SIGSTOP");
  const asked = [1, 2, 3].map(() => runner.decide(ALLOW, CONTEXT, "alice"));
  child().kill("SIGKILL");
  for (const answer of await Promise.all(asked)) assert.deepEqual(answer, { decision: "allow", fuel: 11 });
});
