/** `keystead keys public`: the public half of a key pair. */
import type { Command } from "commander";
import type { PublicKeyFormat } from "@keystead/client/shapes";
import { checkTarget, writeTarget, type TargetOptions } from "../byte-target.ts";
import { leaf, outOptions, type Run } from "../command-tree.ts";
import { wholeNumber } from "../whole-number.ts";

export function keysPublic(parent: Command, run: Run): void {
  leaf<TargetOptions & { readonly format?: string; readonly keyVersion?: number }>(parent, run, {
    usage: "public <key>",
    summary: "Print the public half of a key pair",
    examples: ["keystead keys public release --out release.pem", "keystead keys public release --format jwk --key-version 1"],
    options: (command) =>
      outOptions(command)
        .option("--format <format>", "pem or jwk", "pem")
        .option("--key-version <number>", "version of the key (default: the current one)", wholeNumber("--key-version", 1, 2 ** 32 - 1)),
    body: async (context, options, [keyId = ""]) => {
      checkTarget(options, context.shell);
      const answer = await (
        await context.connect()
      ).getPublicKey({ keyId, format: options.format as PublicKeyFormat | undefined, version: options.keyVersion });
      const text = `${answer.publicKey.trimEnd()}\n`;
      if (options.out !== undefined) await writeTarget(options, [Buffer.from(text, "utf8")], context.shell);
      if (options.out === undefined || (context.form !== "table" && options.out !== "-")) await context.print(answer, () => text);
    },
  });
}
