/** `keystead decapsulate`: the shared secret that a ciphertext carries. */
import type { Command } from "commander";
import { inOption, leaf, textOptions, type Run } from "../command-tree.ts";
import { readWhole } from "../byte-source.ts";
import { decodeBytes, spelling, type TextOptions } from "../byte-text.ts";
import { wholeNumber } from "../whole-number.ts";
import { printSecretResult, wishOf, wishOptions, type WishOptions } from "./secret-result.ts";

/** Bytes that are pasted or piped are text, those of a file are bytes. */
const fromStdin = ({ in: path }: { readonly in?: string }): boolean => path === undefined || path === "-";

export function decapsulate(root: Command, run: Run): void {
  leaf<WishOptions & TextOptions & { readonly in?: string; readonly keyVersion?: number }>(root, run, {
    usage: "decapsulate <key>",
    summary: "Take the shared secret out of a ciphertext that encapsulate made",
    notes:
      "A ciphertext that was not made for this key yields another secret and no error (FIPS 203 wants it so). From stdin\nit is read as base64, from a file as bytes, unless --base64 or --hex.",
    examples: ["keystead decapsulate mine --in session-7.kem --as AES-256-GCM --id session-7"],
    options: (command) =>
      wishOptions(
        textOptions(inOption(command, "file with the ciphertext"), "the ciphertext is").option(
          "--key-version <number>",
          "the version it was made for (default: the current one)",
          wholeNumber("--key-version", 1, 2 ** 32 - 1),
        ),
      ),
    body: async (context, options, [keyId = ""]) => {
      const wish = wishOf(options);
      const ciphertext = decodeBytes(
        await readWhole(options.in, context.shell),
        spelling(options, fromStdin(options) ? "base64" : "raw"),
        "the ciphertext",
      );
      const answer = await (await context.connect()).decapsulate({ keyId, ciphertext, version: options.keyVersion, ...wish });
      await printSecretResult(context, answer);
    },
  });
}
