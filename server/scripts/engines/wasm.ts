/**
 * WebAssembly policies: a module that exports `memory` and `evaluate(ptr i32, len i32) -> i32`.
 *
 * 0 is deny, 1 allow, 2 require approval. The context is written where the module's `alloc(len i32) -> i32` says, or,
 * when it has none, in pages added behind all its memory. Each decision has an instance of its own.
 */
import { SCRIPT_DECISIONS, type ScriptLimits } from "@keystead/contract/scripts";
import { ScriptFailed, type Engine, type Prepared, type Verdict } from "../engine.ts";
import { ModuleRefused } from "../wasm/bytes.ts";
import { FUEL, PAGE_BYTES, STACK, START, inject } from "../wasm/inject.ts";
import { parseModule, KIND, type ParsedModule } from "../wasm/module.ts";

interface Policy {
  readonly memory: WebAssembly.Memory;
  readonly [FUEL]: WebAssembly.Global;
  readonly [STACK]: WebAssembly.Global;
  readonly [START]?: () => void;
  readonly alloc?: (length: number) => number;
  evaluate(at: number, length: number): number;
}

const KEPT: ReadonlySet<string> = new Set(["memory", "evaluate", "alloc"]);
const NO_IMPORTS: ReadonlySet<string> = new Set();
const I32 = 0x7f;

export const wasmEngine: Engine = {
  prepare(source, limits) {
    const bytes = inject(source, { maxPages: limits.memoryBytes / PAGE_BYTES, imports: NO_IMPORTS, exports: KEPT });
    const parsed = parseModule(source);
    requireFunction(parsed, "evaluate", 2, true);
    requireFunction(parsed, "alloc", 1, false);
    if (!parsed.exports.some(({ name, kind }) => name === "memory" && kind === KIND.memory))
      throw new ModuleRefused("the module exports no memory");
    const module = new WebAssembly.Module(bytes);
    const policy: Prepared = { decide: (context) => decide(module, context, limits) };
    try {
      // Segments that do not fit are found here, not at the first request.
      instantiate(module, limits);
    } catch (error) {
      throw new ModuleRefused(`the module cannot begin: ${(error as Error).message}`);
    }
    return policy;
  },
};

function requireFunction({ exports, functionTypes, types }: ParsedModule, name: string, params: number, required: boolean): void {
  const found = exports.find((exported) => exported.name === name);
  if (found === undefined) {
    if (required) throw new ModuleRefused(`the module exports no ${name}`);
    return;
  }
  const type = found.kind === KIND.function ? types[functionTypes[found.index] ?? -1] : undefined;
  const fits =
    type !== undefined &&
    type.params.length === params &&
    type.results.length === 1 &&
    [...type.params, ...type.results].every((value) => value === I32);
  if (!fits) throw new ModuleRefused(`${name} must take ${params === 1 ? "one i32" : `${params} i32`} and give one`);
}

function instantiate(module: WebAssembly.Module, limits: ScriptLimits): Policy {
  const policy = new WebAssembly.Instance(module).exports as unknown as Policy;
  policy[FUEL].value = BigInt(limits.fuel);
  policy[STACK].value = limits.stackBytes;
  return policy;
}

function decide(module: WebAssembly.Module, context: Uint8Array, limits: ScriptLimits): Verdict {
  let policy: Policy;
  try {
    policy = instantiate(module, limits);
  } catch (error) {
    throw new ScriptFailed("memory", (error as Error).message, 0);
  }
  const used = (): number => Math.min(limits.fuel, limits.fuel - Number(policy[FUEL].value as bigint));
  let answer: number;
  try {
    policy[START]?.();
    const at = place(policy, context);
    answer = policy.evaluate(at, context.length);
  } catch (error) {
    if (error instanceof ScriptFailed) throw error;
    if ((policy[FUEL].value as bigint) < 0n) throw new ScriptFailed("fuel", `more than ${limits.fuel} units of fuel`, limits.fuel);
    if ((policy[STACK].value as number) < 0) throw new ScriptFailed("stack", `more than ${limits.stackBytes} bytes of stack`, used());
    throw new ScriptFailed("error", (error as Error).message, used());
  }
  const decision = SCRIPT_DECISIONS[answer];
  // A run may end below zero when its last stretch was not checked.
  if ((policy[FUEL].value as bigint) < 0n) throw new ScriptFailed("fuel", `more than ${limits.fuel} units of fuel`, limits.fuel);
  if (decision === undefined) throw new ScriptFailed("answer", `evaluate answered ${answer}; 0, 1 and 2 are decisions`, used());
  return { decision, fuel: used() };

  /** Where the context lies. The module's word for it is held against the memory there is. */
  function place({ memory, alloc }: Policy, bytes: Uint8Array): number {
    let at: number;
    if (alloc === undefined) {
      try {
        at = memory.grow(Math.max(1, Math.ceil(bytes.length / PAGE_BYTES))) * PAGE_BYTES;
      } catch {
        throw new ScriptFailed("memory", "there is no room left for the context", used());
      }
    } else {
      at = alloc(bytes.length) >>> 0;
      if (at + bytes.length > memory.buffer.byteLength)
        throw new ScriptFailed("memory", `alloc answered ${at}, where ${bytes.length} bytes do not fit into the memory`, used());
    }
    new Uint8Array(memory.buffer).set(bytes, at);
    return at;
  }
}
