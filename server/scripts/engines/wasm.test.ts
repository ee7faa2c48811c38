import assert from "node:assert/strict";
import { test } from "node:test";
import wabtInit from "wabt";
import { SCRIPT_LIMITS } from "@keystead/contract/scripts";
import { ScriptFailed, type FailureReason } from "../engine.ts";
import { wasmEngine } from "./wasm.ts";

const wabt = await wabtInit();

/** A policy whose evaluate is `body`. */
function policy(body: string, more = "", memory = "1"): Uint8Array<ArrayBuffer> {
  const module = wabt.parseWat(
    "policy.wat",
    `(module (memory (export "memory") ${memory}) ${more}
      (func (export "evaluate") (param i32 i32) (result i32) ${body}))`,
  );
  try {
    return Uint8Array.from(module.toBinary({}).buffer);
  } finally {
    module.destroy();
  }
}

const CONTEXT = Buffer.from('{"operation":"Sign"}');
/** This process has the usual stack of Node, less than scripts are given where they run. */
const LIMITS = { ...SCRIPT_LIMITS.strict, stackBytes: 524_288 };
const prepared = (body: string, more?: string, memory?: string) => wasmEngine.prepare(policy(body, more, memory), LIMITS);

/** It is stopped for this reason, twice with the same fuel. */
function stopped(body: string, reason: FailureReason, more?: string, memory?: string): void {
  const script = prepared(body, more, memory);
  const failures = [0, 1].map(() => {
    try {
      script.decide(CONTEXT);
    } catch (error) {
      assert.ok(error instanceof ScriptFailed, String(error));
      return error;
    }
    return assert.fail("it came to a decision");
  });
  assert.deepEqual(
    failures.map((failure) => failure.reason),
    [reason, reason],
  );
  assert.equal(failures[0]?.fuel, failures[1]?.fuel);
}

test("0 is deny, 1 allow, 2 require approval, and anything else no decision", () => {
  assert.deepEqual(
    [0, 1, 2].map((answer) => prepared(`(i32.const ${answer})`).decide(CONTEXT).decision),
    ["deny", "allow", "require-approval"],
  );
  stopped("(i32.const 3)", "answer");
  stopped("(i32.const -1)", "answer");
});

test("a module reads its context where it is told, whole", () => {
  const sum = `(local i32 i32) (loop
    (local.set 2 (i32.add (local.get 2) (i32.load8_u (i32.add (local.get 0) (local.get 3)))))
    (br_if 0 (i32.lt_u (local.tee 3 (i32.add (local.get 3) (i32.const 1))) (local.get 1))))
    (i32.eq (local.get 2) (i32.const ${CONTEXT.reduce((total, byte) => total + byte, 0)}))`;
  assert.equal(prepared(sum).decide(CONTEXT).decision, "allow");
  assert.equal(prepared(sum).decide(Buffer.from("another context")).decision, "deny");
  const alloc = `(func (export "alloc") (param i32) (result i32) (i32.const 4096))`;
  assert.equal(prepared(sum, alloc).decide(CONTEXT).decision, "allow");
});

test("without alloc the context lies behind everything the module has", () => {
  assert.equal(prepared("(i32.eq (local.get 0) (i32.const 131072))", "", "2").decide(CONTEXT).decision, "allow");
});

test("nothing is left of one decision in the next, and the fuel is the same", () => {
  const script = prepared(
    `(global.set $g (i32.add (global.get $g) (i32.const 1)))
     (i32.store (i32.const 8) (i32.add (i32.load (i32.const 8)) (i32.const 1)))
     (i32.and (i32.eq (global.get $g) (i32.const 1)) (i32.eq (i32.load (i32.const 8)) (i32.const 1)))`,
    "(global $g (mut i32) (i32.const 0))",
  );
  const verdicts = Array.from({ length: 500 }, () => script.decide(CONTEXT));
  for (const verdict of verdicts) assert.deepEqual(verdict, { decision: "allow", fuel: verdicts[0]?.fuel });
});

test("every kind of global begins with its first value, whatever the decision before did to it", () => {
  const script = prepared(
    `(i32.and (i32.and (i32.eq (global.get $i) (i32.const -7)) (i64.eq (global.get $l) (i64.const 0x123456789abcdef0)))
       (i32.and (i32.eq (i32.reinterpret_f32 (global.get $f)) (i32.const 0x7fa00001)) (f64.eq (global.get $d) (f64.const -0.5))))
     (global.set $i (local.get 1)) (global.set $l (i64.const 1)) (global.set $f (f32.const 2)) (global.set $d (f64.const 3))`,
    `(global $i (mut i32) (i32.const -7)) (global $l (mut i64) (i64.const 0x123456789abcdef0)) (global $never i32 (i32.const 1))
     (global $f (mut f32) (f32.const nan:0x200001)) (global $d (mut f64) (f64.const -0.5))`,
  );
  for (let round = 0; round < 5; round++) assert.equal(script.decide(CONTEXT).decision, "allow");
});

test("a module sees as much memory as the first time, whatever contexts came before", () => {
  const pages = (count: number): string => `(i32.and (i32.eq (memory.size) (i32.const ${count}))
    (i32.eqz (i32.load8_u (i32.add (local.get 0) (local.get 1)))))`;
  const [small, large] = [Buffer.from("{}"), Buffer.alloc(65_537, "x")];
  const two = prepared(pages(2));
  const three = prepared(pages(3));
  for (const [context, fits] of [
    [small, two],
    [large, three],
    [small, two],
    [Buffer.alloc(60_000, "y"), two],
    [small, two],
    [large, three],
  ] as const)
    for (const script of [two, three]) assert.equal(script.decide(context).decision, script === fits ? "allow" : "deny");
});

test("nothing is left of a context, of what was written and of what was grown, also after a failure", () => {
  const script = prepared(
    `(local $sum i32) (local $at i32)
     (local.set $at (i32.const 1024))
     (block $end (loop $next
       (br_if $end (i32.ge_u (local.get $at) (local.get 0)))
       (local.set $sum (i32.or (local.get $sum) (i32.load (local.get $at))))
       (local.set $at (i32.add (local.get $at) (i32.const 4))) (br $next)))
     (i32.store (i32.const 40000) (i32.const -1))
     (memory.fill (i32.const 50000) (local.get 1) (i32.const 100))
     (if (i32.eq (i32.load8_u (local.get 0)) (i32.const 0x67)) (then (drop (memory.grow (i32.const 1)))))
     (if (i32.eq (i32.load8_u (local.get 0)) (i32.const 0x74)) (then (unreachable)))
     (i32.and (i32.eqz (local.get $sum)) (i32.eq (i32.load (i32.const 8)) (i32.const 0x79656b)))`,
    '(data (i32.const 8) "key\\00")',
  );
  const verdict = script.decide(Buffer.from("o"));
  assert.equal(verdict.decision, "allow");
  for (const context of ["o", "grow", "o", "trap", "o", "o".repeat(1000), "grow", "trap", "o"]) {
    if (context === "trap") assert.throws(() => script.decide(Buffer.from(context)), ScriptFailed);
    else assert.equal(script.decide(Buffer.from(context)).decision, "allow", context);
    if (context === "o") assert.deepEqual(script.decide(Buffer.from(context)), verdict);
    if (context === "grow") script.settle?.();
  }
});

test("a segment that a decision dropped is there for the next", () => {
  const script = prepared(
    `(memory.init $d (i32.const 0) (i32.const 0) (i32.const 1)) (data.drop $d) (i32.eq (i32.load8_u (i32.const 0)) (i32.const 0x61))`,
    '(data $d "a")',
  );
  for (let round = 0; round < 3; round++) assert.equal(script.decide(CONTEXT).decision, "allow");
});

test("a module too large to be put back begins anew as well", () => {
  const script = prepared(
    `(i32.store (i32.const 2500000) (i32.add (i32.load (i32.const 2500000)) (i32.const 1))) (i32.load (i32.const 2500000))`,
    "",
    "40",
  );
  for (let round = 0; round < 3; round++) assert.equal(script.decide(CONTEXT).decision, "allow");
});

test("a start function is paid from the same fuel, at each decision", () => {
  const start = `(global $g (mut i32) (i32.const 0)) (func $s (global.set $g (i32.const 1))) (start $s)`;
  assert.equal(prepared("(global.get $g)", start).decide(CONTEXT).decision, "allow");
  stopped("(i32.const 1)", "fuel", `(func $s (loop (br 0))) (start $s)`);
});

test("an endless loop runs out of fuel", () => stopped("(loop (br 0)) (i32.const 1)", "fuel"));
test("an endless chain of calls through a table runs out of stack", () =>
  stopped(
    "(call $f)",
    "stack",
    `(table funcref (elem $f)) (type $t (func (result i32))) (func $f (type $t) (call_indirect (type $t) (i32.const 0)))`,
  ));
test("recursion with many locals runs out of stack before the process does", () =>
  stopped("(call $f)", "stack", `(func $f (result i32) (local ${"i64 ".repeat(2000)}) (i32.add (call $f) (i32.const 1)))`));
test("a memory bomb gets its limit and not a page more", () => {
  stopped("(loop (drop (memory.grow (i32.const 1))) (br 0)) (i32.const 1)", "fuel");
  stopped("(drop (memory.grow (i32.const -1))) (i32.const 1)", "fuel");
  // 4 MiB are 64 pages: one of its own, one for the context, 62 more.
  assert.equal(prepared("(i32.eq (memory.grow (i32.const 62)) (i32.const 2))").decide(CONTEXT).decision, "allow");
  assert.equal(prepared("(i32.eq (memory.grow (i32.const 63)) (i32.const -1))").decide(CONTEXT).decision, "allow");
  stopped("(i32.const 1)", "memory", "", "64");
});
test("filling memory again and again is charged by the byte", () =>
  stopped("(loop (memory.fill (i32.const 0) (i32.const 1) (i32.const 65536)) (br 0)) (i32.const 1)", "fuel"));
test("a module that lies about where its room is is refused", () => {
  for (const at of [-1, 65_536, 65_530, 0x7fffffff])
    stopped("(i32.const 1)", "memory", `(func (export "alloc") (param i32) (result i32) (i32.const ${at}))`);
});
test("traps are failures: unreachable, division by zero, memory beyond its end", () => {
  stopped("(unreachable)", "error");
  stopped("(i32.div_u (i32.const 1) (i32.const 0))", "error");
  stopped("(i32.load (i32.const 65533)) (drop) (i32.load (i32.const 0x7fffffff))", "error");
});

test("what does not fit the interface is refused when it is uploaded", () => {
  const refused = (text: string, reason: RegExp): void => {
    const module = wabt.parseWat("policy.wat", `(module ${text})`);
    const bytes = Uint8Array.from(module.toBinary({}).buffer);
    assert.throws(() => wasmEngine.prepare(bytes, SCRIPT_LIMITS.default), { name: "ModuleRefused", message: reason });
  };
  refused(`(memory (export "memory") 1)`, /no evaluate/);
  refused(`(func (export "evaluate") (param i32 i32) (result i32) (i32.const 1))`, /no memory/);
  refused(`(memory (export "memory") 1) (func (export "evaluate") (param i32) (result i32) (i32.const 1))`, /2 i32/);
  refused(`(memory (export "memory") 1) (func (export "evaluate") (param i32 i64) (result i32) (i32.const 1))`, /2 i32/);
  refused(
    `(memory (export "memory") 1) (global (export "alloc") i32 (i32.const 1))
     (func (export "evaluate") (param i32 i32) (result i32) (i32.const 1))`,
    /alloc must take one i32/,
  );
  refused(
    `(memory (export "memory") 1) (data (i32.const 65536) "x")
     (func (export "evaluate") (param i32 i32) (result i32) (i32.const 1))`,
    /cannot begin/,
  );
});

/** The AssemblyScript of docs/operate/policy-scripts.md, as its compiler makes it (asc 0.28, --optimize --runtime stub --use abort=). */
const COMPILED = [
  "AGFzbQEAAAABFgRgAX8Bf2ADf39/AX9gAABgAn9/AX8DBwYBAAIAAwAFAwEAAQYGAX8BQQALBx0DBWFsbG9jAAUIZXZhbHVhdGUABAZtZW1vcnkCAAgBAgwB",
  "BgrEDgb9AQEIfyABQRRrKAIQQQF2IgRFBEBBAA8LIABBFGsoAhBBAXYiA0UEQEF/DwsgAkEAIAJBAEobIgIgAyACIANIGyEHIAMgBGshCANAIAcgCEwEQCAA",
  "IAdBAXRqIQYgASEDIAQiAkEETwR/IAZBB3EgA0EHcXIFQQELRQRAA0AgBikDACADKQMAUQRAIAZBCGohBiADQQhqIQMgAkEEayICQQRPDQELCwsCQANAIAIi",
  "BUEBayECIAUEQCAGLwEAIgogAy8BACIJayEFIAkgCkcNAiAGQQJqIQYgA0ECaiEDDAELC0EAIQULIAVFBEAgBw8LIAdBAWohBwwBCwtBfwutAQEFfyAAQez/",
  "//8DSwRAAAsgAEEQaiICQfz///8DSwRAAAsjAEEEaiIBIAJBE2pBcHFBBGsiAmoiAz8AIgRBEHRBD2pBcHEiBUsEQCAEIAMgBWtB//8DakGAgHxxQRB2IgUg",
  "BCAFShtAAEEASARAIAVAAEEASARAAAsLCyMAIAMkACACNgIAIAFBBGsiAkEANgIEIAJBADYCCCACQQI2AgwgAiAANgIQIAFBEGoLBwBBjAkkAAvpAwEHfyAA",
  "QRRrKAIQQQF2IgFFBEBBAA8LIAAiAi8BACEAA0ACfyAAQYABckGgAUYgAEEJa0EETXIgAEGALUkNABpBASAAQYBAakEKTQ0AGgJAAkAgAEGALUYNACAAQajA",
  "AEYNACAAQanAAEYNACAAQa/AAEYNACAAQd/AAEYNACAAQYDgAEYNACAAQf/9A0YNAAwBC0EBDAELQQALBEAgAkECaiICLwEAIQAgAUEBayEBDAELC0EBIQQg",
  "AEErRiAAQS1GcgR/IAFBAWsiAUUEQEEADwtBf0EBIABBLUYbIQQgAkECaiICLwEABSAAC0EwRiABQQJKcQRAAkACQAJAIAIvAQJBIHIiAEHiAEcEQCAAQe8A",
  "Rg0BIABB+ABGDQIMAwsgAkEEaiECIAFBAmshAUECIQMMAgsgAkEEaiECIAFBAmshAUEIIQMMAQsgAkEEaiECIAFBAmshAUEQIQMLCyADQQogAxshAyABQQFr",
  "IQcDQCABIgBBAWshASAABEACQCACLwEAIgZBMGsiAEEKTwRAIAZBwQBrQRlNBH8gBkE3awUgBkHXAGsgBiAGQeEAa0EZTRsLIQALIAAgA08EQCABIAdGBEBB",
  "AA8LDAELIAMgBWwgAGohBSACQQJqIQIMAgsLCyAEIAVsC6gGAQZ/IAAgAWoiAyAASQRAAAsgAUEBdBABIgQhAgNAIAAgA0kEQAJAIAAtAAAhASAAQQFqIQAg",
  "AUGAAXEEQCAAIANGDQEgAC0AAEE/cSEFIABBAWohACABQeABcUHAAUYEQCACIAFBH3FBBnQgBXI7AQAFIAAgA0YNAiAALQAAQT9xIQYgAEEBaiEAIAFB8AFx",
  "QeABRgRAIAFBD3FBDHQgBUEGdHIgBnIhAQUgACADRg0DIAAtAABBP3EgAUEHcUESdCAFQQx0ciAGQQZ0cnIhASAAQQFqIQALIAFBgIAESQRAIAIgATsBAAUg",
  "AiABQYCABGsiAUEKdkGAsANyIAFB/wdxQYC4A3JBEHRyNgIAIAJBAmohAgsLBSACIAE7AQALIAJBAmohAgwCCwsLIAIgBGsiAkHs////A0sEQAALIARBEGsi",
  "AUEPcUEBIAEbBEAACyMAIAFBBGsiACgCACIDIAFqRiEEIAJBEGoiBUETakFwcUEEayEGIAMgBUkEQCAEBEAgBUH8////A0sEQAALIAEgBmoiAz8AIgRBEHRB",
  "D2pBcHEiBUsEQCAEIAMgBWtB//8DakGAgHxxQRB2IgUgBCAFShtAAEEASARAIAVAAEEASARAAAsLCyADJAAgACAGNgIABSAGIANBAXQiACAAIAZJGyIEQfz/",
  "//8DSwRAAAsjAEEEaiIAIARBE2pBcHFBBGsiBGoiBT8AIgZBEHRBD2pBcHEiB0sEQCAGIAUgB2tB//8DakGAgHxxQRB2IgcgBiAHShtAAEEASARAIAdAAEEA",
  "SARAAAsLCyMAIAUkACAENgIAIAAgASAD/AoAACAAIQELBSAEBEAgASAGaiQAIAAgBjYCAAsLIAFBBGsgAjYCECABQRBqIgBB0AggAEGgCEEAEAAQAEEHaiIB",
  "QQAgAUEAShsiASAAQRRrKAIQQQF2IgIgASACSBsiASACIAEgAkgbQQF0IQMCf0GACSABIAIgASACShtBAXQiASADayIERQ0AGiAAIANFIAEgAkEBdEZxDQAa",
  "IAQQASIBIAAgA2ogBPwKAAAgAQsQAyIAQRJIIABBCE5xC3cBBH8gAEH8////A0sEQAALIwBBBGoiASAAQRNqQXBxQQRrIgBqIgI/ACIDQRB0QQ9qQXBxIgRL",
  "BEAgAyACIARrQf//A2pBgIB8cUEQdiIEIAMgBEobQABBAEgEQCAEQABBAEgEQAALCwsjACACJAAgADYCACABCwthBgBBjAgLASwAQZgICyMCAAAAHAAAACIA",
  "ZQBuAHYAaQByAG8AbgBtAGUAbgB0ACIAOgBBvAgLASwAQcgICxUCAAAADgAAACIAaABvAHUAcgAiADoAQewICwEcAEH4CAsBAg==",
].join("");

test("what a compiler makes is run: strings, an allocator, tables of constants", () => {
  const script = wasmEngine.prepare(Uint8Array.from(Buffer.from(COMPILED, "base64")), LIMITS);
  const at = (hour: number): string =>
    script.decide(
      Buffer.from(JSON.stringify({ operation: "Sign", environment: { time: "x", hour, minute: 3 }, payload: { json: { hour: 9 } } })),
    ).decision;
  assert.deepEqual([3, 7, 8, 17, 18, 23].map(at), ["deny", "deny", "allow", "allow", "deny", "deny"]);
});
