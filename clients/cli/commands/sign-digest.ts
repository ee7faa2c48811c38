/** `keystead sign-digest`: signs a digest that was computed elsewhere. */
import type { Command } from "commander";
import { checkTarget, type TargetOptions } from "../byte-target.ts";
import { decodeBytes, printBytes, type TextOptions } from "../byte-text.ts";
import { leaf, outOptions, textOptions, type Run } from "../command-tree.ts";
import { wholeNumber } from "../whole-number.ts";
import type { SignatureFormat, SignatureScheme } from "@keystead/client/shapes";

interface Options extends TargetOptions, TextOptions {
  readonly digest?: string;
  readonly scheme?: SignatureScheme;
  readonly format?: SignatureFormat;
  readonly saltBytes?: number;
  readonly deterministic?: boolean;
}

export function signDigest(root: Command, run: Run): void {
  leaf<Options>(root, run, {
    usage: "sign-digest <key> <digest>",
    summary: "Sign a digest that was computed elsewhere, given in hexadecimal",
    notes:
      "The vault cannot see what the digest is of: it needs the permission crypto:sign_digest. ECDSA and RSA keys only. Prefer 'keystead sign'.",
    examples: ['keystead sign-digest release "$(sha256sum app.tar | cut -d" " -f1)" --out app.tar.sig'],
    options: (command) =>
      textOptions(outOptions(command), "the signature")
        .option("--digest <name>", "what made the digest, such as SHA-384 (default: the algorithm's own)")
        .option("--scheme <scheme>", "RSA: pss or pkcs1 (default: pss)")
        .option("--format <format>", "ECDSA only: der, or raw for r and s side by side (default: der)")
        .option(
          "--salt-bytes <number>",
          "RSA-PSS: length of the salt (default: as long as the digest)",
          wholeNumber("--salt-bytes", 0, 512),
        )
        .option("--deterministic", "ECDSA: the nonce of RFC 6979, so that the same digest has the same signature"),
    body: async (context, options, [keyId = "", digest = ""]) => {
      checkTarget(options, context.shell);
      const digestValue = decodeBytes(Buffer.from(digest, "utf8"), "hex", "the digest");
      const { digest: name, scheme, format, saltBytes, deterministic } = options;
      const keystead = await context.connect();
      const answer = await keystead.signDigest({ keyId, digestValue, digest: name, scheme, format, saltBytes, deterministic });
      await printBytes(context, answer, answer.signature, options);
    },
  });
}
