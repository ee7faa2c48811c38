/** `keystead grants`: one operation on one key, handed on to another principal. */
import type { Command } from "commander";
import type { Grant } from "@keystead/client/shapes";
import type { Context } from "../context.ts";
import { group, leaf, type Run } from "../command-tree.ts";
import { wholeNumber } from "../whole-number.ts";
import { pointInTime } from "../time-options.ts";
import { dateText } from "./key-facts.ts";

const usesText = ({ maxUses, uses }: Grant): string => (maxUses === 0 ? "any number" : `${uses} of ${maxUses}`);

const facts = (context: Context, grant: Grant): string =>
  context.facts([
    ["grant", grant.grantId],
    ["key", grant.keyId],
    ["operation", grant.operation],
    ["from", grant.grantor],
    ["to", grant.grantee],
    ["condition", grant.condition],
    ["uses", usesText(grant)],
    ["expires", grant.expiresAt === undefined ? "with the grantor's own right" : dateText(grant.expiresAt)],
  ]);

export function grants(root: Command, run: Run): void {
  const parent = group(root, "grants", "Hand one operation on one key to another principal");
  leaf<{ readonly expires?: Date; readonly condition?: string; readonly maxUses?: number }>(parent, run, {
    usage: "create <key> <operation> <grantee>",
    summary: "Let another principal do what you may do with a key",
    examples: [
      "keystead grants create release Sign service:ci --expires 2030-01-31T12:00:00Z",
      "keystead grants create release Sign service:ci --max-uses 1",
    ],
    notes: "The grant ends with your own right: what only your present credential carries ends when that expires.",
    options: (command) =>
      command
        .option("--expires <time>", "when it ends", pointInTime("--expires"))
        .option("--max-uses <n>", "how often it may be used", wholeNumber("--max-uses", 1, 1_000_000))
        .option("--condition <cel>", "only when this holds"),
    body: async (context, { expires, condition, maxUses }, [keyId = "", operation = "", grantee = ""]) => {
      const client = await context.connect();
      const grant = await client.createGrant({
        namespace: context.options.namespace,
        keyId,
        operation,
        grantee,
        condition,
        expiresAt: expires,
        maxUses,
      });
      await context.print(grant, () => facts(context, grant));
    },
  });
  leaf(parent, run, {
    usage: "list <key>",
    summary: "List what was handed on of a key",
    examples: ["keystead grants list release"],
    body: async (context, _, [keyId = ""]) => {
      const all = await (await context.connect()).listGrants({ namespace: context.options.namespace, keyId });
      await context.print({ grants: all }, () =>
        context.table(
          ["grant", "operation", "from", "to", "uses", "expires", "condition"],
          all.map((one) => [one.grantId, one.operation, one.grantor, one.grantee, usesText(one), dateText(one.expiresAt), one.condition]),
        ),
      );
    },
  });
  leaf(parent, run, {
    usage: "revoke <key> <grant>",
    summary: "Take back what was handed on, at once",
    examples: ["keystead grants revoke release 0f3a9c0e5b7d4d1e8a2b6c4f1e9d7a53"],
    body: async (context, _, [keyId = "", grantId = ""]) => {
      const grant = await (await context.connect()).revokeGrant({ namespace: context.options.namespace, keyId, grantId });
      await context.print(grant, () => facts(context, grant));
    },
  });
}
