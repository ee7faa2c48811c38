/**
 * A derivation out of a request message: enum numbers to names, zeros and empty bytes to "not given".
 */
import { KDFS, type KdfName } from "@keystead/contract/kdfs";
import { digestName, enumSpelling } from "@keystead/contract/enum-names";
import { HsmError } from "@keystead/contract/errors";
import { KdfSchema, type KeyDerivation } from "@keystead/contract/generated/hsm/hsm_pb";
import type { KdfParams } from "@keystead/crypto/kdf/kdf";
import type { Derivation } from "../providers/software.ts";

/** What a derivation starts from; the words of the table of derivations. */
export type Source = (typeof KDFS)[KdfName]["from"][number];

/**
 * The derivation that was asked for.
 *
 * @param sources what this operation has to derive from; a function that derives from none of them is refused
 * @throws {HsmError} INVALID_REQUEST           no function is named
 * @throws {HsmError} MECHANISM_PARAM_INVALID   the function is not for that
 */
export function derivationOf(message: KeyDerivation, sources: readonly Source[]): Derivation {
  const name = enumSpelling(KdfSchema, message.function) as KdfName | undefined;
  if (name === undefined) throw new HsmError("INVALID_REQUEST", "derivation.function is missing");
  const from: readonly Source[] = KDFS[name].from;
  if (!sources.some((source) => from.includes(source)))
    throw new HsmError("MECHANISM_PARAM_INVALID", `${name} derives from a ${from.join(" or ")}, not from a ${sources.join(" or ")}`);
  const digest = digestName(message.digest);
  const params: KdfParams = {
    ...(digest === undefined ? {} : { digest }),
    ...bytes("salt", message.salt),
    ...bytes("info", message.info),
    ...bytes("label", message.label),
    ...bytes("context", message.context),
    ...number("iterations", message.iterations),
    ...number("memoryKib", message.memoryKib),
    ...number("parallelism", message.parallelism),
    ...number("cost", message.cost),
    ...number("blockSize", message.blockSize),
    ...(message.withoutCounter ? { withoutCounter: true } : {}),
  };
  return { name, params };
}

const bytes = (name: "salt" | "info" | "label" | "context", value: Uint8Array): KdfParams => (value.length === 0 ? {} : { [name]: value });
const number = (name: "iterations" | "memoryKib" | "parallelism" | "cost" | "blockSize", value: number): KdfParams =>
  value === 0 ? {} : { [name]: value };
