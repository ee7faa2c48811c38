/** `keystead encrypt`: files of any size by envelope encryption, or one request with --direct. */
import type { Command } from "commander";
import { encryptStream } from "@keystead/client/file-encryption";
import { openSource, readWhole } from "../byte-source.ts";
import { checkTarget, writeTarget } from "../byte-target.ts";
import { decodeBytes, printBytes } from "../byte-text.ts";
import { leaf, type Run } from "../command-tree.ts";
import type { Context } from "../context.ts";
import { withProgress } from "../progress-bar.ts";
import { usageError } from "../usage-error.ts";
import { associatedData, cipherOptions, refuseDirectOnly, type CipherOptions } from "./cipher-options.ts";

interface Options extends CipherOptions {
  readonly nonce?: string;
}

async function direct(context: Context, options: Options, keyId: string): Promise<void> {
  const nonce = options.nonce === undefined ? undefined : decodeBytes(Buffer.from(options.nonce, "utf8"), "hex", "--nonce");
  const plaintext = await readWhole(options.in, context.shell);
  try {
    const answer = await (
      await context.connect()
    ).encrypt({
      keyId,
      plaintext,
      associatedData: associatedData(options, context.shell),
      scheme: options.scheme,
      digest: options.digest,
      mode: options.mode,
      nonce,
    });
    await printBytes(context, answer, answer.ciphertext, options);
  } finally {
    plaintext.fill(0);
  }
}

async function sealed(context: Context, options: Options, keyId: string): Promise<void> {
  if (options.nonce !== undefined) throw usageError("--nonce goes with --direct: the nonces of a sealed file are counted");
  refuseDirectOnly(options);
  const { shell } = context;
  if (options.out === undefined && shell.stdout.isTTY === true)
    throw usageError("the encrypted file is binary: pass --out FILE, or --out - to print it anyway");
  const context_ = associatedData(options, shell);
  const source = await openSource(options.in, shell);
  try {
    const bytes = withProgress(source.bytes, source.sizeBytes, shell);
    await writeTarget(options, encryptStream(await context.connect(), { keyId, context: context_ }, bytes), shell);
  } finally {
    await source.close();
  }
  if (context.form !== "table" && options.out !== undefined && options.out !== "-")
    await context.print({ keyId, out: options.out }, () => "");
}

export function encrypt(root: Command, run: Run): void {
  leaf<Options>(root, run, {
    usage: "encrypt <key>",
    summary: "Encrypt a file or stdin of any size",
    notes:
      "The vault makes a data key for the file and wraps it under KEY (an AEAD key that may wrap_data_key); the file is\nencrypted here in authenticated chunks, in constant memory. The output file appears only when it is complete.\nWith --direct the data itself travels to the vault, and the result is one ciphertext (base64, or raw with --out).",
    examples: [
      "keystead encrypt backup --in disk.img --out disk.img.sealed",
      "tar c docs | keystead encrypt backup > docs.tar.sealed",
      "printf secret | keystead encrypt backup --direct",
    ],
    options: (command) =>
      cipherOptions(command, "send the data itself to the vault (small data; RSA keys)").option(
        "--nonce <hex>",
        "with --direct: a nonce of your own; it must never be used twice, and needs the permission crypto:caller_nonce",
      ),
    body: async (context, options, [keyId = ""]) => {
      checkTarget(options, context.shell);
      await (options.direct === true ? direct : sealed)(context, options, keyId);
    },
  });
}
