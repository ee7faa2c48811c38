/** `keystead rekey`: moves the vault to new keys of its own while it works, and changes its unseal secret if asked. */
import type { Command } from "commander";
import { leaf, type Run } from "../command-tree.ts";
import { decodeSecret, readSecret } from "../secret-reference.ts";
import { usageError } from "../usage-error.ts";

interface Options {
  readonly secret: string;
  readonly hmacKey?: string;
  readonly newMasterKey?: string;
  readonly newPassphrase?: string;
  readonly newHmacKey?: string;
}

export function rekey(root: Command, run: Run): void {
  leaf<Options>(root, run, {
    usage: "rekey",
    summary: "Move every record to new keys of the vault, and change its secret if asked",
    notes:
      "REF is file:PATH, env:NAME or fd:N. The vault works on meanwhile; `keystead status` shows how far it is, and a restart goes on with it. After a change of the secret only the new one opens the vault: change the configuration too.",
    examples: [
      "keystead rekey --secret file:/run/secrets/master.key",
      "keystead rekey --secret file:/run/secrets/master.key --new-master-key file:/run/secrets/new.key",
    ],
    options: (command) =>
      command
        .requiredOption("--secret <ref>", "the unseal secret as it is now")
        .option("--hmac-key <ref>", "the second secret, when the vault has one")
        .option("--new-master-key <ref>", "a key of 32 bytes that is to open the vault from then on")
        .option("--new-passphrase <ref>", "a passphrase that is to open the vault from then on")
        .option("--new-hmac-key <ref>", "a second secret that is to be needed with it"),
    body: async (context, options) => {
      if (options.newMasterKey !== undefined && options.newPassphrase !== undefined)
        throw usageError("--new-master-key and --new-passphrase exclude each other");
      const read: Buffer[] = [];
      const secretOf = (reference: string | undefined, option: string): Buffer | undefined => {
        if (reference === undefined) return undefined;
        const raw = readSecret(reference, option, context.shell);
        const decoded = decodeSecret(raw, option);
        read.push(raw, decoded);
        return decoded;
      };
      try {
        const answer = await (
          await context.connect()
        ).rekeyVault({
          secret: secretOf(options.secret, "--secret"),
          hmacKey: secretOf(options.hmacKey, "--hmac-key"),
          newSecret: secretOf(options.newMasterKey, "--new-master-key") ?? secretOf(options.newPassphrase, "--new-passphrase"),
          newHmacKey: secretOf(options.newHmacKey, "--new-hmac-key"),
          ...(options.newMasterKey === undefined ? {} : { newMethod: "key" as const }),
          ...(options.newPassphrase === undefined ? {} : { newMethod: "passphrase" as const }),
        });
        await context.print(
          answer,
          () => `generation ${answer.progress.generation} is in force; ${answer.progress.records} records are being moved to it\n`,
        );
      } finally {
        for (const bytes of read) bytes.fill(0);
      }
    },
  });
}
