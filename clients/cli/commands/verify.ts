/** `keystead verify`: checks a signature; exit status 1 when it is wrong. */
import type { Command } from "commander";
import { readData } from "../byte-source.ts";
import type { TextOptions } from "../byte-text.ts";
import { readChecked, verdictText } from "../checked-value.ts";
import { inOption, leaf, textOptions, type Run } from "../command-tree.ts";
import { wholeNumber } from "../whole-number.ts";
import { signatureFields, signatureOptions, type SignatureOptions } from "./signature-options.ts";

interface Options extends SignatureOptions, TextOptions {
  readonly in?: string;
  readonly signature?: string;
  readonly signatureFile?: string;
  readonly keyVersion?: number;
}

export function verify(root: Command, run: Run): void {
  leaf<Options>(root, run, {
    usage: "verify <key> [text]",
    summary: "Check a signature; exit status 1 when it is not valid",
    examples: [
      "keystead verify release --in app.tar --signature-file app.tar.sig",
      "keystead verify release 'hello' --signature \"$SIGNATURE\"",
    ],
    options: (command) =>
      signatureOptions(textOptions(inOption(command, "file that was signed"), "the signature is"))
        .option("--signature <text>", "the signature in base64 (or hexadecimal with --hex)")
        .option("--signature-file <file>", "file with the signature, raw unless --base64 or --hex")
        .option("--key-version <number>", "only this version of the key (default: all)", wholeNumber("--key-version", 1, 2 ** 32 - 1)),
    body: async (context, options, [keyId = "", text]) => {
      const signature = await readChecked("signature", options.signature, options.signatureFile, options, context.shell);
      const data = await readData(text, options.in, context.shell);
      const verdict = await (
        await context.connect()
      ).verify({ keyId, data, signature, version: options.keyVersion, ...signatureFields(options) });
      await context.print(verdict, () => verdictText(verdict.valid, verdict.version));
      return verdict.valid ? 0 : 1;
    },
  });
}
