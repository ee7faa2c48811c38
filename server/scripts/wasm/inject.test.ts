import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import wabtInit from "wabt";
import { ModuleRefused } from "./bytes.ts";
import { FUEL, STACK, inject } from "./inject.ts";

const wabt = await wabtInit();
const OPTIONS = { maxPages: 16, imports: new Set<string>(), exports: "all" } as const;
const ROOM = 1_000_000_000n;

/** Text to binary, by WABT. */
function assemble(text: string, features: Record<string, boolean> = {}): Uint8Array<ArrayBuffer> {
  const module = wabt.parseWat("test.wat", text, features);
  try {
    return Uint8Array.from(module.toBinary({}).buffer);
  } finally {
    module.destroy();
  }
}

const exportsOf = (bytes: Uint8Array<ArrayBuffer>): Record<string, (...values: unknown[]) => unknown> =>
  new WebAssembly.Instance(new WebAssembly.Module(bytes)).exports as Record<string, (...values: unknown[]) => unknown>;

/** An instance of the injected module, with much fuel, and what it used so far. */
function metered(bytes: Uint8Array<ArrayBuffer>): { exports: ReturnType<typeof exportsOf>; used: () => bigint; stack: () => number } {
  const exports = exportsOf(inject(bytes, OPTIONS));
  const fuel = exports[FUEL] as unknown as WebAssembly.Global;
  const stack = exports[STACK] as unknown as WebAssembly.Global;
  fuel.value = ROOM;
  stack.value = 1 << 20;
  return { exports, used: () => ROOM - (fuel.value as bigint), stack: () => stack.value as number };
}

/** Small programs that between them use every kind of control flow and of instruction. Each exports `run(i32, i32)`. */
const CORPUS: Readonly<Record<string, string>> = {
  factorial: `(func $f (param i64) (result i64)
      (if (result i64) (i64.eqz (local.get 0)) (then (i64.const 1))
        (else (i64.mul (local.get 0) (call $f (i64.sub (local.get 0) (i64.const 1)))))))
    (func (export "run") (param i32 i32) (result i64) (call $f (i64.extend_i32_u (i32.and (local.get 0) (i32.const 31)))))`,
  collatz: `(func (export "run") (param i32 i32) (result i32) (local i32)
      (local.set 0 (i32.or (i32.and (local.get 0) (i32.const 0xffff)) (i32.const 1)))
      (block $out (loop $again
        (br_if $out (i32.eq (local.get 0) (i32.const 1)))
        (local.set 2 (i32.add (local.get 2) (i32.const 1)))
        (local.set 0 (if (result i32) (i32.and (local.get 0) (i32.const 1))
          (then (i32.add (i32.mul (local.get 0) (i32.const 3)) (i32.const 1)))
          (else (i32.shr_u (local.get 0) (i32.const 1)))))
        (br_if $out (i32.gt_u (local.get 2) (i32.const 5000)))
        (br $again)))
      (local.get 2))`,
  switch: `(func (export "run") (param i32 i32) (result i32)
      (block $c (block $b (block $a
        (br_table $a $b $c (i32.and (local.get 0) (i32.const 3))))
        (return (i32.const 10)))
        (return (i32.add (local.get 1) (i32.const 20))))
      (i32.const 30))`,
  "return from the middle of blocks": `(func (export "run") (param i32 i32) (result i32)
      (block (loop (block (if (i32.lt_s (local.get 0) (local.get 1)) (then (return (i32.const 7)))))
        (if (i32.eqz (local.get 1)) (then (return (local.get 0)))) ))
      (i32.const 9))`,
  "a branch out of the function": `(func (export "run") (param i32 i32) (result i32)
      (block (br_if 1 (i32.const 5) (local.get 0)) (drop)) (i32.const 6))`,
  "what follows a branch is never run": `(func (export "run") (param i32 i32) (result i32)
      (block $b (result i32) (br $b (i32.const 3)) (drop) (i32.add) (memory.grow) (drop) (f64.add) (drop) (i32.const 1)))
    (memory 1 2)`,
  indirect: `(type $t (func (param i32 i32) (result i32)))
    (table funcref (elem $add $sub $mul))
    (func $add (type $t) (i32.add (local.get 0) (local.get 1)))
    (func $sub (type $t) (i32.sub (local.get 0) (local.get 1)))
    (func $mul (type $t) (i32.mul (local.get 0) (local.get 1)))
    (func (export "run") (type $t) (call_indirect (type $t) (local.get 0) (local.get 1) (i32.rem_u (local.get 0) (i32.const 3))))`,
  "an indirect call that traps": `(table 4 funcref) (type $t (func (result i32)))
    (func (export "run") (param i32 i32) (result i32) (call_indirect (type $t) (i32.and (local.get 0) (i32.const 7))))`,
  division: `(func (export "run") (param i32 i32) (result i32) (i32.div_s (local.get 0) (local.get 1)))`,
  memory: `(memory 1 4) (data (i32.const 100) "keystead")
    (func (export "run") (param i32 i32) (result i64)
      (i32.store (i32.const 200) (local.get 0))
      (memory.copy (i32.const 300) (i32.const 100) (i32.const 8))
      (memory.fill (i32.const 304) (local.get 1) (i32.const 3))
      (drop (memory.grow (i32.and (local.get 0) (i32.const 1))))
      (i64.add (i64.load (i32.const 300)) (i64.extend_i32_u (i32.add (memory.size) (i32.load16_s (i32.const 200))))))`,
  "a passive segment": `(memory 1 1) (data $d "0123456789")
    (func (export "run") (param i32 i32) (result i64)
      (memory.init $d (i32.const 16) (i32.and (local.get 0) (i32.const 7)) (i32.const 3))
      (data.drop $d) (i64.load (i32.const 12)))`,
  globals: `(global $g (mut i32) (i32.const 5)) (global $h i64 (i64.const -9))
    (func (export "run") (param i32 i32) (result i64)
      (global.set $g (i32.add (global.get $g) (local.get 0)))
      (i64.add (global.get $h) (i64.extend_i32_s (global.get $g))))`,
  floats: `(func (export "run") (param i32 i32) (result f64)
      (f64.add (f64.div (f64.convert_i32_s (local.get 0)) (f64.convert_i32_u (local.get 1)))
        (f64.promote_f32 (f32.sqrt (f32.convert_i32_s (local.get 0))))))`,
  "numbers of all kinds": `(func (export "run") (param i32 i32) (result i64)
      (i64.xor (i64.rotl (i64.extend8_s (i64.extend_i32_s (local.get 0))) (i64.const 13))
        (i64.add (i64.trunc_sat_f64_s (f64.mul (f64.const 1e10) (f64.convert_i32_s (local.get 1))))
          (i64.extend_i32_u (i32.add (i32.popcnt (local.get 0)) (i32.extend16_s (local.get 1)))))))`,
  "several results": `(func $two (param i32 i32) (result i32 i32) (if (local.get 0) (then (return (local.get 1) (local.get 0)))) (local.get 0) (local.get 1))
    (func (export "run") (param i32 i32) (result i32) (call $two (local.get 0) (local.get 1)) (i32.sub)
      (block (param i32) (result i32) (i32.const 3) (i32.mul)))`,
  "select and tee": `(func (export "run") (param i32 i32) (result i32) (local i32)
      (select (local.tee 2 (i32.add (local.get 0) (i32.const 1))) (local.get 1) (i32.gt_u (local.get 0) (local.get 1)))
      (i32.add (local.get 2)) (nop))`,
};

const outcome = (run: () => unknown): unknown => {
  try {
    return run();
  } catch (error) {
    return (error as Error).message;
  }
};

for (const [name, text] of Object.entries(CORPUS))
  test(`a module with fuel computes what it computed without: ${name}`, () => {
    const bytes = assemble(`(module ${text})`);
    fc.assert(
      fc.property(fc.integer(), fc.integer(), (a, b) => {
        // Both begin anew each time: what one run left in globals would be in the next.
        const plain = exportsOf(bytes);
        const withFuel = metered(bytes);
        const expected = outcome(() => plain["run"]?.(a, b));
        assert.deepEqual(
          outcome(() => withFuel.exports["run"]?.(a, b)),
          expected,
        );
        if (typeof expected !== "string") assert.equal(withFuel.stack(), 1 << 20, "the stack is given back");
        assert.ok(withFuel.used() > 0n);
        const again = metered(bytes);
        outcome(() => again.exports["run"]?.(a, b));
        assert.equal(again.used(), withFuel.used());
      }),
      { numRuns: 100 },
    );
  });

test("fuel is one unit an instruction and ten a call, and the same before and after the engine optimises", () => {
  const bytes = assemble(`(module (func (export "run") (param i32) (result i32) (local i32)
    (loop (local.set 1 (i32.add (local.get 1) (local.get 0))) (br_if 0 (local.tee 0 (i32.sub (local.get 0) (i32.const 1)))))
    (local.get 1)))`);
  const { exports, used } = metered(bytes);
  const figures: bigint[] = [];
  for (let round = 0; round < 2000; round++) {
    const before = used();
    exports["run"]?.(100);
    figures.push(used() - before);
  }
  // Entering 10 and one local; the nine instructions of the loop 100 times; local.get once. Blocks and ends are free.
  assert.deepEqual([...new Set(figures)], [10n + 1n + 100n * 9n + 1n]);
});

test("a loop is checked whatever stands between its head and its first instruction", () => {
  for (const between of ["", "(nop)", "(block)", "(block (block))", "(loop)", "(block (loop (nop)))", "(loop (loop))"]) {
    const { exports } = metered(assemble(`(module (func (export "run") (loop ${between} (br 0))))`));
    (exports[FUEL] as unknown as WebAssembly.Global).value = 1000n;
    assert.throws(() => exports["run"]?.(), WebAssembly.RuntimeError, between);
  }
});

test("a tree of calls, too deep for no stack and too wide for any time, runs out of fuel", () => {
  const { exports } = metered(
    assemble(`(module (func $f (export "run") (param i32)
      (if (local.get 0) (then (call $f (i32.sub (local.get 0) (i32.const 1))) (call $f (i32.sub (local.get 0) (i32.const 1)))))))`),
  );
  (exports[FUEL] as unknown as WebAssembly.Global).value = 100_000n;
  assert.throws(() => exports["run"]?.(60), WebAssembly.RuntimeError);
});

test("copying, filling and growing are charged by how much", () => {
  const cost = (body: string, value: number): bigint => {
    const { exports, used } = metered(
      assemble(`(module (memory 4 16) (data $d "0123456789abcdef") (func (export "run") (param i32) ${body}))`),
    );
    exports["run"]?.(value);
    return used();
  };
  for (const [body, one] of [
    ["(memory.fill (i32.const 0) (i32.const 1) (local.get 0))", 8],
    ["(memory.copy (i32.const 0) (i32.const 4) (local.get 0))", 8],
    ["(memory.init $d (i32.const 0) (i32.const 0) (local.get 0))", 8],
  ] as const)
    assert.equal(cost(body, one * 2) - cost(body, one), 1n, body);
  const grow = "(drop (memory.grow (local.get 0)))";
  assert.equal(cost(grow, 3) - cost(grow, 2), 1024n);
  // Doing nothing is dear: the engine leaves the module's code for it.
  assert.equal(cost(grow, 0) - cost("(drop (i32.eqz (local.get 0)))", 0), 100n);
  for (const [nothing, more] of [
    ["memory.init $d", 50n],
    ["memory.copy", 10n],
    ["memory.fill", 10n],
  ] as const)
    // Three operands and the instruction.
    assert.equal(cost(`(${nothing} (i32.const 0) (i32.const 0) (i32.const 0))`, 0) - cost("", 0), more + 4n);
});

test("a NaN is always the same NaN", () => {
  const bytes = assemble(`(module
    (func (export "f64") (param f64 f64) (result i64) (i64.reinterpret_f64 (f64.div (local.get 0) (local.get 1))))
    (func (export "f32") (param f32 f32) (result i32) (i32.reinterpret_f32 (f32.sub (local.get 0) (local.get 1)))))`);
  const { exports } = metered(bytes);
  assert.equal(exports["f64"]?.(0, 0), 0x7ff8000000000000n);
  assert.equal(exports["f64"]?.(-Infinity, Infinity), 0x7ff8000000000000n);
  assert.equal(exports["f32"]?.(Infinity, Infinity), 0x7fc00000);
  assert.equal(exports["f64"]?.(1, 4), 0x3fd0000000000000n);
});

/** Each is refused, with words of this in the reason. */
const REFUSED: readonly (readonly [string, string, RegExp])[] = [
  ["imports", `(import "env" "abort" (func)) (func (export "run"))`, /imports env\.abort/],
  ["an imported memory", `(import "env" "memory" (memory 1))`, /not a function/],
  ["SIMD", `(func (result i32) (i8x16.extract_lane_s 0 (v128.const i32x4 0 0 0 0)))`, /SIMD/],
  ["shared memory", `(memory 1 1 shared)`, /threads/],
  ["atomics", `(memory 1) (func (drop (i32.atomic.load (i32.const 0))))`, /threads/],
  ["tail calls", `(func $f (return_call $f))`, /tail calls/],
  ["exceptions", `(tag $e) (func)`, /exception handling/],
  ["reference types", `(func (param externref))`, /reference types/],
  ["table instructions", `(table 1 funcref) (func (drop (table.size 0)))`, /table instructions/],
  ["64-bit memory", `(memory i64 1)`, /64-bit/],
  ["more memory than the limit", `(memory 17)`, /17 pages/],
  ["a table without end", `(table 100000 funcref)`, /100000 elements/],
  ["an export of our name", `(func (export "keystead.fuel"))`, /keystead\./],
  ["extended constants", `(global i32 (i32.add (i32.const 1) (i32.const 2)))`, /extended constant/],
  ["too many results", `(func (result ${"i32 ".repeat(129)}) (unreachable))`, /129 parameters or results/],
  ["too many locals", `(func (local ${"i32 ".repeat(5000)}))`, /locals/],
];

for (const [name, text, reason] of REFUSED)
  test(`refused by name: ${name}`, () => {
    const bytes = assemble(`(module ${text})`, {
      simd: true,
      threads: true,
      tail_call: true,
      exceptions: true,
      reference_types: true,
      memory64: true,
      extended_const: true,
    });
    assert.throws(() => inject(bytes, OPTIONS), { name: "ModuleRefused", message: reason });
  });

test("a module that reaches for the globals we add is not valid and is refused", () => {
  // global.get of an index that does not exist in the module, and would be the fuel in the injected one.
  const bytes = assemble(`(module (global (mut i64) (i64.const 0)) (func (export "run") (global.set 0 (i64.const 1))))`);
  const at = bytes.lastIndexOf(0x24);
  bytes[at + 1] = 1;
  assert.throws(() => inject(bytes, OPTIONS), ModuleRefused);
});

test("blocks that lie too deep are refused", () => {
  const body = [0, ...Array.from({ length: 1100 }, () => [0x02, 0x40]).flat(), ...Array.from({ length: 1101 }, () => 0x0b)];
  const code = [1, (body.length & 0x7f) | 0x80, body.length >> 7, ...body];
  const type = [1, 4, 1, 0x60, 0, 0];
  const functions = [3, 2, 1, 0];
  const bytes = Uint8Array.from(
    [0, 0x61, 0x73, 0x6d, 1, 0, 0, 0].concat(type, functions, [10, (code.length & 0x7f) | 0x80, code.length >> 7], code),
  );
  assert.ok(WebAssembly.validate(bytes));
  assert.throws(() => inject(bytes, OPTIONS), /deep/);
});

test("a br_table of ten thousand targets is measured like any other", () => {
  const bytes = assemble(`(module (func (export "run") (param i32 i32) (result i32)
    (block $a (block $b (br_table ${"$a $b ".repeat(5000)} (local.get 0))) (return (i32.const 1))) (i32.const 2)))`);
  const { exports } = metered(bytes);
  assert.equal(exports["run"]?.(9998, 0), 2);
  assert.equal(exports["run"]?.(9999, 0), 1);
});

test("counts that the bytes do not carry are refused before room is made for them", () => {
  const huge = [0xff, 0xff, 0xff, 0xff, 0x0f];
  for (const id of [1, 2, 3, 6, 7, 9, 10, 11])
    assert.throws(
      () => inject(Uint8Array.from([0, 0x61, 0x73, 0x6d, 1, 0, 0, 0, id, huge.length, ...huge]), OPTIONS),
      ModuleRefused,
      `section ${id}`,
    );
  assert.throws(() => inject(new Uint8Array(0), OPTIONS), ModuleRefused);
});

test("a mutated module is refused or runs within its fuel, and never anything else", () => {
  const seeds = Object.values(CORPUS).map((text) => assemble(`(module ${text})`));
  const rounds = 4000;
  let valid = 0;
  fc.assert(
    fc.property(
      fc.nat(seeds.length - 1),
      fc.array(fc.tuple(fc.nat(), fc.nat(255)), { minLength: 1, maxLength: 4 }),
      fc.option(fc.nat(), { freq: 10 }),
      (which, edits, cut) => {
        let bytes = Uint8Array.from(seeds[which] as Uint8Array);
        for (const [at, value] of edits) bytes[8 + (at % (bytes.length - 8))] = value;
        if (cut !== null) bytes = bytes.slice(0, cut % bytes.length);
        let injected: Uint8Array<ArrayBuffer>;
        try {
          injected = inject(bytes, OPTIONS);
        } catch (error) {
          assert.ok(error instanceof ModuleRefused, String(error));
          return;
        }
        valid += 1;
        try {
          const exports = exportsOf(injected);
          (exports[FUEL] as unknown as WebAssembly.Global).value = 10_000n;
          (exports[STACK] as unknown as WebAssembly.Global).value = 65_536;
          exports["run"]?.(1, 2);
        } catch (error) {
          assert.ok(error instanceof WebAssembly.RuntimeError || error instanceof TypeError, String(error));
        }
      },
    ),
    { numRuns: rounds },
  );
  assert.ok(valid > rounds / 100, `${valid} of ${rounds} were run: the test would say nothing`);
});

test("carrying many values costs what moving them takes, by calls, blocks and branches", () => {
  const types = (count: number): string => "i64 ".repeat(count);
  const values = (count: number): string => "(i64.const 1)".repeat(count);
  const cost = (text: string): bigint => {
    const { exports, used } = metered(assemble(`(module ${text})`));
    exports["run"]?.();
    return used();
  };
  const run = (body: string): string => `(func (export "run") ${body})`;
  const results = (count: number): string =>
    `(func $f (result ${types(count)}) ${values(count)}) ${run(`(call $f) ${"drop ".repeat(count)}`)}`;
  const params = (count: number): string => `(func $f (param ${types(count)})) ${run(`(call $f ${values(count)})`)}`;
  const block = (count: number): string => run(`(block (result ${types(count)}) ${values(count)} (br 0)) ${"drop ".repeat(count)}`);
  // Each value is made, or made and dropped; beyond eight it is carried besides, into the block's end by a branch as well.
  for (const [text, made, carried] of [
    [results, 2n, 1n],
    [params, 1n, 1n],
    [block, 2n, 2n],
  ] as const) {
    assert.equal(cost(text(8)) - cost(text(7)), made);
    assert.equal(cost(text(100)) - cost(text(99)), made + carried);
  }
});

test("a module that turns a hundred values round for ever ends by its fuel, soon", () => {
  const many = "i64 ".repeat(128);
  const { exports, stop } = limited(`(global $turns (export "turns") (mut i32) (i32.const 0))
    (func (export "run") ${"(i64.const 1)".repeat(128)}
      (loop (param ${many}) (result ${many})
        (global.set $turns (i32.add (global.get $turns) (i32.const 1))) (i64.const 1) (br 0)) ${"drop ".repeat(128)})`);
  stop();
  const turns = (exports["turns"] as unknown as WebAssembly.Global).value as number;
  assert.ok(turns > 7_000 && turns < 8_000, `${turns} turns of 126 units`);
});

test("asking for no memory again and again ends by its fuel, soon", () => {
  const { exports, stop } = limited(`(memory 1 16) (global $turns (export "turns") (mut i32) (i32.const 0))
    (func (export "run") (loop
      (global.set $turns (i32.add (global.get $turns) (i32.const 1))) (drop (memory.grow (i32.const 0))) (br 0)))`);
  stop();
  assert.ok(((exports["turns"] as unknown as WebAssembly.Global).value as number) < 10_000);
});

/** With a million units of fuel, which `run` uses up. */
function limited(text: string): { exports: ReturnType<typeof exportsOf>; stop: () => void } {
  const { exports } = metered(assemble(`(module ${text})`));
  (exports[FUEL] as unknown as WebAssembly.Global).value = 1_000_000n;
  return { exports, stop: () => assert.throws(() => exports["run"]?.(), WebAssembly.RuntimeError) };
}
