/**
 * What each instruction of WebAssembly takes, gives and costs: one row per instruction that a policy may hold.
 *
 * It is the numeric, memory and control part of WebAssembly 1.0 with what compilers emit today: sign extension,
 * saturating conversions, bulk memory. An instruction without a row is refused, by the name of its proposal where it
 * is known.
 *
 * @see WebAssembly Core Specification 2.0, 5.4 (binary format of instructions)
 */

/** What follows an opcode. */
export type Immediates =
  | "none"
  | "block"
  | "label"
  | "labels"
  | "function"
  | "indirect"
  | "types"
  | "local"
  | "global"
  | "memory"
  | "zero"
  | "i32"
  | "i64"
  | "f32"
  | "f64"
  | "data"
  | "data-zero"
  | "zero-zero";

export interface Instruction {
  readonly immediates: Immediates;
  /** Operands taken and given; calls and control instructions say theirs elsewhere. */
  readonly takes: number;
  readonly gives: number;
  /** Set where the result is a float that may be a NaN whose bits the specification leaves open. */
  readonly nan?: "f32" | "f64";
}

/** Fuel of one instruction; of what costs more, see {@link CALL_FUEL} and its neighbours. */
export const INSTRUCTION_FUEL = 1;
/** A call, entering a function included. */
export const CALL_FUEL = 10;
/** Values that a call, a block or a branch carries before each one more costs a unit: they may all have to be moved. */
export const FREE_VALUES = 8;
/** memory.copy and memory.fill, whatever their length: the engine calls a function of its own. */
export const BULK_FUEL = 10;
/** memory.init likewise; that function is slow. */
export const INIT_FUEL = 50;
/** memory.grow, whatever it asks for: what it does to nothing takes as long as many instructions. */
export const GROW_FUEL = 100;
/** memory.copy, memory.fill and memory.init take this many bytes for one unit, besides their own. */
export const BYTES_PER_FUEL_SHIFT = 3;
/** Each page (64 KiB) that memory.grow asks for. */
export const PAGE_FUEL = 1024;

const rows: (Instruction | undefined)[] = [];
const add = (from: number, to: number, takes: number, gives: number, immediates: Immediates = "none"): void => {
  for (let code = from; code <= to; code++) rows[code] = { immediates, takes, gives };
};

add(0x00, 0x01, 0, 0); // unreachable, nop
add(0x02, 0x04, 0, 0, "block"); // block, loop, if
add(0x05, 0x05, 0, 0); // else
add(0x0b, 0x0b, 0, 0); // end
add(0x0c, 0x0d, 0, 0, "label"); // br, br_if
add(0x0e, 0x0e, 0, 0, "labels"); // br_table
add(0x0f, 0x0f, 0, 0); // return
add(0x10, 0x10, 0, 0, "function"); // call
add(0x11, 0x11, 0, 0, "indirect"); // call_indirect
add(0x1a, 0x1a, 1, 0); // drop
add(0x1b, 0x1b, 3, 1); // select
add(0x1c, 0x1c, 3, 1, "types"); // select t
add(0x20, 0x20, 0, 1, "local");
add(0x21, 0x21, 1, 0, "local");
add(0x22, 0x22, 1, 1, "local");
add(0x23, 0x23, 0, 1, "global");
add(0x24, 0x24, 1, 0, "global");
add(0x28, 0x35, 1, 1, "memory"); // loads
add(0x36, 0x3e, 2, 0, "memory"); // stores
add(0x3f, 0x3f, 0, 1, "zero"); // memory.size
add(0x40, 0x40, 1, 1, "zero"); // memory.grow
add(0x41, 0x41, 0, 1, "i32");
add(0x42, 0x42, 0, 1, "i64");
add(0x43, 0x43, 0, 1, "f32");
add(0x44, 0x44, 0, 1, "f64");
add(0x45, 0x45, 1, 1); // i32.eqz
add(0x46, 0x4f, 2, 1); // i32 comparisons
add(0x50, 0x50, 1, 1); // i64.eqz
add(0x51, 0x66, 2, 1); // the other comparisons
add(0x67, 0x69, 1, 1); // i32.clz, ctz, popcnt
add(0x6a, 0x78, 2, 1); // i32 arithmetic
add(0x79, 0x7b, 1, 1); // i64.clz, ctz, popcnt
add(0x7c, 0x8a, 2, 1); // i64 arithmetic
add(0x8b, 0x91, 1, 1); // f32.abs to sqrt
add(0x92, 0x98, 2, 1); // f32.add to copysign
add(0x99, 0x9f, 1, 1); // f64.abs to sqrt
add(0xa0, 0xa6, 2, 1); // f64.add to copysign
add(0xa7, 0xbf, 1, 1); // conversions
add(0xc0, 0xc4, 1, 1); // sign extension

const nan = (from: number, to: number, type: "f32" | "f64"): void => {
  for (let code = from; code <= to; code++) rows[code] = { ...(rows[code] as Instruction), nan: type };
};
nan(0x8d, 0x97, "f32"); // ceil to max; abs, neg and copysign only move the sign
nan(0x9b, 0xa5, "f64");
nan(0xb6, 0xb6, "f32"); // demote
nan(0xbb, 0xbb, "f64"); // promote

/** Instructions of one byte, by it. */
export const INSTRUCTIONS: readonly (Instruction | undefined)[] = Object.freeze(rows);

const prefixed: Instruction[] = [];
for (let code = 0; code <= 7; code++) prefixed[code] = { immediates: "none", takes: 1, gives: 1 }; // saturating conversions
prefixed[8] = { immediates: "data-zero", takes: 3, gives: 0 }; // memory.init
prefixed[9] = { immediates: "data", takes: 0, gives: 0 }; // data.drop
prefixed[10] = { immediates: "zero-zero", takes: 3, gives: 0 }; // memory.copy
prefixed[11] = { immediates: "zero", takes: 3, gives: 0 }; // memory.fill

/** Instructions behind the prefix 0xFC, by the number after it. */
export const PREFIXED: readonly Instruction[] = Object.freeze(prefixed);

/** The proposal that an opcode without a row belongs to. */
export function proposalOf(opcode: number): string {
  if (opcode >= 0x06 && opcode <= 0x0a) return "exception handling";
  if (opcode === 0x18 || opcode === 0x19 || opcode === 0x1f) return "exception handling";
  if (opcode === 0x12 || opcode === 0x13) return "tail calls";
  if (opcode === 0x14 || opcode === 0x15) return "typed function references";
  if (opcode === 0x25 || opcode === 0x26 || (opcode >= 0xd0 && opcode <= 0xd6)) return "reference types";
  if (opcode === 0xfb) return "garbage collection";
  if (opcode === 0xfc) return "table instructions";
  if (opcode === 0xfd) return "SIMD";
  if (opcode === 0xfe) return "threads";
  return "no known proposal";
}
