/** `keystead wrap`: one managed key encrypted under another. */
import type { Command } from "commander";
import { checkTarget, type TargetOptions } from "../byte-target.ts";
import { printBytes, type TextOptions } from "../byte-text.ts";
import { leaf, outOptions, textOptions, type Run } from "../command-tree.ts";
import { wholeNumber } from "../whole-number.ts";
import { modeOption, wrappingData, wrappingOptions, type ModeOptions, type WrappingOptions } from "./wrapping-options.ts";

export function wrap(root: Command, run: Run): void {
  leaf<WrappingOptions & ModeOptions & TargetOptions & TextOptions & { readonly targetVersion?: number }>(root, run, {
    usage: "wrap <key> <target>",
    summary: "Encrypt the key TARGET under KEY",
    notes:
      "KEY is one that may wrap (AES-KW, AES-KWP; AES-GCM or RSA made with --usage wrap). TARGET must have been made with\n--exportable wrapped or plain. A private key is wrapped as PKCS#8, a secret key as its bytes.",
    examples: ["keystead wrap transport session --out session.wrapped", "keystead wrap transport session --target-version 2"],
    options: (command) =>
      modeOption(
        wrappingOptions(
          textOptions(outOptions(command), "the wrapped key").option(
            "--target-version <number>",
            "version of TARGET (default: the current one)",
            wholeNumber("--target-version", 1, 2 ** 32 - 1),
          ),
        ),
      ),
    body: async (context, options, [keyId = "", targetKeyId = ""]) => {
      checkTarget(options, context.shell);
      const { targetVersion, mechanism, digest, mode } = options;
      const associatedData = wrappingData(options);
      const answer = await (
        await context.connect()
      ).wrapKey({ keyId, targetKeyId, targetVersion, mechanism, digest, mode, associatedData });
      await printBytes(context, answer, answer.wrappedKey, options);
    },
  });
}
