/** `keystead export`: a key leaves the vault, encrypted for somebody or in plain. */
import { readFileSync } from "node:fs";
import { resolve } from "node:path";
import type { Command } from "commander";
import { checkTarget, type TargetOptions } from "../byte-target.ts";
import { printBytes, type TextOptions } from "../byte-text.ts";
import { leaf, outOptions, textOptions, type Run } from "../command-tree.ts";
import { usageError } from "../usage-error.ts";
import { wholeNumber } from "../whole-number.ts";
import { wrappingOptions, type WrappingOptions } from "./wrapping-options.ts";

interface Options extends WrappingOptions, TargetOptions, TextOptions {
  readonly for?: string;
  readonly plain?: boolean;
  readonly keyVersion?: number;
}

export function exportCommand(root: Command, run: Run): void {
  leaf<Options>(root, run, {
    usage: "export <key>",
    summary: "Let a key out, encrypted for the holder of a public key, or in plain",
    notes:
      "The key must have been made with --exportable wrapped or plain. A private key goes as PKCS#8 (DER), a secret key as its\nbytes. With --plain the output is the key itself: write it to a file that nobody else can read.",
    examples: ["keystead export session --for partner.pem --out session.wrapped", "keystead export legacy --plain --out legacy.p8"],
    options: (command) =>
      wrappingOptions(
        textOptions(outOptions(command), "the key")
          .option("--for <file>", "PEM file with the recipient's public key (RSA, X25519, X448, P-256, P-384, P-521)")
          .option("--plain", "the bare key (needs key:export_plain)")
          .option("--key-version <number>", "version of the key (default: the current one)", wholeNumber("--key-version", 1, 2 ** 32 - 1)),
      ),
    body: async (context, options, [keyId = ""]) => {
      if ((options.for !== undefined) === (options.plain === true)) throw usageError("say how the key leaves: --for FILE or --plain");
      checkTarget(options, context.shell);
      const { mechanism, digest, keyVersion: version, plain } = options;
      const recipientPublicKey = options.for === undefined ? undefined : readFileSync(resolve(context.shell.cwd, options.for), "utf8");
      const answer = await (await context.connect()).exportKey({ keyId, version, recipientPublicKey, plain, mechanism, digest });
      try {
        await printBytes(context, answer, plain === true ? answer.keyMaterial : answer.wrappedKey, options);
      } finally {
        answer.keyMaterial.fill(0);
      }
    },
  });
}
