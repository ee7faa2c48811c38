/**
 * WebAssembly policies: a module that exports `memory` and `evaluate(ptr i32, len i32) -> i32`.
 *
 * 0 is deny, 1 allow, 2 require approval. The context is written where the module's `alloc(len i32) -> i32` says, or,
 * when it has none, in pages added behind all its memory. Each decision begins in an instance that is as new.
 */
import { SCRIPT_DECISIONS, type ScriptLimits } from "@keystead/contract/scripts";
import { ScriptFailed, type Engine, type Prepared, type Verdict } from "../engine.ts";
import { ModuleRefused } from "../wasm/bytes.ts";
import { BEGIN, FUEL, PAGE_BYTES, STACK, START, inject } from "../wasm/inject.ts";
import { MemoryImage } from "../wasm/memory-image.ts";
import { parseModule, KIND, type ParsedModule } from "../wasm/module.ts";

interface Policy {
  readonly memory: WebAssembly.Memory;
  readonly [FUEL]: WebAssembly.Global;
  readonly [STACK]: WebAssembly.Global;
  readonly [START]?: () => void;
  readonly [BEGIN]: (fuel: bigint, stack: number) => void;
  readonly alloc?: (length: number) => number;
  evaluate(at: number, length: number): number;
}

const KEPT: ReadonlySet<string> = new Set(["memory", "evaluate", "alloc"]);
const NO_IMPORTS: ReadonlySet<string> = new Set();
const I32 = 0x7f;
/** What an instance that is used again may have of memory when it begins: looking through more costs as much as a new one. */
const MOST_BYTES_AGAIN = 32 * PAGE_BYTES;
const MOST_GLOBALS_AGAIN = 64;

export const wasmEngine: Engine = {
  prepare(source, limits) {
    const bytes = inject(source, { maxPages: limits.memoryBytes / PAGE_BYTES, imports: NO_IMPORTS, exports: KEPT });
    const parsed = parseModule(source);
    requireFunction(parsed, "evaluate", 2, true);
    requireFunction(parsed, "alloc", 1, false);
    if (!parsed.exports.some(({ name, kind }) => name === "memory" && kind === KIND.memory))
      throw new ModuleRefused("the module exports no memory");
    const module = new WebAssembly.Module(bytes);
    try {
      // Segments that do not fit are found here, not at the first request.
      return new WasmPolicy(module, parsed, limits);
    } catch (error) {
      throw new ModuleRefused(`the module cannot begin: ${(error as Error).message}`);
    }
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

const pagesFor = (bytes: number): number => Math.max(1, Math.ceil(bytes / PAGE_BYTES));

/** An instance that nothing has run in, or that is again as it was then. */
interface Ready {
  readonly policy: Policy;
  /** Pages that were added for a context. */
  readonly added: number;
}

/**
 * A module that decides, each time in an instance that is as new.
 *
 * Making one costs several times what a short policy does, most of it in the operating system. So an instance is used
 * again where all that a decision can change in it is known, and putting it back is cheaper: memory that is small and has not
 * grown by itself, and globals. A table cannot change, because no instruction that changes one is supported. An instance whose
 * decision failed, or whose module can drop segments, is not used again.
 */
class WasmPolicy implements Prepared {
  readonly #module: WebAssembly.Module;
  readonly #limits: ScriptLimits;
  readonly #fuel: bigint;
  /** The memory of a new instance, when instances are used again. */
  readonly #first: MemoryImage | undefined;
  #ready: Ready | undefined;
  /** Has decided, and is to be put back. */
  #used: Ready | undefined;

  /** @throws {WebAssembly.RuntimeError | RangeError} when there can be no instance */
  constructor(module: WebAssembly.Module, parsed: ParsedModule, limits: ScriptLimits) {
    this.#module = module;
    this.#limits = limits;
    this.#fuel = BigInt(limits.fuel);
    this.#ready = this.#make();
    const { memory } = this.#ready.policy;
    const again =
      memory.buffer.byteLength <= MOST_BYTES_AGAIN &&
      parsed.mutableGlobals.length <= MOST_GLOBALS_AGAIN &&
      parsed.start === undefined &&
      // Without this count a module has no instruction that uses up segments (specification 5.5.16).
      parsed.dataCount === undefined;
    this.#first = again ? new MemoryImage(memory) : undefined;
  }

  readonly settle = (): void => {
    const used = this.#used;
    this.#used = undefined;
    if (used !== undefined) {
      this.#first?.putBack(used.policy.memory);
      this.#ready = used;
    }
    try {
      this.#ready ??= this.#make();
    } catch {
      // The next decision says so.
    }
  };

  decide(context: Uint8Array): Verdict {
    this.settle();
    const { policy, added } = this.#take(context.length);
    const { evaluate, memory } = policy;
    const { fuel, stackBytes } = this.#limits;
    const left = (): number => Number(policy[FUEL].value as bigint);
    const used = (): number => Math.min(fuel, fuel - left());
    let answer: number;
    try {
      policy[BEGIN](this.#fuel, stackBytes);
      policy[START]?.();
      answer = evaluate(this.#place(policy, added, context, used), context.length);
    } catch (error) {
      if (error instanceof ScriptFailed) throw error;
      if (left() < 0) throw new ScriptFailed("fuel", `more than ${fuel} units of fuel`, fuel);
      if ((policy[STACK].value as number) < 0) throw new ScriptFailed("stack", `more than ${stackBytes} bytes of stack`, used());
      throw new ScriptFailed("error", (error as Error).message, used());
    }
    const decision = SCRIPT_DECISIONS[answer];
    const rest = left();
    // A run may end below zero when its last stretch was not checked.
    if (rest < 0) throw new ScriptFailed("fuel", `more than ${fuel} units of fuel`, fuel);
    if (decision === undefined) throw new ScriptFailed("answer", `evaluate answered ${answer}; 0, 1 and 2 are decisions`, fuel - rest);
    if (this.#first !== undefined) {
      const grown = policy.alloc === undefined ? pagesFor(context.length) : 0;
      if (memory.buffer.byteLength === this.#first.bytes + grown * PAGE_BYTES) this.#used = { policy, added: grown };
    }
    return { decision, fuel: fuel - rest };
  }

  /** An instance for a context of this length. A module sees how many pages there are, so those of another do not do. */
  #take(length: number): Ready {
    const ready = this.#ready;
    this.#ready = undefined;
    if (ready !== undefined && (ready.added === 0 || ready.added === pagesFor(length))) return ready;
    try {
      return this.#make();
    } catch (error) {
      throw new ScriptFailed("memory", (error as Error).message, 0);
    }
  }

  #make(): Ready {
    return { policy: new WebAssembly.Instance(this.#module).exports as unknown as Policy, added: 0 };
  }

  /** Where the context lies. The module's word for it is held against the memory there is. */
  #place({ memory, alloc }: Policy, added: number, bytes: Uint8Array, used: () => number): number {
    let at: number;
    if (alloc !== undefined) {
      at = alloc(bytes.length) >>> 0;
      if (at + bytes.length > memory.buffer.byteLength)
        throw new ScriptFailed("memory", `alloc answered ${at}, where ${bytes.length} bytes do not fit into the memory`, used());
    } else if (added > 0) at = memory.buffer.byteLength - added * PAGE_BYTES;
    else {
      try {
        at = memory.grow(pagesFor(bytes.length)) * PAGE_BYTES;
      } catch {
        throw new ScriptFailed("memory", "there is no room left for the context", used());
      }
    }
    new Uint8Array(memory.buffer).set(bytes, at);
    return at;
  }
}
