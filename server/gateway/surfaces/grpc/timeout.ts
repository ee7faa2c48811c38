/**
 * Deadlines as callers write them: `grpc-timeout` and `connect-timeout-ms`.
 */
import { HsmError } from "@keystead/contract/errors";

const UNIT_MS: Readonly<Record<string, number>> = Object.freeze({ H: 3_600_000, M: 60_000, S: 1_000, m: 1, u: 1e-3, n: 1e-6 });

/** Milliseconds of `grpc-timeout`, undefined when there is none. @throws {HsmError} INVALID_REQUEST, DEADLINE_EXCEEDED */
export function grpcTimeoutMs(header: string | undefined): number | undefined {
  if (header === undefined) return undefined;
  const [, digits, unit] = /^(\d{1,8})([HMSmun])$/.exec(header) ?? [];
  if (digits === undefined) throw new HsmError("INVALID_REQUEST", "grpc-timeout is not well-formed");
  return left(Number(digits) * (UNIT_MS[unit as string] as number));
}

/** Milliseconds of `connect-timeout-ms`, undefined when there is none. @throws {HsmError} INVALID_REQUEST, DEADLINE_EXCEEDED */
export function connectTimeoutMs(header: string | undefined): number | undefined {
  if (header === undefined) return undefined;
  if (!/^\d{1,10}$/.test(header)) throw new HsmError("INVALID_REQUEST", "connect-timeout-ms is not well-formed");
  return left(Number(header));
}

function left(milliseconds: number): number {
  if (milliseconds <= 0)
    throw new HsmError("DEADLINE_EXCEEDED", "the deadline had passed on arrival; nothing was done", { nothingDone: true });
  return Math.ceil(milliseconds);
}
