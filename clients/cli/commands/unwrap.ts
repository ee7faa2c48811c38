/** `keystead unwrap`: a wrapped key becomes a managed one. */
import type { Command } from "commander";
import { ALGORITHM_NAMES, findAlgorithm } from "@keystead/client/names";
import { readWhole } from "../byte-source.ts";
import { decodeBytes, spelling, type TextOptions } from "../byte-text.ts";
import { inOption, leaf, textOptions, type Run } from "../command-tree.ts";
import { usageError } from "../usage-error.ts";
import { wholeNumber } from "../whole-number.ts";
import { newKeyFields, newKeyOptions, printNewKey, type NewKeyOptions } from "./key-facts.ts";
import { modeOption, wrappingData, wrappingOptions, type ModeOptions, type WrappingOptions } from "./wrapping-options.ts";

interface Options extends NewKeyOptions, WrappingOptions, ModeOptions, TextOptions {
  readonly id?: string;
  readonly in?: string;
  readonly keyVersion?: number;
}

export function unwrap(root: Command, run: Run): void {
  leaf<Options>(root, run, {
    usage: "unwrap <key> <algorithm>",
    summary: "Make a managed key of one that is wrapped under KEY",
    notes: "The wrapped key is base64 from stdin and raw from a file, unless --base64 or --hex.",
    examples: ["keystead unwrap transport AES-256-GCM --id session --in session.wrapped"],
    options: (command) =>
      modeOption(
        wrappingOptions(
          newKeyOptions(
            textOptions(inOption(command, "file with the wrapped key"), "the wrapped key is")
              .option("--id <id>", "the new key's name (default: chosen by the vault)")
              .option(
                "--key-version <number>",
                "version of KEY (default: the current one, then older ones)",
                wholeNumber("--key-version", 1, 2 ** 32 - 1),
              ),
          ),
        ),
      ),
    body: async (context, options, [keyId = "", spelled = ""]) => {
      const algorithm = findAlgorithm(spelled);
      if (algorithm === undefined) throw usageError(`'${spelled}' is not an algorithm; choose one of ${ALGORITHM_NAMES.join(", ")}`);
      const written = spelling(options, options.in === undefined || options.in === "-" ? "base64" : "raw");
      const wrappedKey = decodeBytes(await readWhole(options.in, context.shell), written, "the wrapped key");
      const { mechanism, digest, mode, keyVersion: version } = options;
      const { attributes, state, ...fields } = newKeyFields(options);
      const associatedData = wrappingData(options);
      const asKey = { algorithm, keyId: options.id, ...fields };
      const answer = await (
        await context.connect()
      ).unwrapKey({ keyId, wrappedKey, asKey, mechanism, digest, mode, version, attributes, state, associatedData });
      await printNewKey(context, answer);
    },
  });
}
