/**
 * Lua policies: a script that defines `evaluate(context)` and returns "allow", "deny" or "require-approval".
 *
 * Lua itself is a WebAssembly module here, and is given fuel like any other: what a script uses is counted in the
 * interpreter and in its library alike, so that a pattern that backtracks for ever ends as surely as a loop does. Of the
 * package that carries Lua only that module is used. What it would ask of the system is refused, its clock stands still,
 * and each decision begins with the memory as it was when the script had just been loaded.
 *
 * @see Lua 5.4 Reference Manual, 4 (the C interface, called by its functions' own names)
 */
import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { SCRIPT_DECISIONS, type ScriptDecision, type ScriptLimits } from "@keystead/contract/scripts";
import { ScriptFailed, type Engine, type Verdict } from "../engine.ts";
import { ModuleRefused } from "../wasm/bytes.ts";
import { PAGE_FUEL } from "../wasm/instructions.ts";
import { FUEL, PAGE_BYTES, STACK, inject } from "../wasm/inject.ts";
import { MemoryImage } from "../wasm/memory-image.ts";
import { parseModule } from "../wasm/module.ts";

type Call = (...values: (number | bigint)[]) => number;

interface Interpreter {
  readonly memory: WebAssembly.Memory;
  readonly __indirect_function_table: WebAssembly.Table;
  readonly [FUEL]: WebAssembly.Global;
  readonly [STACK]: WebAssembly.Global;
  readonly [name: string]: unknown;
}

/** Memory of an interpreter that has not grown: 1 MiB. */
const FIRST_PAGES = 16;
const LUA_OK = 0;
const LUA_ERRMEM = 4;
const LUA_STRING = 4;
const LUA_FUNCTION = 6;
const ROOM_BYTES = 1024;
/** While an interpreter is made ready the script pays nothing. */
const SETUP_FUEL = 1n << 40n;

/** What is open to scripts: nothing that reads code, files, clocks, or how the interpreter itself is doing. */
const LIBRARIES = ["luaopen_base", "luaopen_table", "luaopen_string", "luaopen_math", "luaopen_utf8"] as const;
const NAMES: Readonly<Record<(typeof LIBRARIES)[number], string>> = {
  luaopen_base: "_G",
  luaopen_table: "table",
  luaopen_string: "string",
  luaopen_math: "math",
  luaopen_utf8: "utf8",
};
const CLOSED = `dofile, loadfile, load, collectgarbage, print, warn = nil
string.dump, math.random, math.randomseed = nil`;

/** Objects and lists of a context within one another. A vault tells a payload of half as many at most. */
const MOST_DEPTH = 200;
/** An error that is thrown in Lua leaves its module and comes back, which takes as long as so many instructions. */
const JUMP_FUEL = 1000n;
/** What C's longjmp throws, to be caught by the call that set the jump up. */
const JUMP = Symbol("longjmp");

/** Injected interpreters, by the memory they may have. */
const modules = new Map<number, { module: WebAssembly.Module; imports: readonly { module: string; name: string }[] }>();

function interpreterFor(memoryBytes: number): NonNullable<ReturnType<typeof modules.get>> {
  const known = modules.get(memoryBytes);
  if (known !== undefined) return known;
  const bytes = Uint8Array.from(readFileSync(fileURLToPath(new URL("./glue.wasm", import.meta.resolve("wasmoon")))));
  const { imports } = parseModule(bytes);
  const injected = inject(bytes, {
    minPages: FIRST_PAGES,
    maxPages: memoryBytes / PAGE_BYTES,
    imports: new Set(imports.map(({ module, name }) => `${module}.${name}`)),
    exports: "all",
  });
  const made = { module: new WebAssembly.Module(injected), imports };
  modules.set(memoryBytes, made);
  return made;
}

/** One interpreter, with a script loaded. */
class Lua {
  readonly #lua: Interpreter;
  readonly #state: number;
  readonly #text = new TextEncoder();
  readonly #limits: ScriptLimits;
  /** Room in its memory for the short strings of a context, on their way to Lua. */
  readonly #room: number;
  #view = new Uint8Array(0);
  /** The memory and C's stack pointer once the script is loaded. */
  #loaded: { readonly memory: MemoryImage; readonly pointer: number } | undefined;

  /** @throws {ScriptFailed} memory, when there is too little for the interpreter itself */
  constructor(limits: ScriptLimits) {
    this.#limits = limits;
    const { module, imports } = interpreterFor(limits.memoryBytes);
    const given: Record<string, Record<string, unknown>> = {};
    for (const { module: from, name } of imports) (given[from] ??= {})[name] = this.#host(name);
    this.#lua = new WebAssembly.Instance(module, given).exports as unknown as Interpreter;
    this.#lua[FUEL].value = SETUP_FUEL;
    this.#lua[STACK].value = limits.stackBytes;
    this.call("__wasm_call_ctors");
    this.#state = this.call("luaL_newstate");
    if (this.#state === 0) throw new ScriptFailed("memory", "there is not enough memory for the interpreter", 0);
    this.#room = this.put(new Uint8Array(ROOM_BYTES));
    for (const library of LIBRARIES) {
      const name = this.put(this.#text.encode(NAMES[library]));
      // A function is an address in the table; the library's opener is called as any C function.
      this.lua("lua_pushcclosure", this.#addressOf(library), 0);
      this.lua("lua_pushstring", name);
      this.lua("lua_callk", 1, 1, 0, 0);
      this.lua("lua_setglobal", name);
    }
    this.#run(this.#text.encode(CLOSED), "setup");
    this.#lua[FUEL].value = BigInt(limits.fuel);
  }

  /** Remembers the memory as it is: every decision begins with it. */
  keep(): void {
    this.#loaded = { memory: new MemoryImage(this.#lua.memory), pointer: this.call("stackSave") };
  }

  /**
   * Puts everything that a decision can change back to what it was when {@link keep} was called: memory and stack.
   *
   * @returns false when the memory has grown since, which cannot be undone
   */
  putBack(): boolean {
    const loaded = this.#loaded;
    if (loaded === undefined || this.#lua.memory.buffer.byteLength !== loaded.memory.bytes) return false;
    loaded.memory.putBack(this.#lua.memory);
    this.#lua[FUEL].value = SETUP_FUEL;
    this.#lua[STACK].value = this.#limits.stackBytes;
    this.call("stackRestore", loaded.pointer);
    return true;
  }

  /** A decision begins: it has all its fuel. */
  begin(): void {
    this.#lua[FUEL].value = BigInt(this.#limits.fuel);
    this.#lua[STACK].value = this.#limits.stackBytes;
  }

  get used(): number {
    return Math.min(this.#limits.fuel, this.#limits.fuel - Number(this.#lua[FUEL].value as bigint));
  }

  /** Calls an exported function. @throws {ScriptFailed} fuel, stack or error when it does not return */
  call(name: string, ...values: (number | bigint)[]): number {
    try {
      return (this.#lua[name] as Call)(...values);
    } catch (error) {
      if (error instanceof ScriptFailed) throw error;
      const { fuel, stackBytes } = this.#limits;
      if ((this.#lua[FUEL].value as bigint) < 0n) throw new ScriptFailed("fuel", `more than ${fuel} units of fuel`, fuel);
      if ((this.#lua[STACK].value as number) < 0) throw new ScriptFailed("stack", `more than ${stackBytes} bytes of stack`, this.used);
      throw new ScriptFailed("error", error instanceof Error ? error.message : "an error outside a call", this.used);
    }
  }

  /** Calls a function of the C interface on this interpreter's state. */
  lua(name: string, ...values: (number | bigint)[]): number {
    return this.call(name, this.#state, ...values);
  }

  /** Bytes in the interpreter's memory, ended by a zero. @throws {ScriptFailed} memory */
  put(bytes: Uint8Array): number {
    const at = this.call("malloc", bytes.length + 1);
    if (at === 0) throw new ScriptFailed("memory", "not enough memory", this.used);
    const memory = new Uint8Array(this.#lua.memory.buffer);
    memory.set(bytes, at);
    memory[at + bytes.length] = 0;
    return at;
  }

  /** The string at a place of Lua's stack, or undefined when something else is there. */
  string(index: number): string | undefined {
    if (this.lua("lua_type", index) !== LUA_STRING) return undefined;
    const at = this.lua("lua_tolstring", index, 0);
    const length = Math.min(Number(this.lua("lua_rawlen", index)), 1000);
    return Buffer.from(this.#lua.memory.buffer, at, length).toString("utf8");
  }

  /** Loads and runs a chunk of source. @throws {ScriptFailed} */
  run(source: Uint8Array): void {
    this.#run(source, "policy");
  }

  /** Puts a value of JSON on Lua's stack. Room for two more must be on it. */
  push(value: unknown, depth = 0): void {
    if (typeof value === "string") return this.#pushString(value);
    if (typeof value === "boolean") return void this.lua("lua_pushboolean", value ? 1 : 0);
    if (typeof value === "number")
      return void (Number.isSafeInteger(value) ? this.lua("lua_pushinteger", BigInt(value)) : this.lua("lua_pushnumber", value));
    if (value === null || typeof value !== "object") return void this.lua("lua_pushnil");
    if (depth >= MOST_DEPTH) throw new ScriptFailed("error", `the context lies more than ${MOST_DEPTH} deep`, this.used);
    if (this.lua("lua_checkstack", 4) === 0) throw new ScriptFailed("memory", "not enough memory", this.used);
    this.lua("lua_createtable", 0, 0);
    if (Array.isArray(value)) {
      for (const [index, inner] of value.entries()) {
        this.push(inner, depth + 1);
        this.lua("lua_rawseti", -2, BigInt(index + 1));
      }
      return;
    }
    for (const [name, inner] of Object.entries(value)) {
      this.#pushString(name);
      this.push(inner, depth + 1);
      this.lua("lua_rawset", -3);
    }
  }

  /** @throws {ScriptFailed} with Lua's own message, when `status` is one of failure */
  check(status: number): void {
    if (status === LUA_OK) return;
    throw new ScriptFailed(status === LUA_ERRMEM ? "memory" : "error", this.string(-1) ?? "an error that is no text", this.used);
  }

  #run(source: Uint8Array, name: string): void {
    const at = this.put(source);
    const label = this.put(this.#text.encode(`=${name}`));
    const mode = this.put(this.#text.encode("t"));
    this.check(this.lua("luaL_loadbufferx", at, source.length, label, mode));
    this.check(this.lua("lua_pcallk", 0, 0, 0, 0, 0));
  }

  #pushString(text: string): void {
    if (this.#view.length === 0 || this.#view.buffer !== this.#lua.memory.buffer)
      this.#view = new Uint8Array(this.#lua.memory.buffer, this.#room, ROOM_BYTES);
    const { read, written } = this.#text.encodeInto(text, this.#view);
    if (read === text.length) return void this.lua("lua_pushlstring", this.#room, written);
    const bytes = this.#text.encode(text);
    const at = this.put(bytes);
    this.lua("lua_pushlstring", at, bytes.length);
    this.call("free", at);
  }

  /** The table has room for what a host adds: an exported function is put into a slot of it. */
  #addressOf(name: string): number {
    const table = this.#lua.__indirect_function_table as WebAssembly.Table & {
      readonly length: number;
      set(index: number, value: unknown): void;
    };
    // Element 0 is never called: it is C's null pointer.
    for (let index = 1; index < table.length; index++) if (table.get(index) === this.#lua[name]) return index;
    throw new TypeError(`${name} is not in the table`);
  }

  /** More memory for the interpreter, charged like memory.grow. 0 = there is no more. */
  #grow(bytes: number): number {
    const { memory } = this.#lua;
    const pages = Math.ceil((bytes - memory.buffer.byteLength) / PAGE_BYTES);
    try {
      memory.grow(pages);
    } catch {
      return 0;
    }
    const left = (this.#lua[FUEL].value as bigint) - BigInt(pages * PAGE_FUEL);
    this.#lua[FUEL].value = left;
    if (left < 0n) throw new Error("no fuel");
    return 1;
  }

  #host(name: string): unknown {
    if (name === "_emscripten_throw_longjmp")
      return () => {
        this.#lua[FUEL].value = (this.#lua[FUEL].value as bigint) - JUMP_FUEL;
        throw JUMP;
      };
    if (name === "invoke_vii")
      return (index: number, first: number, second: number) => {
        const pointer = (this.#lua["stackSave"] as Call)();
        const stack = this.#lua[STACK].value;
        try {
          (this.#lua.__indirect_function_table.get(index) as Call)(first, second);
        } catch (error) {
          if (error !== JUMP) throw error;
          // What was called did not give its stack back on this way out.
          this.#lua[STACK].value = stack;
          (this.#lua["stackRestore"] as Call)(pointer);
          (this.#lua["setThrew"] as Call)(1, 0);
        }
      };
    // The environment is empty.
    if (name === "environ_get") return () => 0;
    if (name === "environ_sizes_get")
      return (count: number, bytes: number) => {
        const memory = new DataView(this.#lua.memory.buffer);
        memory.setUint32(count, 0, true);
        memory.setUint32(bytes, 0, true);
        return 0;
      };
    // The clock stands still.
    if (name === "emscripten_date_now") return () => 0;
    if (name === "emscripten_resize_heap") return (bytes: number) => this.#grow(bytes >>> 0);
    return () => {
      throw new Error(`${name} is not there for scripts`);
    };
  }
}

const WORDS: ReadonlySet<string> = new Set(SCRIPT_DECISIONS);

function load(source: Uint8Array, limits: ScriptLimits): Lua {
  const lua = new Lua(limits);
  lua.run(source);
  lua.lua("lua_getglobal", lua.put(new TextEncoder().encode("evaluate")));
  if (lua.lua("lua_type", -1) !== LUA_FUNCTION) throw new ModuleRefused("the script defines no function evaluate");
  lua.keep();
  return lua;
}

function decide(lua: Lua, context: Uint8Array): Verdict {
  lua.push(JSON.parse(Buffer.from(context).toString("utf8")));
  lua.check(lua.lua("lua_pcallk", 1, 1, 0, 0, 0));
  const word = lua.string(-1);
  if (word === undefined || !WORDS.has(word))
    throw new ScriptFailed("answer", `evaluate must return one of ${SCRIPT_DECISIONS.join(", ")}`, lua.used);
  return { decision: word as ScriptDecision, fuel: lua.used };
}

export const luaEngine: Engine = {
  prepare(source, limits) {
    let lua: Lua;
    try {
      lua = load(source, limits);
    } catch (error) {
      if (error instanceof ScriptFailed) throw new ModuleRefused(error.message);
      throw error;
    }
    let used = false;
    const settle = (): void => {
      if (!used) return;
      // Whatever the last decision did or left undone, all that it could change is put back.
      if (!lua.putBack()) lua = load(source, limits);
      used = false;
    };
    return {
      settle,
      decide(context) {
        settle();
        used = true;
        lua.begin();
        return decide(lua, context);
      },
    };
  },
};
