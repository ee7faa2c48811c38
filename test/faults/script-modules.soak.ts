/** A long run of mutated modules through the injector: each is refused, or runs within its fuel and ends. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import fc from "fast-check";
import wabtInit from "wabt";
import { SCRIPT_LIMITS } from "@keystead/contract/scripts";
import { ScriptFailed } from "../../server/scripts/engine.ts";
import { wasmEngine } from "../../server/scripts/engines/wasm.ts";
import { ModuleRefused } from "../../server/scripts/wasm/bytes.ts";
import { ROOT } from "../server.ts";
import { wasm } from "./scripts-process.ts";

const ROUNDS = 100_000;
const CONTEXT = Buffer.from('{"operation":"Sign","environment":{"hour":9}}');
const LIMITS = { ...SCRIPT_LIMITS.strict, fuel: 20_000, stackBytes: 65_536 };

test(`${ROUNDS} mutated policies are refused, or come to an end within their limits`, async () => {
  const wabt = await wabtInit();
  const example = readFileSync(join(ROOT, "docs/operate/policy-scripts/office-hours.wat"), "utf8");
  const seeds = [
    Buffer.from(wabt.parseWat("example.wat", example).toBinary({}).buffer),
    Buffer.from(
      wasm(
        "(call_indirect (type $t) (i32.const 0))",
        "(table funcref (elem $f)) (type $t (func (result i32))) (func $f (type $t) (i32.const 1))",
      ),
    ),
    Buffer.from(
      wasm("(memory.fill (i32.const 0) (i32.const 1) (local.get 1)) (drop (memory.grow (i32.const 1))) (i32.load8_u (local.get 0))"),
    ),
  ];
  const ended: Record<string, number> = {};
  fc.assert(
    fc.property(fc.nat(seeds.length - 1), fc.array(fc.tuple(fc.nat(), fc.nat(255)), { minLength: 1, maxLength: 5 }), (which, edits) => {
      const bytes = Uint8Array.from(seeds[which] as Buffer);
      for (const [at, value] of edits) bytes[8 + (at % (bytes.length - 8))] = value;
      let end: string;
      try {
        const script = wasmEngine.prepare(bytes, LIMITS);
        try {
          end = script.decide(CONTEXT).decision;
        } catch (error) {
          assert.ok(error instanceof ScriptFailed, String(error));
          assert.ok(error.fuel <= LIMITS.fuel);
          end = error.reason;
        }
      } catch (error) {
        assert.ok(error instanceof ModuleRefused, String(error));
        end = "refused";
      }
      ended[end] = (ended[end] ?? 0) + 1;
    }),
    { numRuns: ROUNDS },
  );
  for (const seen of ["refused", "allow", "deny", "error", "fuel"]) assert.ok((ended[seen] ?? 0) > 0, JSON.stringify(ended));
});
