/** `keystead sign-raw`: RSA's private operation over bytes that were hashed and encoded elsewhere. */
import type { Command } from "commander";
import type { RawPadding } from "@keystead/client/shapes";
import { readData } from "../byte-source.ts";
import { checkTarget, type TargetOptions } from "../byte-target.ts";
import { printBytes, type TextOptions } from "../byte-text.ts";
import { inOption, leaf, outOptions, textOptions, type Run } from "../command-tree.ts";

interface Options extends TargetOptions, TextOptions {
  readonly in?: string;
  readonly padding: RawPadding;
}

export function signRaw(root: Command, run: Run): void {
  leaf<Options>(root, run, {
    usage: "sign-raw <key> [text]",
    summary: "Sign bytes as they are, with an RSA key that allows it",
    notes:
      "Nothing is hashed: only for programs that need it. The key's attribute allowed_mechanisms must name RSA-PKCS1-BARE (--padding pkcs1) or RSA-RAW (--padding none), and the permission is crypto:sign_digest. Prefer 'keystead sign'.",
    examples: ["keystead sign-raw old-protocol --in block --padding pkcs1 --out block.sig"],
    options: (command) =>
      textOptions(outOptions(inOption(command, "file to sign")), "the signature").requiredOption(
        "--padding <padding>",
        "pkcs1: that of PKCS#1 v1.5 signatures; none: the bytes are as many as the modulus has",
      ),
    body: async (context, options, [keyId = "", text]) => {
      checkTarget(options, context.shell);
      const rawData = await readData(text, options.in, context.shell);
      const answer = await (await context.connect()).signRaw({ keyId, rawData, padding: options.padding });
      await printBytes(context, answer, answer.signature, options);
    },
  });
}
