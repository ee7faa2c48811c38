import { HsmError } from "@keystead/contract/errors";

/**
 * A number of events, or of one, as a request gives it.
 *
 * @throws {HsmError} INVALID_REQUEST below `least`, or more than a log can have
 */
export function audited(value: bigint, field: string, least: 0 | 1): number {
  if (value < BigInt(least)) throw new HsmError("INVALID_REQUEST", `${field}: must be at least ${least}`);
  if (value > BigInt(Number.MAX_SAFE_INTEGER)) throw new HsmError("INVALID_REQUEST", `${field}: must be less than 2^53`);
  return Number(value);
}
