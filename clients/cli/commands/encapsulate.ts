/** `keystead encapsulate`: a fresh shared secret for whoever holds a key's private half. */
import type { Command } from "commander";
import { checkTarget, writeTarget, type TargetOptions } from "../byte-target.ts";
import { leaf, outOptions, type Run } from "../command-tree.ts";
import { printSecretResult, wishOf, wishOptions, type WishOptions } from "./secret-result.ts";

export function encapsulate(root: Command, run: Run): void {
  leaf<WishOptions & TargetOptions>(root, run, {
    usage: "encapsulate <key>",
    summary: "Make a shared secret for the holder of a private key (ML-KEM and its kin)",
    notes:
      "The ciphertext is for the holder of the private half, who decapsulates it. The secret becomes a managed key (--as), or is\nprinted (--bytes): keep it out of logs and files.",
    examples: [
      "keystead encapsulate partner --as AES-256-GCM --id session-7 --out session-7.kem",
      "keystead encapsulate partner --bytes --json",
    ],
    options: (command) => wishOptions(outOptions(command)),
    body: async (context, options, [keyId = ""]) => {
      checkTarget(options, context.shell);
      const wish = wishOf(options);
      const answer = await (await context.connect()).encapsulate({ keyId, ...wish });
      if (options.out !== undefined) await writeTarget(options, [answer.ciphertext], context.shell);
      if (options.out === "-") return;
      await printSecretResult(context, answer, options.out === undefined ? [["ciphertext", answer.ciphertext.toBase64()]] : []);
    },
  });
}
