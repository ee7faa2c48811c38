/** The options that describe a key derivation. */
import type { Command } from "commander";
import { DIGEST_NAMES, KDFS, KDF_NAMES, findDigest, type KdfName } from "@keystead/client/names";
import type { KeyDerivation } from "@keystead/client/shapes";
import { decodeBytes } from "../byte-text.ts";
import { usageError } from "../usage-error.ts";
import { wholeNumber } from "../whole-number.ts";

export interface DerivationOptions {
  readonly kdf?: string;
  readonly digest?: string;
  readonly salt?: string;
  readonly info?: string;
  readonly label?: string;
  readonly context?: string;
  readonly iterations?: number;
  readonly memoryKib?: number;
  readonly parallelism?: number;
  readonly cost?: number;
  readonly blockSize?: number;
  readonly withoutCounter?: boolean;
}

const number = (name: string): ((text: string) => number) => wholeNumber(name, 1, 2 ** 32 - 1);

/** @param from the sources of this command; only functions that derive from them are offered */
export const derivationOptions = (command: Command, from: readonly string[]): Command =>
  command
    .option("--kdf <function>", `derive by ${functionsFrom(from).join(", ")}`)
    .option("--digest <digest>", `digest of the derivation: ${DIGEST_NAMES.join(", ")}`)
    .option("--salt <hex>", "salt, or IV of the feedback functions, hexadecimal")
    .option("--info <text>", "info: what the key is for; hex:... for bytes")
    .option("--label <text>", "label (SP 800-108); hex:... for bytes")
    .option("--context <text>", "context (SP 800-108, BLAKE3); hex:... for bytes")
    .option("--iterations <number>", "iterations (PBKDF2) or passes (Argon2id)", number("--iterations"))
    .option("--memory-kib <number>", "memory (Argon2id)", number("--memory-kib"))
    .option("--parallelism <number>", "lanes (Argon2id) or p (scrypt)", number("--parallelism"))
    .option("--cost <number>", "N (scrypt)", number("--cost"))
    .option("--block-size <number>", "r (scrypt)", number("--block-size"))
    .option("--without-counter", "no counter (feedback and pipeline functions)");

const functionsFrom = (from: readonly string[]): KdfName[] =>
  KDF_NAMES.filter((name) => (KDFS[name].from as readonly string[]).some((source) => from.includes(source)));

/** Text as UTF-8, or the bytes behind `hex:`. */
function bytesOf(text: string | undefined, option: string): Buffer | undefined {
  if (text === undefined) return undefined;
  return text.startsWith("hex:") ? decodeBytes(Buffer.from(text.slice(4), "latin1"), "hex", option) : Buffer.from(text, "utf8");
}

/** The derivation that the options describe; undefined without --kdf. */
export function derivationOf(options: DerivationOptions): KeyDerivation | undefined {
  if (options.kdf === undefined) return undefined;
  const name = options.kdf.toLowerCase().replaceAll("-", "_");
  if (!(KDF_NAMES as readonly string[]).includes(name)) throw usageError(`--kdf: choose one of ${KDF_NAMES.join(", ")}`);
  const digest = options.digest === undefined ? undefined : findDigest(options.digest);
  if (options.digest !== undefined && digest === undefined) throw usageError(`--digest: choose one of ${DIGEST_NAMES.join(", ")}`);
  return {
    function: name as KdfName,
    digest,
    salt: options.salt === undefined ? undefined : decodeBytes(Buffer.from(options.salt, "latin1"), "hex", "--salt"),
    info: bytesOf(options.info, "--info"),
    label: bytesOf(options.label, "--label"),
    context: bytesOf(options.context, "--context"),
    iterations: options.iterations,
    memoryKib: options.memoryKib,
    parallelism: options.parallelism,
    cost: options.cost,
    blockSize: options.blockSize,
    withoutCounter: options.withoutCounter,
  };
}
