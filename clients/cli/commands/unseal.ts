/** `keystead unseal`: opens a sealed vault; the secret comes by reference and is wiped afterwards. */
import type { Command } from "commander";
import { leaf, type Run } from "../command-tree.ts";
import { decodeSecret, readSecret } from "../secret-reference.ts";

export function unseal(root: Command, run: Run): void {
  leaf<{ readonly secret: string; readonly hmacKey?: string }>(root, run, {
    usage: "unseal",
    summary: "Open a sealed vault with its secret",
    notes: "REF is file:PATH, env:NAME or fd:N. The secret is 32 raw bytes, base64:... or hex:... text, or the passphrase.",
    examples: ["keystead unseal --secret file:/run/secrets/master.key", "keystead unseal --secret env:HSM_PASSWORD"],
    options: (command) =>
      command
        .requiredOption("--secret <ref>", "the unseal secret")
        .option("--hmac-key <ref>", "the second secret, when the vault was made with one"),
    body: async (context, options) => {
      const read = [
        readSecret(options.secret, "--secret", context.shell),
        ...(options.hmacKey === undefined ? [] : [readSecret(options.hmacKey, "--hmac-key", context.shell)]),
      ];
      const [secret, hmacKey] = read.map((bytes, at) => decodeSecret(bytes, at === 0 ? "--secret" : "--hmac-key"));
      try {
        const answer = await (await context.connect()).unseal({ secret: secret as Buffer, hmacKey });
        await context.print(answer, () => `the vault is ${answer.phase}\n`);
      } finally {
        for (const bytes of [...read, secret, hmacKey]) bytes?.fill(0);
      }
    },
  });
}
