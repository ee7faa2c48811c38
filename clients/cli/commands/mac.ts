/** `keystead mac` and `keystead mac verify`: message authentication codes. */
import type { Command } from "commander";
import type { GenerateMacRequest } from "@keystead/client/shapes";
import type { MacMode } from "@keystead/client/shapes";
import { readData } from "../byte-source.ts";
import { checkTarget, type TargetOptions } from "../byte-target.ts";
import { decodeBytes, printBytes, type TextOptions } from "../byte-text.ts";
import { readChecked, verdictText } from "../checked-value.ts";
import { group, inOption, leaf, outOptions, textOptions, type Run } from "../command-tree.ts";
import { wholeNumber } from "../whole-number.ts";

/** What both commands may say of the code. */
interface MacOptions {
  readonly nonce?: string;
  readonly customization?: string;
  readonly macBytes?: number;
  readonly mode?: MacMode;
}
type Options = TargetOptions & TextOptions & MacOptions & { readonly in?: string };
type VerifyOptions = TextOptions &
  MacOptions & { readonly in?: string; readonly mac?: string; readonly macFile?: string; readonly keyVersion?: number };

const macOptions = (command: Command, nonce: string): Command =>
  command
    .option("--nonce <hex>", nonce)
    .option("--customization <text>", "KMAC: the customisation string")
    .option("--mode <mode>", "a key of several modes: cmac (AES, default), gmac, hmac_sha256 (Generic-Secret, default) and so on")
    .option("--mac-bytes <number>", "length of the code, where not the usual one", wholeNumber("--mac-bytes", 1, 64));

const macFields = ({
  nonce,
  customization,
  macBytes,
  mode,
}: MacOptions): Pick<GenerateMacRequest, "nonce" | "customization" | "macBytes" | "mode"> => ({
  nonce: nonce === undefined ? undefined : decodeBytes(Buffer.from(nonce, "utf8"), "hex", "--nonce"),
  customization: customization === undefined ? undefined : Buffer.from(customization, "utf8"),
  macBytes,
  mode,
});

function macMake(parent: Command, run: Run): Command {
  return leaf<Options>(parent, run, {
    usage: "make <key> [text]",
    isDefault: true,
    summary: "Compute the MAC of a file, stdin or a text (also plain `keystead mac KEY`)",
    examples: ["keystead mac session --in body.json --hex", "keystead mac make session 'hello'"],
    options: (command) =>
      macOptions(
        textOptions(outOptions(inOption(command, "file to authenticate")), "the MAC"),
        "AES-GMAC: a nonce of your own; it must never be used twice, and needs the permission crypto:caller_nonce",
      ),
    body: async (context, options, [keyId = "", text]) => {
      checkTarget(options, context.shell);
      const data = await readData(text, options.in, context.shell);
      const answer = await (await context.connect()).generateMac({ keyId, data, ...macFields(options) });
      await printBytes(context, answer, answer.mac, options);
      if (answer.nonce.length > 0 && context.form === "table") await context.note(`nonce ${answer.nonce.toString("hex")}`);
    },
  });
}

function macVerify(parent: Command, run: Run): Command {
  return leaf<VerifyOptions>(parent, run, {
    usage: "verify <key> [text]",
    summary: "Check a MAC; exit status 1 when it is not valid",
    examples: ['keystead mac verify session --in body.json --hex --mac "$MAC"', "keystead mac verify session 'hello' --mac-file hello.mac"],
    options: (command) =>
      macOptions(textOptions(inOption(command, "file that was authenticated"), "the MAC is"), "AES-GMAC: the nonce the code came with")
        .option("--mac <text>", "the MAC in base64 (or hexadecimal with --hex)")
        .option("--mac-file <file>", "file with the MAC, raw unless --base64 or --hex")
        .option("--key-version <number>", "only this version of the key (default: all)", wholeNumber("--key-version", 1, 2 ** 32 - 1)),
    body: async (context, options, [keyId = "", text]) => {
      const value = await readChecked("mac", options.mac, options.macFile, options, context.shell);
      const data = await readData(text, options.in, context.shell);
      const verdict = await (
        await context.connect()
      ).verifyMac({ keyId, data, mac: value, version: options.keyVersion, ...macFields(options) });
      await context.print(verdict, () => verdictText(verdict.valid, verdict.version));
      return verdict.valid ? 0 : 1;
    },
  });
}

export function mac(root: Command, run: Run): void {
  const parent = group(root, "mac", "Compute and check message authentication codes");
  macMake(parent, run);
  macVerify(parent, run);
}
