/**
 * Puts fuel and stack accounting into the body of one function.
 *
 *      body    →    charge, take stack    block (result)    body, charged    end    give stack back    end
 *
 * Every straight run of instructions is charged when it is entered, at once, so the figure does not depend on how the
 * engine compiles it. Running out is checked where a run can repeat: at the entry of functions, at the head of loops,
 * and where an instruction's work depends on its operand. `return` becomes a branch to the block around the body, so
 * that the stack is given back on every way out. NaNs are made canonical where the specification leaves bits open.
 *
 * It expects a body that the engine has validated. One that was not is refused or gives one that does not validate.
 */
import { ModuleRefused, Reader, Writer } from "./bytes.ts";
import {
  BULK_FUEL,
  BYTES_PER_FUEL_SHIFT,
  CALL_FUEL,
  FREE_VALUES,
  GROW_FUEL,
  INIT_FUEL,
  INSTRUCTIONS,
  INSTRUCTION_FUEL,
  PAGE_FUEL,
  PREFIXED,
  proposalOf,
  type Instruction,
} from "./instructions.ts";
import { MODULE_LIMITS, valueType, type FunctionType } from "./module.ts";

/** What a body is judged against. */
export interface Surroundings {
  readonly types: readonly FunctionType[];
  readonly functionTypes: readonly number[];
  /** Globals of the module itself: an index beyond them would be one of ours. */
  readonly globals: number;
  /** Index of the global (i64) that holds the fuel left. */
  readonly fuel: number;
  /** Index of the global (i32) that holds the bytes of stack left. */
  readonly stack: number;
  /** Index of a type with no parameters and these results; makes one when there is none. */
  blockType(results: Uint8Array): number;
}

const OP = {
  unreachable: 0x00,
  block: 0x02,
  loop: 0x03,
  if: 0x04,
  else: 0x05,
  end: 0x0b,
  br: 0x0c,
  brIf: 0x0d,
  brTable: 0x0e,
  return: 0x0f,
  call: 0x10,
  callIndirect: 0x11,
  memoryGrow: 0x40,
  prefix: 0xfc,
} as const;

/** What only says where a branch may lead, and is nothing to a processor. */
const FREE: ReadonlySet<number> = new Set([0x01, OP.block, OP.loop, OP.end]);
/** Bytes of stack a call costs besides its locals and operands. */
const FRAME_BYTES = 96;
const SLOT_BYTES = 8;

/** Canonical NaNs, least significant byte first. */
const NAN = { f32: [0x43, 0x00, 0x00, 0xc0, 0x7f], f64: [0x44, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0xf8, 0x7f] } as const;

interface Frame {
  readonly opcode: number;
  /** Operands below the block. */
  readonly base: number;
  readonly params: number;
  readonly results: number;
  /** After a branch nothing is executed until the block ends. */
  dead: boolean;
}

/** @throws {ModuleRefused} naming an instruction that is not supported, or a bound that is passed */
export function meterBody(body: Reader, type: FunctionType, about: Surroundings): Uint8Array {
  const { locals, declared } = readLocals(body);
  const first = type.params.length + locals;
  // Locals of ours, after the function's own.
  const temporary = { i32: first, i64: first + 1, f32: first + 2, f64: first + 3 };
  const out = new Writer(body.end - body.at + 256);
  const run = new Writer();
  let cost = CALL_FUEL + locals;
  let checked = true;
  let height = 0;
  let highest = 0;
  const frames: Frame[] = [{ opcode: OP.block, base: 0, params: 0, results: type.results.length, dead: false }];
  const top = (): Frame => frames.at(-1) as Frame;

  /** Ends a straight run: its charge goes before it. */
  const flush = (checkNext = false): void => {
    let nextChecked = checkNext;
    if (cost > 0) charge(out, about.fuel, temporary.i64, checked, (to) => to.byte(0x42).signed(cost));
    // A run that costs nothing has no branch: what follows it is reached from it, and takes over its check.
    else nextChecked ||= checked;
    out.raw(run.view());
    run.clear();
    cost = 0;
    checked = nextChecked;
  };
  const take = (count: number): void => {
    const frame = top();
    if (height - count >= frame.base) height -= count;
    else if (frame.dead) height = frame.base;
    else throw new ModuleRefused("an instruction takes more than there is");
  };
  const give = (count: number): void => {
    height += count;
    if (height > highest) highest = height;
  };
  const die = (): void => {
    top().dead = true;
    height = top().base;
  };
  const carry = (values: number): void => {
    cost += Math.max(0, values - FREE_VALUES);
  };
  /** Reads where a branch leads. @returns how many values it carries there */
  const label = (): number => {
    const target = frames.at(-1 - body.u32());
    if (target === undefined) throw new ModuleRefused("a branch leads nowhere");
    return target.opcode === OP.loop ? target.params : target.results;
  };
  const enter = (opcode: number): void => {
    const { params, results } = readBlockType(body, about.types);
    take(params);
    carry(params + results);
    if (frames.length >= MODULE_LIMITS.nesting) throw new ModuleRefused(`blocks lie more than ${MODULE_LIMITS.nesting} deep`);
    frames.push({ opcode, base: height, params, results, dead: false });
    give(params);
  };

  while (frames.length > 0) {
    const from = body.at;
    const opcode = body.byte();
    const row = opcode === OP.prefix ? PREFIXED[body.u32()] : INSTRUCTIONS[opcode];
    if (row === undefined) throw new ModuleRefused(`instruction 0x${opcode.toString(16)} (${proposalOf(opcode)}) is not supported`);
    if (!FREE.has(opcode)) cost += INSTRUCTION_FUEL;
    switch (opcode) {
      case OP.block:
        enter(opcode);
        run.raw(body.since(from));
        break;
      case OP.loop:
        enter(opcode);
        run.raw(body.since(from));
        flush(true);
        break;
      case OP.if:
        take(1);
        enter(opcode);
        run.raw(body.since(from));
        flush();
        break;
      case OP.else: {
        const frame = top();
        if (frame.opcode !== OP.if) throw new ModuleRefused("an else belongs to no if");
        run.byte(opcode);
        flush();
        frames[frames.length - 1] = { ...frame, opcode: OP.else, dead: false };
        height = frame.base;
        give(frame.params);
        break;
      }
      case OP.end: {
        const frame = frames.pop() as Frame;
        run.byte(opcode);
        flush();
        height = frame.base;
        give(frame.results);
        break;
      }
      case OP.br:
      case OP.brIf:
        carry(label());
        if (opcode === OP.brIf) take(1);
        run.raw(body.since(from));
        flush();
        if (opcode === OP.br) die();
        break;
      case OP.brTable: {
        take(1);
        const count = body.count(MODULE_LIMITS.tableElements, "targets of a br_table");
        let values = 0;
        for (let index = 0; index <= count; index++) values = label();
        carry(values);
        run.raw(body.since(from));
        flush();
        die();
        break;
      }
      case OP.return:
        carry(type.results.length);
        run.byte(OP.br).u32(frames.length - 1);
        flush();
        die();
        break;
      case OP.unreachable:
        run.byte(opcode);
        flush();
        die();
        break;
      case OP.call:
      case OP.callIndirect: {
        const called = opcode === OP.call ? about.functionTypes[body.u32()] : body.u32();
        if (opcode === OP.callIndirect) {
          if (body.u32() !== 0) throw new ModuleRefused("several tables are not supported");
          take(1);
        }
        const callee = about.types[called ?? -1];
        if (callee === undefined) throw new ModuleRefused("a call names a function or type that does not exist");
        carry(callee.params.length + callee.results.length);
        take(callee.params.length);
        give(callee.results.length);
        run.raw(body.since(from));
        break;
      }
      default:
        readImmediates(body, row, about.globals);
        if (opcode === OP.memoryGrow) {
          cost += GROW_FUEL;
          chargePages(run, about.fuel, temporary);
        } else if (opcode === OP.prefix && row.takes === 3) {
          cost += row.immediates === "data-zero" ? INIT_FUEL : BULK_FUEL;
          chargeBytes(run, about.fuel, temporary);
        }
        take(row.takes);
        give(row.gives);
        run.raw(body.since(from));
        if (row.nan !== undefined) canonical(run, row.nan, temporary[row.nan]);
    }
  }
  if (!body.done) throw new ModuleRefused("a function goes on after its end");

  const frameBytes = FRAME_BYTES + SLOT_BYTES * (first + highest);
  const whole = new Writer(out.length + 128);
  whole.u32(declared.length + 4);
  for (const { count, type: local } of declared) whole.u32(count).byte(local);
  for (const local of [0x7f, 0x7e, 0x7d, 0x7c]) whole.u32(1).byte(local);
  takeStack(whole, about.stack, temporary.i32, frameBytes);
  whole.byte(OP.block);
  const [result] = type.results;
  if (type.results.length === 0) whole.byte(0x40);
  else if (type.results.length === 1) whole.byte(result as number);
  else whole.signed(about.blockType(type.results));
  // The end of the body ends the block.
  whole.raw(out.view());
  giveStack(whole, about.stack, frameBytes);
  whole.byte(OP.end);
  return whole.view();
}

interface Temporaries {
  readonly i32: number;
  readonly i64: number;
}

function readLocals(body: Reader): { locals: number; declared: { count: number; type: number }[] } {
  const declared: { count: number; type: number }[] = [];
  let locals = 0;
  for (let left = body.count(MODULE_LIMITS.functionLocals, "groups of locals"); left > 0; left--) {
    const count = body.u32();
    const type = valueType(body.byte());
    locals += count;
    if (locals > MODULE_LIMITS.functionLocals) throw new ModuleRefused(`a function has more than ${MODULE_LIMITS.functionLocals} locals`);
    declared.push({ count, type });
  }
  return { locals, declared };
}

function readBlockType(body: Reader, types: readonly FunctionType[]): { params: number; results: number } {
  const from = body.at;
  const first = body.byte();
  if (first === 0x40) return { params: 0, results: 0 };
  if (first < 0x80 && (first & 0x40) !== 0) {
    valueType(first);
    return { params: 0, results: 1 };
  }
  body.at = from;
  const type = types[body.u32()];
  if (type === undefined) throw new ModuleRefused("a block names a type that does not exist");
  return { params: type.params.length, results: type.results.length };
}

function readImmediates(body: Reader, row: Instruction, globals: number): void {
  const zero = (): void => {
    if (body.byte() !== 0) throw new ModuleRefused("several memories are not supported");
  };
  switch (row.immediates) {
    case "none":
      return;
    case "local":
    case "data":
      return void body.u32();
    case "global":
      if (body.u32() >= globals) throw new ModuleRefused("a global does not exist");
      return;
    case "memory":
      if (body.u32() > 31) throw new ModuleRefused("several memories are not supported");
      return void body.u32();
    case "zero":
      return zero();
    case "zero-zero":
      zero();
      return zero();
    case "data-zero":
      body.u32();
      return zero();
    case "i32":
      return body.skipSigned(32);
    case "i64":
      return body.skipSigned(64);
    case "f32":
      return body.skip(4);
    case "f64":
      return body.skip(8);
    case "types":
      if (body.u32() !== 1) throw new ModuleRefused("a select names several types");
      return void valueType(body.byte());
    default:
      throw new ModuleRefused("an instruction is not understood");
  }
}

/** fuel -= amount; with a check, trap when that is below zero. */
function charge(to: Writer, fuel: number, temporary: number, checked: boolean, amount: (to: Writer) => void): void {
  to.byte(0x23).u32(fuel); // global.get
  amount(to);
  to.byte(0x7d); // i64.sub
  if (!checked) {
    to.byte(0x24).u32(fuel);
    return;
  }
  to.byte(0x22).u32(temporary).byte(0x24).u32(fuel).byte(0x20).u32(temporary);
  to.byte(0x42, 0x00, 0x53); // i64.const 0, i64.lt_s
  to.byte(OP.if, 0x40, OP.unreachable, OP.end);
}

/** Before memory.copy, memory.fill and memory.init: the length on top is charged, and stays. */
function chargeBytes(to: Writer, fuel: number, temporary: Temporaries): void {
  to.byte(0x22).u32(temporary.i32);
  charge(to, fuel, temporary.i64, true, () => {
    to.byte(0x20).u32(temporary.i32).byte(0xad); // i64.extend_i32_u
    to.byte(0x42).signed(BYTES_PER_FUEL_SHIFT).byte(0x88); // i64.shr_u
  });
}

/** Before memory.grow: the pages on top are charged, and stay. */
function chargePages(to: Writer, fuel: number, temporary: Temporaries): void {
  to.byte(0x22).u32(temporary.i32);
  charge(to, fuel, temporary.i64, true, () => {
    to.byte(0x20).u32(temporary.i32).byte(0xad);
    to.byte(0x42).signed(PAGE_FUEL).byte(0x7e); // i64.mul
  });
}

function takeStack(to: Writer, stack: number, temporary: number, bytes: number): void {
  to.byte(0x23).u32(stack).byte(0x41).signed(bytes).byte(0x6b); // i32.sub
  to.byte(0x22).u32(temporary).byte(0x24).u32(stack).byte(0x20).u32(temporary);
  to.byte(0x41, 0x00, 0x48); // i32.const 0, i32.lt_s
  to.byte(OP.if, 0x40, OP.unreachable, OP.end);
}

function giveStack(to: Writer, stack: number, bytes: number): void {
  to.byte(0x23).u32(stack).byte(0x41).signed(bytes).byte(0x6a).byte(0x24).u32(stack); // i32.add
}

/** The number on top, or the canonical NaN when it is one: x == x is false for a NaN alone. */
function canonical(to: Writer, type: "f32" | "f64", temporary: number): void {
  to.byte(0x22).u32(temporary);
  to.byte(...NAN[type]);
  to.byte(0x20).u32(temporary).byte(0x20).u32(temporary);
  to.byte(type === "f32" ? 0x5b : 0x61); // f32.eq, f64.eq
  to.byte(0x1b); // select
}
