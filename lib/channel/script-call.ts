/**
 * What the vault asks the process that runs policy scripts, and what it answers.
 *
 *      prepare   u16 n | script (n bytes) | engine 0-15 as a name's index, u8 | limits likewise, u8 | source (the rest)
 *      decide    u16 n | script (n bytes) | context (JSON, the rest)
 *
 *      ready     (nothing): answered as soon as the process is at work
 *
 * `script` names what was prepared: the vault makes the name from what the script is. Answers are JSON.
 */
import { SCRIPT_DECISIONS, SCRIPT_ENGINES, SCRIPT_LIMITS, type ScriptDecision } from "@keystead/contract/scripts";
import type { ScriptEngine, ScriptLimitsName } from "@keystead/contract/scripts";
import { MalformedFrame } from "./frame.ts";

/** Operation numbers in frames between vault and scripts. */
export const SCRIPT_CALL = Object.freeze({ prepare: 1, decide: 2, ready: 3 });

export interface PrepareCall {
  readonly script: string;
  readonly engine: ScriptEngine;
  readonly limits: ScriptLimitsName;
  readonly source: Uint8Array;
}

export interface DecideCall {
  readonly script: string;
  readonly context: Uint8Array;
}

export type PrepareAnswer = { readonly ready: true } | { readonly refused: string };

/** `unknown`: prepare it first; the process was started again, or has forgotten it for others. */
export type DecideAnswer =
  | { readonly decision: ScriptDecision; readonly fuel: number }
  | { readonly failed: string; readonly reason: string; readonly fuel: number }
  | { readonly unknown: true };

const LIMITS = Object.keys(SCRIPT_LIMITS) as ScriptLimitsName[];

export function encodePrepare({ script, engine, limits, source }: PrepareCall): Buffer {
  const name = Buffer.from(script, "utf8");
  const bytes = Buffer.alloc(2 + name.length + 2 + source.length);
  bytes.writeUInt16LE(name.length, 0);
  bytes.set(name, 2);
  bytes[2 + name.length] = SCRIPT_ENGINES.indexOf(engine);
  bytes[3 + name.length] = LIMITS.indexOf(limits);
  bytes.set(source, 4 + name.length);
  return bytes;
}

/** @throws {MalformedFrame} */
export function decodePrepare(bytes: Buffer): PrepareCall {
  const { script, rest } = named(bytes);
  const engine = SCRIPT_ENGINES[rest[0] ?? -1];
  const limits = LIMITS[rest[1] ?? -1];
  if (engine === undefined || limits === undefined) throw new MalformedFrame("a script of an unknown kind");
  return { script, engine, limits, source: rest.subarray(2) };
}

export function encodeDecide({ script, context }: DecideCall): Buffer {
  const name = Buffer.from(script, "utf8");
  const bytes = Buffer.alloc(2 + name.length + context.length);
  bytes.writeUInt16LE(name.length, 0);
  bytes.set(name, 2);
  bytes.set(context, 2 + name.length);
  return bytes;
}

/** @throws {MalformedFrame} */
export function decodeDecide(bytes: Buffer): DecideCall {
  const { script, rest } = named(bytes);
  return { script, context: rest };
}

export const encodeAnswer = (answer: PrepareAnswer | DecideAnswer): Buffer => {
  const text = JSON.stringify(answer);
  const bytes = Buffer.alloc(Buffer.byteLength(text));
  bytes.write(text);
  return bytes;
};

/** The process that runs scripts is believed nothing but a decision: whatever is not one of these is a fault. */
export function decodeDecideAnswer(bytes: Buffer): DecideAnswer {
  const answer = object(bytes);
  if (answer["unknown"] === true) return { unknown: true };
  const fuel = answer["fuel"];
  if (!Number.isSafeInteger(fuel) || (fuel as number) < 0) throw new MalformedFrame("an answer without its fuel");
  const decision = SCRIPT_DECISIONS.find((one) => one === answer["decision"]);
  if (decision !== undefined) return { decision, fuel: fuel as number };
  if (typeof answer["failed"] === "string" && typeof answer["reason"] === "string")
    return { failed: answer["failed"].slice(0, 1000), reason: answer["reason"].slice(0, 20), fuel: fuel as number };
  throw new MalformedFrame("an answer that is none");
}

/** @throws {MalformedFrame} */
export function decodePrepareAnswer(bytes: Buffer): PrepareAnswer {
  const answer = object(bytes);
  if (answer["ready"] === true) return { ready: true };
  if (typeof answer["refused"] === "string") return { refused: answer["refused"].slice(0, 1000) };
  throw new MalformedFrame("an answer that is none");
}

function named(bytes: Buffer): { script: string; rest: Buffer } {
  if (bytes.length < 2) throw new MalformedFrame("a call without its script");
  const length = bytes.readUInt16LE(0);
  if (bytes.length < 2 + length) throw new MalformedFrame("a call without its script");
  return { script: bytes.toString("utf8", 2, 2 + length), rest: bytes.subarray(2 + length) };
}

function object(bytes: Buffer): Readonly<Record<string, unknown>> {
  let value: unknown;
  try {
    value = JSON.parse(bytes.toString("utf8"));
  } catch {
    throw new MalformedFrame("an answer that is not JSON");
  }
  if (value === null || typeof value !== "object") throw new MalformedFrame("an answer that is not an object");
  return value as Readonly<Record<string, unknown>>;
}
