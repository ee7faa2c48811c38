/** `keystead approvals keys`: the public keys that stand behind approvals. */
import type { Command } from "commander";
import { approverKeyOf, signRegistration } from "@keystead/client/approvals";
import { readApproverKey, type KeyFileOptions } from "../approver-key-file.ts";
import { group, leaf, type Run } from "../command-tree.ts";
import { confirm } from "../confirmation.ts";
import { KEY_HEADING, keyCells } from "./approval-text.ts";

export function approvalsKeys(parent: Command, run: Run): void {
  const keys = group(parent, "keys", "List, add and revoke approver keys");
  leaf<{ readonly principal?: string }>(keys, run, {
    usage: "list",
    summary: "List the keys that stand behind approvals",
    examples: ["keystead approvals keys list", "keystead approvals keys list --principal cert:alice --json"],
    options: (command) => command.option("--principal <id>", "only this principal's"),
    body: async (context, options) => {
      const answer = await (await context.connect()).listApproverKeys({ principal: options.principal });
      await context.print(answer, () => context.table(KEY_HEADING, answer.keys.map(keyCells)));
    },
  });
  leaf<KeyFileOptions & { readonly description?: string }>(keys, run, {
    usage: "add",
    summary: "Make a key your own for approvals",
    notes:
      "Only the public half is sent, with a signature that proves you hold the other. Make a key with:\n  openssl genpkey -algorithm ed25519 -out my-approver-key.pem",
    examples: ["keystead approvals keys add --key my-approver-key.pem --description 'laptop'"],
    options: (command) =>
      command
        .option("--key <file>", "your private key (PEM, PKCS#8): Ed25519, P-256 or ML-DSA-65; it is used here and sent nowhere")
        .option("--key-passphrase <ref>", "passphrase of the key's file (file:PATH, env:NAME or fd:N)")
        .option("--description <text>", "a description"),
    body: async (context, options) => {
      const privateKey = readApproverKey(options, context.shell);
      const keystead = await context.connect();
      const { vaultId, principal } = await keystead.listApproverKeys();
      const added = await keystead.registerApproverKey({
        publicKey: approverKeyOf(privateKey).spki,
        signature: signRegistration(privateKey, vaultId, principal),
        description: options.description,
      });
      await context.print({ key: added }, () => context.table(KEY_HEADING, [keyCells(added)]));
    },
  });
  leaf<{ readonly reason?: string; readonly yes?: boolean }>(keys, run, {
    usage: "revoke <id>",
    summary: "End an approver key",
    notes: "What it signed for requests that still wait counts no longer. A revoked key never comes back.",
    examples: ["keystead approvals keys revoke 3f0c... --reason 'laptop lost'"],
    options: (command) => command.option("--reason <text>", "why").option("--yes", "do not ask"),
    body: async (context, options, [approverKey = ""]) => {
      await confirm(`revoke the approver key ${approverKey}?`, options.yes, context.shell);
      const revoked = await (await context.connect()).revokeApproverKey({ approverKey, reason: options.reason });
      await context.print({ key: revoked }, () => context.table(KEY_HEADING, [keyCells(revoked)]));
    },
  });
}
