/** `keystead random`: random bytes from the vault's generator. */
import type { Command } from "commander";
import { checkTarget, type TargetOptions } from "../byte-target.ts";
import { printBytes, type TextOptions } from "../byte-text.ts";
import { leaf, outOptions, textOptions, type Run } from "../command-tree.ts";
import { wholeNumber } from "../whole-number.ts";

const size = wholeNumber("the number of bytes", 1, 65_536);

export function random(root: Command, run: Run): void {
  leaf<TargetOptions & TextOptions>(root, run, {
    usage: "random <bytes>",
    summary: "Print random bytes, 1 to 65536",
    examples: ["keystead random 32", "keystead random 64 --out seed.bin"],
    options: (command) => textOptions(outOptions(command), "the bytes"),
    body: async (context, options, [bytes = ""]) => {
      const sizeBytes = size(bytes);
      checkTarget(options, context.shell);
      const value = await (await context.connect()).generateRandom({ sizeBytes });
      await printBytes(context, { random: value }, value, options);
      value.fill(0);
    },
  });
}
