/** `keystead derive`: a managed key out of a generic secret. */
import type { Command } from "commander";
import { leaf, type Run } from "../command-tree.ts";
import { wholeNumber } from "../whole-number.ts";
import { usageError } from "../usage-error.ts";
import { derivationOf, derivationOptions, type DerivationOptions } from "./derivation-options.ts";
import { keyFacts } from "./key-facts.ts";
import { templateOf, templateOptions, type WishOptions } from "./secret-result.ts";

export function derive(root: Command, run: Run): void {
  leaf<WishOptions & DerivationOptions & { readonly keyVersion?: number }>(root, run, {
    usage: "derive <key>",
    summary: "Derive a key from a generic secret, which may hold a password",
    notes:
      "The same secret, parameters and length give the same key. Passwords are imported as a Generic-Secret and derived from by\npbkdf2, scrypt or argon2id; without --salt the vault draws one and prints it: it is needed to derive the key again.",
    examples: [
      "keystead derive master --kdf hkdf --info billing --as AES-256-GCM --id billing",
      "keystead derive passphrase --kdf argon2id --as AES-256-GCM --id archive",
    ],
    options: (command) =>
      derivationOptions(
        templateOptions(
          command.option(
            "--key-version <number>",
            "the version to derive from (default: the current one)",
            wholeNumber("--key-version", 1, 2 ** 32 - 1),
          ),
        ),
        ["secret key", "password"],
      ),
    body: async (context, options, [keyId = ""]) => {
      const derivation = derivationOf(options);
      if (derivation === undefined) throw usageError("--kdf FUNCTION is needed");
      const request = { keyId, derivation, asKey: templateOf(options), version: options.keyVersion };
      const answer = await (await context.connect()).deriveKey(request);
      await context.print(
        answer,
        () =>
          context.facts([
            ["from", `${answer.keyId} version ${answer.version}`],
            ...(answer.salt.length === 0 ? [] : [["salt", answer.salt.toHex()] as const]),
          ]) + `\n${keyFacts(context, answer.key)}`,
      );
    },
  });
}
