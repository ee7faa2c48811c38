/** `keystead hpke seal` and `keystead hpke open`: one message to the holder of a key (RFC 9180). */
import type { Command } from "commander";
import type { HpkeAead, HpkeKdf } from "@keystead/client/shapes";
import { readData, readWhole } from "../byte-source.ts";
import { checkTarget, writeTarget, type TargetOptions } from "../byte-target.ts";
import { decodeBytes, printBytes, spelling, type TextOptions } from "../byte-text.ts";
import { group, inOption, leaf, outOptions, textOptions, type Run } from "../command-tree.ts";
import { usageError } from "../usage-error.ts";
import { wholeNumber } from "../whole-number.ts";

interface HpkeOptions extends TargetOptions, TextOptions {
  readonly in?: string;
  readonly info?: string;
  readonly aad?: string;
  readonly kdf?: string;
  readonly aead?: string;
  readonly psk?: string;
  readonly pskId?: string;
  readonly keyVersion?: number;
}

const KDFS: readonly string[] = ["hkdf_sha256", "hkdf_sha384", "hkdf_sha512"];
const AEADS: readonly string[] = ["aes_128_gcm", "aes_256_gcm", "chacha20_poly1305"];

const choices = (command: Command): Command =>
  command
    .option("--info <text>", "what the message is for; both sides must have the same")
    .option("--aad <text>", "authenticated, not encrypted; both sides must have the same")
    .option("--kdf <kdf>", `${KDFS.join(", ")} (default: the key's own)`)
    .option("--aead <aead>", `${AEADS.join(", ")} (default: aes_256_gcm)`)
    .option("--psk <key>", "a Generic-Secret that both sides hold")
    .option("--psk-id <text>", "what both sides call it");

function one<T extends string>(option: string, text: string | undefined, known: readonly string[]): T | undefined {
  if (text === undefined) return undefined;
  const name = text.toLowerCase().replaceAll("-", "_");
  if (!known.includes(name)) throw usageError(`${option}: choose one of ${known.join(", ")}`);
  return name as T;
}

const utf8 = (text: string | undefined): Buffer | undefined => (text === undefined ? undefined : Buffer.from(text, "utf8"));

const request = (options: HpkeOptions, keyId: string) => ({
  keyId,
  info: utf8(options.info),
  associatedData: utf8(options.aad),
  kdf: one<HpkeKdf>("--kdf", options.kdf, KDFS),
  aead: one<HpkeAead>("--aead", options.aead, AEADS),
  pskKeyId: options.psk,
  pskId: utf8(options.pskId),
});

function seal(parent: Command, run: Run): void {
  leaf<HpkeOptions>(parent, run, {
    usage: "seal <key> [text]",
    summary: "Encrypt one message to the holder of a key",
    notes: "What is written is the encapsulated key and then the ciphertext, as other HPKE programs take it.",
    examples: ["keystead hpke seal partner --in letter.txt --out letter.hpke", "keystead hpke seal partner 'hello' --info greeting"],
    options: (command) => choices(textOptions(outOptions(inOption(command, "file to encrypt")), "the message")),
    body: async (context, options, [keyId = "", text]) => {
      checkTarget(options, context.shell);
      const asked = request(options, keyId);
      const plaintext = await readData(text, options.in, context.shell);
      try {
        const answer = await (await context.connect()).hpkeSeal({ ...asked, plaintext });
        await printBytes(context, answer, Buffer.concat([answer.encapsulatedKey, answer.ciphertext]), options);
      } finally {
        plaintext.fill(0);
      }
    },
  });
}

function open(parent: Command, run: Run): void {
  leaf<HpkeOptions>(parent, run, {
    usage: "open <key>",
    summary: "Decrypt a message that was sealed to a key",
    notes: "A message from stdin is base64 and one from a file is raw, unless --base64 or --hex.",
    examples: ["keystead hpke open mine --in letter.hpke --out letter.txt"],
    options: (command) =>
      choices(textOptions(outOptions(inOption(command, "file with the message")), "the message is")).option(
        "--key-version <number>",
        "the version it was sealed to (default: the current one)",
        wholeNumber("--key-version", 1, 2 ** 32 - 1),
      ),
    body: async (context, options, [keyId = ""]) => {
      checkTarget(options, context.shell);
      const asked = { ...request(options, keyId), version: options.keyVersion };
      const written = spelling(options, options.in === undefined || options.in === "-" ? "base64" : "raw");
      const ciphertext = decodeBytes(await readWhole(options.in, context.shell), written, "the message");
      const answer = await (await context.connect()).hpkeOpen({ ...asked, ciphertext });
      try {
        if (context.form !== "table" && options.out === undefined) await context.print(answer, () => "");
        else await writeTarget(options, [answer.plaintext], context.shell);
      } finally {
        answer.plaintext.fill(0);
      }
    },
  });
}

export function hpke(root: Command, run: Run): void {
  const parent = group(root, "hpke", "Encrypt and decrypt messages to the holder of a key (RFC 9180)");
  seal(parent, run);
  open(parent, run);
}
