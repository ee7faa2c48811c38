/** `keystead sign`: signs data; the vault hashes it. */
import type { Command } from "commander";
import { LARGEST_DATA_BYTES, readData } from "../byte-source.ts";
import { checkTarget, type TargetOptions } from "../byte-target.ts";
import { printBytes, type TextOptions } from "../byte-text.ts";
import { inOption, leaf, outOptions, textOptions, type Run } from "../command-tree.ts";
import { signatureFields, signatureOptions, type SignatureOptions } from "./signature-options.ts";

export function sign(root: Command, run: Run): void {
  leaf<SignatureOptions & TargetOptions & TextOptions & { readonly in?: string; readonly deterministic?: boolean }>(root, run, {
    usage: "sign <key> [text]",
    summary: "Sign a file, stdin or a text",
    notes: `The data travels to the vault in one request: at most ${LARGEST_DATA_BYTES} bytes, or what the server's body_bytes allows (10 MiB by default). The signature is one line of base64, or raw bytes with --out.`,
    examples: ["keystead sign release --in app.tar --out app.tar.sig", "keystead sign release 'hello' --hex"],
    options: (command) =>
      signatureOptions(textOptions(outOptions(inOption(command, "file to sign")), "the signature")).option(
        "--deterministic",
        "ECDSA: the nonce of RFC 6979, so that the same data has the same signature",
      ),
    body: async (context, options, [keyId = "", text]) => {
      checkTarget(options, context.shell);
      const data = await readData(text, options.in, context.shell);
      const answer = await (
        await context.connect()
      ).sign({
        keyId,
        data,
        ...signatureFields(options),
        deterministic: options.deterministic,
      });
      await printBytes(context, answer, answer.signature, options);
    },
  });
}
