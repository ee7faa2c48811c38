/** `keystead approvals keys`: the public keys that stand behind approvals. */
import type { KeyObject } from "node:crypto";
import type { Command } from "commander";
import { adoptionBytes, approverKeyOf, registrationBytes, signRegistration } from "@keystead/client/approvals";
import { readApproverKey, type KeyFileOptions } from "../approver-key-file.ts";
import { group, leaf, type Run } from "../command-tree.ts";
import { confirm } from "../confirmation.ts";
import {
  assertionIn,
  rememberSecurityKey,
  securityKeyIn,
  securityKeyOptions,
  signByKey,
  siteOf,
  type SecurityKeyOptions,
} from "../security-key.ts";
import { usageError } from "../usage-error.ts";
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
  leaf<KeyFileOptions & SecurityKeyOptions & { readonly securityKey?: string; readonly description?: string }>(keys, run, {
    usage: "add",
    summary: "Make a key your own for approvals",
    notes:
      "Only the public half is sent, with a signature that proves you hold the other. Make a key with:\n  openssl genpkey -algorithm ed25519 -out my-approver-key.pem\nWith --security-key the key is made on a security key (FIDO2) by libfido2's fido2-tools, and stays there; the file remembers\nwhich credential it is, and is no secret.",
    examples: [
      "keystead approvals keys add --key my-approver-key.pem --description 'laptop'",
      "keystead approvals keys add --security-key blue-one.json --description 'the blue one'",
    ],
    options: (command) =>
      securityKeyOptions(command)
        .option("--security-key <file>", "make the key on a security key, and remember it in this file")
        .option("--key <file>", "your private key (PEM, PKCS#8): Ed25519, P-256 or ML-DSA-65; it is used here and sent nowhere")
        .option("--key-passphrase <ref>", "passphrase of the key's file (file:PATH, env:NAME or fd:N)")
        .option("--description <text>", "a description"),
    body: async (context, options) => {
      const { securityKey, description } = options;
      if (securityKey !== undefined && options.key !== undefined) throw usageError("pass --key or --security-key, one of them");
      const privateKey = securityKey === undefined ? readApproverKey(options, context.shell) : undefined;
      const keystead = await context.connect();
      const { vaultId, principal } = await keystead.listApproverKeys();
      const onDevice = securityKey === undefined ? undefined : await securityKeyIn(context, { ...options, securityKey }, principal);
      const proof =
        onDevice === undefined
          ? {
              publicKey: approverKeyOf(privateKey as KeyObject).spki,
              signature: signRegistration(privateKey as KeyObject, vaultId, principal),
            }
          : {
              publicKey: onDevice.publicKey,
              rpId: onDevice.rpId,
              ...(await signByKey(context, options, onDevice, registrationBytes(vaultId, principal, onDevice.approverKey))),
            };
      const added = await keystead.registerApproverKey({ ...proof, description });
      await context.print({ key: added }, () => context.table(KEY_HEADING, [keyCells(added)]));
    },
  });
  leaf<SecurityKeyOptions & { readonly securityKey?: string; readonly assertion?: string; readonly description?: string }>(keys, run, {
    usage: "adopt <credential>",
    summary: "Make a security key that is your second factor an approver key too",
    notes:
      "The credential is named by its id, as `keystead users show` tells it. It signs that you want this, and asks for its PIN; from\nthen on it counts until it is revoked, or taken away as a factor. --security-key remembers it for `keystead approvals approve`.",
    examples: ["keystead approvals keys adopt xK3v... --security-key blue-one.json"],
    options: (command) =>
      securityKeyOptions(command)
        .option("--security-key <file>", "remember the key in this file")
        .option("--assertion <file>", "an assertion that was made elsewhere, JSON as browsers write it")
        .option("--description <text>", "a description"),
    body: async (context, options, [credentialId = ""]) => {
      const { securityKey, assertion, description } = options;
      const elsewhere = assertion === undefined ? undefined : assertionIn(assertion, context.shell.cwd);
      const keystead = await context.connect();
      const { vaultId, principal } = await keystead.listApproverKeys();
      const site = siteOf(context, options);
      const text = adoptionBytes(vaultId, principal, credentialId);
      const proof = elsewhere ?? (await signByKey(context, options, { credentialId, ...site }, text));
      const adopted = await keystead.adoptPasskey({ credentialId, description, ...proof });
      if (securityKey !== undefined)
        rememberSecurityKey(securityKey, context.shell.cwd, { ...site, credentialId, rpId: adopted.rpId, publicKey: adopted.publicKey });
      await context.print({ key: adopted }, () => context.table(KEY_HEADING, [keyCells(adopted)]));
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
