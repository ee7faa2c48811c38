/** `keystead decrypt`: what `keystead encrypt` made, in the same two forms. */
import type { Command } from "commander";
import { decryptStream } from "@keystead/client/file-encryption";
import { openSource, readWhole } from "../byte-source.ts";
import { checkTarget, writeTarget } from "../byte-target.ts";
import { decodeBytes, spelling } from "../byte-text.ts";
import { leaf, type Run } from "../command-tree.ts";
import type { Context } from "../context.ts";
import { withProgress } from "../progress-bar.ts";
import { associatedData, cipherOptions, refuseDirectOnly, type CipherOptions } from "./cipher-options.ts";

async function direct(context: Context, options: CipherOptions, keyId: string): Promise<void> {
  const { shell } = context;
  const written = spelling(options, options.in === undefined || options.in === "-" ? "base64" : "raw");
  const ciphertext = decodeBytes(await readWhole(options.in, shell), written, "the ciphertext");
  const answer = await (
    await context.connect()
  ).decrypt({
    keyId,
    ciphertext,
    associatedData: associatedData(options, shell),
    scheme: options.scheme,
    digest: options.digest,
    mode: options.mode,
  });
  try {
    if (context.form !== "table" && options.out === undefined) await context.print(answer, () => "");
    else await writeTarget(options, [answer.plaintext], shell);
  } finally {
    answer.plaintext.fill(0);
  }
}

async function sealed(context: Context, options: CipherOptions, keyId: string): Promise<void> {
  refuseDirectOnly(options);
  const { shell } = context;
  const context_ = associatedData(options, shell);
  const source = await openSource(options.in, shell);
  try {
    const bytes = withProgress(source.bytes, source.sizeBytes, shell);
    await writeTarget(options, decryptStream(await context.connect(), { keyId, context: context_ }, bytes), shell);
  } finally {
    await source.close();
  }
  if (context.form !== "table" && options.out !== undefined && options.out !== "-")
    await context.print({ keyId, out: options.out }, () => "");
}

export function decrypt(root: Command, run: Run): void {
  leaf<CipherOptions>(root, run, {
    usage: "decrypt <key>",
    summary: "Decrypt what `keystead encrypt` made",
    notes:
      "A file of --out appears only when everything was authenticated. On stdout each chunk is authenticated before it is\nprinted, but only exit status 0 says that the whole is there. With --direct a ciphertext from stdin is base64 and one\nfrom a file is raw, unless --base64 or --hex.",
    examples: [
      "keystead decrypt backup --in disk.img.sealed --out disk.img",
      "keystead decrypt backup < docs.tar.sealed | tar x",
      'echo "$CIPHERTEXT" | keystead decrypt backup --direct',
    ],
    options: (command) => cipherOptions(command, "the input is one ciphertext of `encrypt --direct`"),
    body: async (context, options, [keyId = ""]) => {
      checkTarget(options, context.shell);
      await (options.direct === true ? direct : sealed)(context, options, keyId);
    },
  });
}
