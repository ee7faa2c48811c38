/** `keystead rewrap`: a ciphertext under the newest version of its key, or under another key. */
import type { Command } from "commander";
import { readWhole } from "../byte-source.ts";
import { checkTarget, type TargetOptions } from "../byte-target.ts";
import { decodeBytes, printBytes, spelling, type TextOptions } from "../byte-text.ts";
import { inOption, leaf, outOptions, textOptions, type Run } from "../command-tree.ts";
import { associatedData } from "./cipher-options.ts";

interface Options extends TargetOptions, TextOptions {
  readonly in?: string;
  readonly to?: string;
  readonly digest?: string;
  readonly associatedData?: string;
  readonly associatedDataFile?: string;
}

export function rewrap(root: Command, run: Run): void {
  leaf<Options>(root, run, {
    usage: "rewrap <key>",
    summary: "Encrypt a ciphertext anew under the newest version of its key, without showing the plaintext",
    notes:
      "The ciphertext is one of `encrypt --direct` or of `data-key`: base64 from stdin and raw from a file, unless --base64 or\n--hex. With --to it goes under another key, which needs the permissions to decrypt and to encrypt.",
    examples: ['echo "$CIPHERTEXT" | keystead rewrap backup', "keystead rewrap backup --to archive --in data.key --out data.key.new"],
    options: (command) =>
      textOptions(outOptions(inOption(command, "file with the ciphertext")), "the ciphertext")
        .option("--to <key>", "another key (default: the same)")
        .option("--associated-data <text>", "what the ciphertext was authenticated with")
        .option("--associated-data-file <file>", "the same, from a file")
        .option("--digest <name>", "with RSA-OAEP: its digest (default: SHA-256)"),
    body: async (context, options, [keyId = ""]) => {
      checkTarget(options, context.shell);
      const written = spelling(options, options.in === undefined || options.in === "-" ? "base64" : "raw");
      const ciphertext = decodeBytes(await readWhole(options.in, context.shell), written, "the ciphertext");
      const answer = await (
        await context.connect()
      ).rewrapData({
        keyId,
        ciphertext,
        associatedData: associatedData(options, context.shell),
        digest: options.digest,
        targetKeyId: options.to,
      });
      await printBytes(context, answer, answer.ciphertext, options);
    },
  });
}
