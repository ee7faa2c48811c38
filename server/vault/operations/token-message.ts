/**
 * Tokens as the public messages, and what handlers share about them: never a PIN, nor what is kept of one.
 */
import { type MessageInitShape } from "@bufbuild/protobuf";
import { timestampFromMs } from "@bufbuild/protobuf/wkt";
import { findAlgorithm } from "@keystead/contract/algorithms";
import { HsmError } from "@keystead/contract/errors";
import { TokenPin, type TokenPinStateSchema, type TokenSchema } from "@keystead/contract/generated/hsm/tokens_pb";
import type { Identity } from "../authenticate/identity.ts";
import type { PinFacts, TokenRecord } from "../authenticate/tokens.ts";
import type { PinRole } from "../authenticate/subjects.ts";

/** @param pins what is known of them, where that is not what is so now */
export function tokenMessage(
  name: string,
  record: TokenRecord,
  { tokens }: Identity,
  pins: Partial<Record<PinRole, PinFacts>> = {},
): MessageInitShape<typeof TokenSchema> {
  return {
    name,
    label: record.label,
    namespace: record.namespace,
    tags: [...record.view.tags],
    algorithms: [...record.view.algorithms],
    serialNumber: record.serial,
    soPin: pinMessage(pins.so ?? tokens.factsOf(name, "so")),
    userPin: pinMessage(pins.user ?? tokens.factsOf(name, "user")),
    minPinLength: tokens.pins.minLength,
    maxPinLength: tokens.mostPinBytes,
    createdAt: timestampFromMs(record.createdAt),
  };
}

function pinMessage({ isSet, changedAt, attempts, locked, maxAttempts }: PinFacts): MessageInitShape<typeof TokenPinStateSchema> {
  return {
    initialized: isSet,
    countLow: attempts.failures > 0 || locked,
    finalTry: !locked && attempts.failures === maxAttempts - 1,
    locked,
    ...(locked ? { lockedUntil: timestampFromMs(attempts.lockedUntil) } : {}),
    changedAt: timestampFromMs(changedAt),
  };
}

export const roleOf = (pin: TokenPin): PinRole => (pin === TokenPin.SO ? "so" : "user");

/** Canonical names. @throws {HsmError} INVALID_REQUEST for an algorithm there is not */
export const algorithmsOf = (names: readonly string[]): string[] =>
  names.map((name) => {
    const found = findAlgorithm(name);
    if (found === undefined) throw new HsmError("INVALID_REQUEST", `there is no algorithm ${name}`);
    return found;
  });
