/** `keystead hash`: a digest computed by the vault. */
import type { Command } from "commander";
import { DIGEST_NAMES, findDigest } from "@keystead/client/names";
import { readData } from "../byte-source.ts";
import { checkTarget, type TargetOptions } from "../byte-target.ts";
import { printBytes, type TextOptions } from "../byte-text.ts";
import { inOption, leaf, outOptions, textOptions, type Run } from "../command-tree.ts";
import { usageError } from "../usage-error.ts";

export function hash(root: Command, run: Run): void {
  leaf<TargetOptions & TextOptions & { readonly in?: string; readonly algorithm: string }>(root, run, {
    usage: "hash [text]",
    summary: "Digest a file, stdin or a text",
    notes: `Digests: ${DIGEST_NAMES.join(", ")}. The result is one line of hexadecimal, or raw bytes with --out.`,
    examples: ["keystead hash --in app.tar --algorithm SHA3-256", "keystead hash 'hello' --base64"],
    options: (command) =>
      textOptions(outOptions(inOption(command, "file to digest")), "the digest").option("--algorithm <name>", "digest", "SHA-256"),
    body: async (context, options, [text]) => {
      const algorithm = findDigest(options.algorithm);
      if (algorithm === undefined) throw usageError(`--algorithm: '${options.algorithm}' is not one of ${DIGEST_NAMES.join(", ")}`);
      checkTarget(options, context.shell);
      const data = await readData(text, options.in, context.shell);
      const answer = await (await context.connect()).hash({ algorithm, data });
      await printBytes(context, answer, answer.digest, options, "hex");
    },
  });
}
