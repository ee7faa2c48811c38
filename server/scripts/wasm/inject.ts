/**
 * Makes a WebAssembly module measured and bounded: fuel, stack, memory. The result is what is run; the original never.
 *
 * What the result exports besides: `keystead.fuel` (i64, fuel left), `keystead.stack` (i32, bytes left), the function
 * `keystead.begin` (i64 fuel, i32 stack), which sets both and gives every global its first value, and, when the
 * module had a start function, `keystead.start`, which is then called with fuel like everything else.
 *
 * The same bytes give the same result, and the result uses the same fuel on the same input on every run and machine.
 */
import { ModuleRefused, Writer } from "./bytes.ts";
import { meterBody, type Surroundings } from "./meter.ts";
import { KIND, parseModule, type Entries, type Export, type FunctionType, type ParsedModule } from "./module.ts";

export const FUEL = "keystead.fuel";
export const STACK = "keystead.stack";
export const START = "keystead.start";
export const BEGIN = "keystead.begin";

export const PAGE_BYTES = 65_536;

export interface InjectOptions {
  /** Most pages of 64 KiB that the memory may ever have. */
  readonly maxPages: number;
  /** Pages that the memory begins with, when that is not what the module says. */
  readonly minPages?: number;
  /** Functions that may be imported, as `module.name`. */
  readonly imports: ReadonlySet<string>;
  /** Exports that stay. */
  readonly exports: "all" | ReadonlySet<string>;
}

/** @throws {ModuleRefused} saying what is not valid, not supported or not allowed */
export function inject(bytes: Uint8Array<ArrayBuffer>, options: InjectOptions): Uint8Array<ArrayBuffer> {
  const parsed = parseModule(bytes);
  for (const { module, name } of parsed.imports)
    if (!options.imports.has(`${module}.${name}`))
      throw new ModuleRefused(`the module imports ${module}.${name}; a policy is given no functions`);
  if (parsed.exports.some(({ name }) => name.startsWith("keystead.")))
    throw new ModuleRefused("exports that begin with keystead. are not the module's");
  // First: what the module says of globals and locals must be true of the module as it is, before ours are added.
  if (!WebAssembly.validate(bytes)) throw new ModuleRefused("the module is not valid");

  const types: FunctionType[] = [...parsed.types];
  const about: Surroundings = {
    types: parsed.types,
    functionTypes: parsed.functionTypes,
    globals: parsed.globals.count,
    fuel: parsed.globals.count,
    stack: parsed.globals.count + 1,
    blockType(results) {
      const same = types.findIndex((type) => type.params.length === 0 && Buffer.compare(type.results, results) === 0);
      return same === -1 ? types.push({ params: new Uint8Array(0), results }) - 1 : same;
    },
  };
  const bodies = parsed.bodies.map((body, index) =>
    meterBody(body, parsed.types[parsed.functionTypes[parsed.importedFunctions + index] as number] as FunctionType, about),
  );
  const injected = write(parsed, types, bodies, options);
  if (!WebAssembly.validate(injected)) throw new ModuleRefused("the module cannot be given fuel");
  return injected;
}

function write(
  parsed: ParsedModule,
  types: FunctionType[],
  bodies: readonly Uint8Array[],
  options: InjectOptions,
): Uint8Array<ArrayBuffer> {
  const begin = beginning(parsed);
  const beginType = types.push({ params: Uint8Array.of(0x7e, 0x7f), results: new Uint8Array(0) }) - 1;
  const out = new Writer(65_536).byte(0x00, 0x61, 0x73, 0x6d, 0x01, 0x00, 0x00, 0x00);
  const section = (id: number, fill: (to: Writer) => void): void => {
    const body = new Writer();
    fill(body);
    out.byte(id).u32(body.length).raw(body.view());
  };
  const entries = (id: number, { count, bytes }: Entries): void => {
    if (count > 0) section(id, (to) => to.u32(count).raw(bytes));
  };
  section(1, (to) => {
    to.u32(types.length);
    for (const { params, results } of types) to.byte(0x60).u32(params.length).raw(params).u32(results.length).raw(results);
  });
  entries(2, parsed.importEntries);
  const own = parsed.functionTypes.slice(parsed.importedFunctions);
  section(3, (to) => {
    to.u32(own.length + 1);
    for (const type of [...own, beginType]) to.u32(type);
  });
  const { table, memory } = parsed;
  if (table !== undefined) section(4, (to) => to.byte(0x01, 0x70, 0x01).u32(table.min).u32(table.min));
  if (memory !== undefined) {
    const minPages = options.minPages ?? memory.minPages;
    if (minPages > options.maxPages)
      throw new ModuleRefused(`the module begins with ${minPages} pages of memory; its limit is ${options.maxPages}`);
    section(5, (to) =>
      to
        .byte(0x01, 0x01)
        .u32(minPages)
        .u32(Math.min(memory.maxPages ?? options.maxPages, options.maxPages)),
    );
  }
  section(6, (to) => {
    to.u32(parsed.globals.count + 2).raw(parsed.globals.bytes);
    to.byte(0x7e, 0x01, 0x42, 0x00, 0x0b); // mutable i64, 0
    to.byte(0x7f, 0x01, 0x41, 0x00, 0x0b); // mutable i32, 0
  });
  const kept = options.exports === "all" ? parsed.exports : parsed.exports.filter(({ name }) => (options.exports as Set<string>).has(name));
  const ours: Export[] = [
    { name: FUEL, kind: KIND.global, index: parsed.globals.count },
    { name: STACK, kind: KIND.global, index: parsed.globals.count + 1 },
    { name: BEGIN, kind: KIND.function, index: parsed.functionTypes.length },
    ...(parsed.start === undefined ? [] : [{ name: START, kind: KIND.function, index: parsed.start }]),
  ];
  section(7, (to) => {
    to.u32(kept.length + ours.length);
    for (const { name, kind, index } of [...kept, ...ours]) to.name(name).byte(kind).u32(index);
  });
  entries(9, parsed.elements);
  const { dataCount } = parsed;
  if (dataCount !== undefined) section(12, (to) => to.u32(dataCount));
  section(10, (to) => {
    to.u32(bodies.length + 1);
    for (const body of [...bodies, begin]) to.u32(body.length).raw(body);
  });
  entries(11, parsed.data);
  return Uint8Array.from(out.view());
}

/** The body of `keystead.begin`. It is the last function, which nothing in the module can name. */
function beginning({ globals, mutableGlobals }: ParsedModule): Uint8Array {
  const to = new Writer().byte(0x00); // no locals
  for (const { index, value } of mutableGlobals) to.raw(value).byte(0x24).u32(index); // global.set
  to.byte(0x20, 0x00, 0x24).u32(globals.count);
  to.byte(0x20, 0x01, 0x24).u32(globals.count + 1);
  return to.byte(0x0b).view();
}
