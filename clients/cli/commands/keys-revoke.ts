/** `keystead keys revoke`: declares a key, or one of its older versions, no longer to be relied on. */
import type { Command } from "commander";
import type { RevocationReason } from "@keystead/client/shapes";
import { REVOCATION_REASONS } from "@keystead/client/names";
import { leaf, type Run } from "../command-tree.ts";
import { confirm } from "../confirmation.ts";
import { pointInTime } from "../time-options.ts";
import { usageError } from "../usage-error.ts";
import { wholeNumber } from "../whole-number.ts";
import { keyFacts } from "./key-facts.ts";

interface Options {
  readonly reason?: string;
  readonly since?: Date;
  readonly comment?: string;
  readonly keyVersion?: number;
  readonly yes?: boolean;
}

/** Reasons as people write them: RFC 5280's names, or ours. */
function reasonOf(text: string | undefined): RevocationReason | undefined {
  if (text === undefined || text === "unspecified") return undefined;
  const wanted = text.toLowerCase().replaceAll(/[-_]/g, "");
  const found = Object.keys(REVOCATION_REASONS).find((name) => name.replaceAll("_", "") === wanted);
  if (found === undefined) throw usageError(`--reason: '${text}' is not one of ${Object.keys(REVOCATION_REASONS).join(", ")}`);
  return found as RevocationReason;
}

export function keysRevoke(parent: Command, run: Run): void {
  leaf<Options>(parent, run, {
    usage: "revoke <key>",
    summary: "Declare a key no longer to be relied on, or compromised",
    notes: "It makes nothing new from then on; who has the permission key:use_revoked can still verify and decrypt. There is no way back.",
    examples: [
      "keystead keys revoke old-release --reason superseded --yes",
      "keystead keys revoke stolen --reason key_compromise --since 2030-01-31",
    ],
    options: (command) =>
      command
        .option("--reason <reason>", `${Object.keys(REVOCATION_REASONS).join(", ")}; RFC 5280's spelling is understood too`)
        .option("--since <time>", "since when the key may have been in other hands (default: now)", pointInTime("--since"))
        .option("--comment <text>", "what else is to be known")
        .option("--key-version <number>", "only this older version", wholeNumber("--key-version", 1, 2 ** 32 - 1))
        .option("--yes", "do not ask"),
    body: async (context, options, [keyId = ""]) => {
      const reason = reasonOf(options.reason);
      const what = options.keyVersion === undefined ? `the key '${keyId}'` : `version ${options.keyVersion} of the key '${keyId}'`;
      await confirm(`Revoke ${what}? There is no way back.`, options.yes, context.shell);
      const answer = await (
        await context.connect()
      ).revokeKey({ keyId, reason, version: options.keyVersion, compromiseDate: options.since, comment: options.comment });
      await context.print(answer, () => keyFacts(context, answer.key));
    },
  });
}
