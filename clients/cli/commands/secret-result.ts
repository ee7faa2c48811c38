/** What a command that establishes a secret does with it: the options that say so, and how the answer is shown. */
import type { Command } from "commander";
import { ALGORITHM_NAMES, ALGORITHMS, findAlgorithm } from "@keystead/client/names";
import type { SecretResult, SecretWish } from "@keystead/client/shapes";
import type { Context } from "../context.ts";
import { usageError } from "../usage-error.ts";
import { wholeNumber } from "../whole-number.ts";
import { derivationOf, derivationOptions, type DerivationOptions } from "./derivation-options.ts";
import { keyFacts, newKeyFields, newKeyOptions, type NewKeyOptions } from "./key-facts.ts";

export interface WishOptions extends NewKeyOptions, DerivationOptions {
  readonly size?: number;
  readonly as?: string;
  readonly id?: string;
  readonly bytes?: boolean;
}

const SECRET_NAMES = ALGORITHM_NAMES.filter((name) => ALGORITHMS[name].objectClass === "secret");

/** Declares what a derived key is: --as and its companions. */
export const templateOptions = (command: Command): Command =>
  newKeyOptions(
    command
      .option("--as <algorithm>", "make the secret a managed key of this algorithm")
      .option("--id <id>", "the new key's name (default: chosen by the vault)")
      .option("--size <bytes>", "how long a Generic-Secret is to be (default: 32)", wholeNumber("--size", 8, 512)),
  );

/** The same, a derivation on the way, or --bytes instead. */
export const wishOptions = (command: Command): Command =>
  derivationOptions(templateOptions(command).option("--bytes", "print the secret itself instead (needs crypto:shared_secret)"), [
    "shared secret",
  ]);

/** The template of --as and its companions. */
export function templateOf(options: WishOptions): NonNullable<SecretWish["asKey"]> {
  const algorithm = findAlgorithm(options.as ?? "");
  if (algorithm === undefined) throw usageError(`--as: choose one of ${SECRET_NAMES.join(", ")}`);
  return { algorithm, keyId: options.id, sizeBytes: options.size, ...newKeyFields(options) };
}

/** --as or --bytes, one of them. */
export function wishOf(options: WishOptions): SecretWish {
  if ((options.as !== undefined) === (options.bytes === true)) throw usageError("say what the secret becomes: --as ALGORITHM or --bytes");
  return options.bytes === true ? { asBytes: true } : { asKey: templateOf(options), derivation: derivationOf(options) };
}

/** The facts of the new key, or the secret in base64, after whatever else the answer has. */
export async function printSecretResult<R extends SecretResult>(
  context: Context,
  answer: R,
  more: readonly (readonly [string, string])[] = [],
): Promise<void> {
  try {
    await context.print(
      answer,
      () =>
        context.facts([
          ...more,
          ...(answer.secret.length === 0 ? [] : [["secret", answer.secret.toBase64()] as const]),
          ["from", `${answer.keyId} version ${answer.version}`],
        ]) + (answer.key === undefined ? "" : `\n${keyFacts(context, answer.key)}`),
    );
  } finally {
    answer.secret.fill(0);
  }
}
