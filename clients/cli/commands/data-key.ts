/** `keystead data-key`: a data key in plain and wrapped, for programs that encrypt on their own. */
import type { Command } from "commander";
import { leaf, type Run } from "../command-tree.ts";
import { wholeNumber } from "../whole-number.ts";
import { usageError } from "../usage-error.ts";

export function dataKey(root: Command, run: Run): void {
  leaf<{ readonly size: number }>(root, run, {
    usage: "data-key <key>",
    summary: "Make a data key, in plain and wrapped under a key",
    notes: "The plain data key is printed: keep it out of logs and files. `keystead decrypt KEY --direct` opens the wrapped one.",
    examples: ["keystead data-key backup --json", "keystead data-key backup --size 16"],
    options: (command) => command.option("--size <bytes>", "16, 24 or 32", wholeNumber("--size", 16, 32), 32),
    body: async (context, options, [keyId = ""]) => {
      if (options.size % 8 !== 0) throw usageError("--size: choose 16, 24 or 32");
      const answer = await (await context.connect()).generateDataKey({ keyId, sizeBytes: options.size });
      try {
        await context.print(answer, () =>
          context.facts([
            ["plaintext", answer.plaintext.toBase64()],
            ["ciphertext", answer.ciphertext.toBase64()],
            ["key", `${answer.keyId} version ${answer.version}`],
          ]),
        );
      } finally {
        answer.plaintext.fill(0);
      }
    },
  });
}
