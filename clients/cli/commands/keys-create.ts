/** `keystead keys create`: makes a key in the vault. */
import type { Command } from "commander";
import { ALGORITHM_NAMES, findAlgorithm } from "@keystead/client/names";
import { leaf, type Run } from "../command-tree.ts";
import { usageError } from "../usage-error.ts";
import { wholeNumber } from "../whole-number.ts";
import { newKeyFields, newKeyOptions, printNewKey, type NewKeyOptions } from "./key-facts.ts";

export function keysCreate(parent: Command, run: Run): void {
  leaf<NewKeyOptions & { readonly id?: string; readonly sizeBytes?: number }>(parent, run, {
    usage: "create <algorithm>",
    summary: "Make a key in the vault",
    notes: `Algorithms: ${ALGORITHM_NAMES.join(", ")}. Case and separators do not matter.`,
    examples: [
      "keystead keys create Ed25519 --id release --tag team:build",
      "keystead keys create AES-256-GCM --id backup --description 'nightly backups'",
    ],
    options: (command) =>
      newKeyOptions(
        command
          .option("--id <id>", "the key's name (default: chosen by the vault)")
          .option(
            "--size-bytes <number>",
            "Generic-Secret, HMAC: length of the key (default: the algorithm's own)",
            wholeNumber("--size-bytes", 1, 512),
          ),
      ),
    body: async (context, options, [spelled = ""]) => {
      const algorithm = findAlgorithm(spelled);
      if (algorithm === undefined) throw usageError(`'${spelled}' is not an algorithm; choose one of ${ALGORITHM_NAMES.join(", ")}`);
      const keystead = await context.connect();
      await printNewKey(
        context,
        await keystead.generateKey({ algorithm, keyId: options.id, sizeBytes: options.sizeBytes, ...newKeyFields(options) }),
      );
    },
  });
}
