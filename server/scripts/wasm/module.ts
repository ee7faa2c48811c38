/**
 * The sections of a WebAssembly module, read as far as putting fuel into it needs, and bounded.
 *
 * Custom sections are left out. What this file does not know, it refuses by name: a module is never run with a part
 * that was not looked at. Whether types and indices fit is the engine's to check, before and after the change.
 *
 * @see WebAssembly Core Specification 2.0, 5.5 (binary format of modules)
 */
import { ModuleRefused, Reader } from "./bytes.ts";

/** What a module may hold of each thing. */
export const MODULE_LIMITS = Object.freeze({
  types: 4096,
  imports: 64,
  functions: 20_000,
  globals: 4096,
  exports: 4096,
  segments: 4096,
  tableElements: 65_536,
  functionLocals: 4096,
  /** Parameters or results of one function type. */
  values: 128,
  /** Blocks within blocks. */
  nesting: 1024,
});

export interface FunctionType {
  readonly params: Uint8Array;
  readonly results: Uint8Array;
}

export interface Import {
  readonly module: string;
  readonly name: string;
}

export interface Export {
  readonly name: string;
  readonly kind: number;
  readonly index: number;
}

/** A vector of a section: its count and the bytes of its entries. */
export interface Entries {
  readonly count: number;
  readonly bytes: Uint8Array;
}

export interface ParsedModule {
  readonly types: readonly FunctionType[];
  readonly imports: readonly Import[];
  readonly importEntries: Entries;
  /** Type index of every function, imported ones first. */
  readonly functionTypes: readonly number[];
  readonly importedFunctions: number;
  readonly table: { readonly min: number } | undefined;
  readonly memory: { readonly minPages: number; readonly maxPages: number | undefined } | undefined;
  readonly globals: Entries;
  /** Those that may be set, and the instruction that gives their first value. */
  readonly mutableGlobals: readonly { readonly index: number; readonly value: Uint8Array }[];
  readonly exports: readonly Export[];
  readonly start: number | undefined;
  readonly elements: Entries;
  readonly dataCount: number | undefined;
  readonly bodies: readonly Reader[];
  readonly data: Entries;
}

export const KIND = Object.freeze({ function: 0, table: 1, memory: 2, global: 3 });

const MAGIC = [0x00, 0x61, 0x73, 0x6d, 0x01, 0x00, 0x00, 0x00];
const SECTION_NAMES = ["custom", "type", "import", "function", "table", "memory", "global", "export", "start", "element", "code", "data"];
/** Data count (12) stands between element and code. */
const ORDER: Readonly<Record<number, number>> = { 1: 1, 2: 2, 3: 3, 4: 4, 5: 5, 6: 6, 7: 7, 8: 8, 9: 9, 12: 10, 10: 11, 11: 12 };
const NO_ENTRIES: Entries = Object.freeze({ count: 0, bytes: new Uint8Array(0) });

/** @throws {ModuleRefused} saying what is not understood or not allowed */
export function parseModule(bytes: Uint8Array): ParsedModule {
  if (bytes.length < 8 || MAGIC.some((byte, at) => bytes[at] !== byte))
    throw new ModuleRefused("this is not a WebAssembly module of version 1");
  const reader = new Reader(bytes, 8);
  const sections = new Map<number, Reader>();
  let last = 0;
  while (!reader.done) {
    const id = reader.byte();
    const body = reader.inner(reader.u32());
    if (id === 0) continue;
    const order = ORDER[id];
    if (order === undefined) throw new ModuleRefused(id === 13 ? "exception handling is not supported" : `section ${id} is not supported`);
    if (order <= last) throw new ModuleRefused(`the ${SECTION_NAMES[id] ?? "data count"} section is out of order`);
    last = order;
    sections.set(id, body);
  }
  /** Reads a section whole. */
  const section = <T>(id: number, read: (body: Reader) => T, absent: T): T => {
    const body = sections.get(id);
    if (body === undefined) return absent;
    const value = read(body);
    if (!body.done) throw new ModuleRefused(`the ${SECTION_NAMES[id] ?? "data count"} section is longer than what it holds`);
    return value;
  };

  const types = section(1, readTypes, []);
  const imported = section(2, readImports, { imports: [], functions: [], entries: NO_ENTRIES });
  const own = section(3, (body) => times(body.count(MODULE_LIMITS.functions, "functions"), () => body.u32()), []);
  const functionTypes = [...imported.functions, ...own];
  for (const type of functionTypes) if (type >= types.length) throw new ModuleRefused(`function type ${type} does not exist`);
  const table = section(4, readTable, undefined);
  const memory = section(5, readMemory, undefined);
  const mutableGlobals: { index: number; value: Uint8Array }[] = [];
  const readNext = (body: Reader, index: number): void => {
    const value = readGlobal(body);
    if (value !== undefined) mutableGlobals.push({ index, value });
  };
  const globals = section(6, (body) => readEntries(body, MODULE_LIMITS.globals, "globals", readNext), NO_ENTRIES);
  const exports = section(7, readExports, []);
  const start = section<number | undefined>(8, (body) => body.u32(), undefined);
  const elements = section(9, (body) => readEntries(body, MODULE_LIMITS.segments, "element segments", readElements), NO_ENTRIES);
  const dataCount = section<number | undefined>(12, (body) => body.u32(), undefined);
  const bodies = section(10, (body) => times(body.count(MODULE_LIMITS.functions, "functions"), () => body.inner(body.u32())), []);
  if (bodies.length !== own.length) throw new ModuleRefused(`${own.length} functions are declared and ${bodies.length} are there`);
  const data = section(11, (body) => readEntries(body, MODULE_LIMITS.segments, "data segments", readData), NO_ENTRIES);
  return {
    types,
    imports: imported.imports,
    importEntries: imported.entries,
    functionTypes,
    importedFunctions: imported.functions.length,
    table,
    memory,
    globals,
    mutableGlobals,
    exports,
    start,
    elements,
    dataCount,
    bodies,
    data,
  };
}

function times<T>(count: number, read: () => T): T[] {
  const found: T[] = [];
  for (let index = 0; index < count; index++) found.push(read());
  return found;
}

function readEntries(body: Reader, most: number, what: string, skip: (body: Reader, index: number) => void): Entries {
  const count = body.count(most, what);
  const from = body.at;
  for (let index = 0; index < count; index++) skip(body, index);
  return { count, bytes: body.since(from) };
}

/** i32, i64, f32 or f64. */
export function valueType(type: number): number {
  if (type >= 0x7c && type <= 0x7f) return type;
  if (type === 0x7b) throw new ModuleRefused("SIMD is not supported");
  throw new ModuleRefused("reference types are not supported");
}

function readTypes(body: Reader): FunctionType[] {
  return times(body.count(MODULE_LIMITS.types, "types"), () => {
    if (body.byte() !== 0x60) throw new ModuleRefused("garbage collection is not supported");
    const list = (): Uint8Array =>
      Uint8Array.from(times(body.count(MODULE_LIMITS.values, "parameters or results"), () => valueType(body.byte())));
    return { params: list(), results: list() };
  });
}

function readImports(body: Reader): { imports: Import[]; functions: number[]; entries: Entries } {
  const functions: number[] = [];
  const count = body.count(MODULE_LIMITS.imports, "imports");
  const from = body.at;
  const imports = times(count, () => {
    const module = body.name();
    const name = body.name();
    if (body.byte() !== KIND.function) throw new ModuleRefused(`${module}.${name} is imported and is not a function`);
    functions.push(body.u32());
    return { module, name };
  });
  return { imports, functions, entries: { count, bytes: body.since(from) } };
}

function readLimits(body: Reader, what: string): { min: number; max: number | undefined } {
  const flags = body.byte();
  if (flags === 2 || flags === 3) throw new ModuleRefused("shared memory (threads) is not supported");
  if (flags > 1) throw new ModuleRefused(`64-bit ${what} is not supported`);
  return { min: body.u32(), max: flags === 1 ? body.u32() : undefined };
}

function readTable(body: Reader): { min: number } | undefined {
  if (body.count(1, "tables") === 0) return undefined;
  if (body.byte() !== 0x70) throw new ModuleRefused("reference types are not supported");
  const { min } = readLimits(body, "table");
  if (min > MODULE_LIMITS.tableElements)
    throw new ModuleRefused(`the table has ${min} elements; at most ${MODULE_LIMITS.tableElements} are allowed`);
  return { min };
}

function readMemory(body: Reader): ParsedModule["memory"] {
  if (body.count(1, "memories") === 0) return undefined;
  const { min, max } = readLimits(body, "memory");
  return { minPages: min, maxPages: max };
}

/** A constant expression of one instruction, and its end. @returns the instruction */
function skipConstant(body: Reader): Uint8Array {
  const from = body.at;
  const opcode = body.byte();
  if (opcode === 0x41) body.skipSigned(32);
  else if (opcode === 0x42) body.skipSigned(64);
  else if (opcode === 0x43) body.skip(4);
  else if (opcode === 0x44) body.skip(8);
  else throw new ModuleRefused("a constant may be one number; extended constant expressions are not supported");
  const instruction = body.since(from);
  if (body.byte() !== 0x0b) throw new ModuleRefused("extended constant expressions are not supported");
  return instruction;
}

/** @returns the instruction that gives its first value, when it may be set */
function readGlobal(body: Reader): Uint8Array | undefined {
  valueType(body.byte());
  const mutability = body.byte();
  if (mutability > 1) throw new ModuleRefused("shared globals (threads) are not supported");
  const value = skipConstant(body);
  return mutability === 1 ? value : undefined;
}

function readExports(body: Reader): Export[] {
  return times(body.count(MODULE_LIMITS.exports, "exports"), () => {
    const name = body.name();
    const kind = body.byte();
    if (kind > KIND.global) throw new ModuleRefused("exception handling is not supported");
    return { name, kind, index: body.u32() };
  });
}

function readElements(body: Reader): void {
  if (body.u32() !== 0) throw new ModuleRefused("an element segment may only fill table 0 with functions at the start");
  skipConstant(body);
  const count = body.count(MODULE_LIMITS.tableElements, "elements of a segment");
  for (let index = 0; index < count; index++) body.u32();
}

function readData(body: Reader): void {
  const flags = body.u32();
  if (flags > 1) throw new ModuleRefused("a data segment names a memory; several memories are not supported");
  if (flags === 0) skipConstant(body);
  body.skip(body.u32());
}
