/** `keystead policy explain`: why a request would be allowed or refused. */
import type { Command } from "commander";
import { collect, leaf, type Run } from "../command-tree.ts";
import { documentText } from "../policy-text.ts";
import { pointInTime } from "../time-options.ts";

interface Options {
  readonly namespace?: string;
  readonly key?: string;
  readonly role?: readonly string[];
  readonly reach?: readonly string[];
  readonly method?: string;
  readonly claim?: readonly string[];
  readonly address?: string;
  readonly time?: Date;
  readonly mfa?: Date;
  readonly algorithm?: string;
  readonly tag?: readonly string[];
  readonly demand?: readonly string[];
  readonly draft?: string;
}

export function policyExplain(parent: Command, run: Run): void {
  leaf<Options>(parent, run, {
    usage: "explain <principal> <operation>",
    summary: "Say why a request would be allowed or refused, rule by rule",
    examples: [
      "keystead policy explain user:alice Sign --key release",
      "keystead policy explain jwt:https://ci.example:build Sign --key release --role Service --address 10.1.2.3 --draft policy.json",
    ],
    options: (command) =>
      command
        .option("--key <key>", "the key it is about")
        .option("--role <role>", "a role that the credential carries; repeat for more", collect)
        .option("--reach <namespace>", "a namespace that the credential reaches; repeat for more (default: all)", collect)
        .option("--method <name>", "how the principal came in (default: token)")
        .option("--claim <member>", "claim:oidc:ISSUER#NAME=VALUE that the issuer said of them; repeat for more", collect)
        .option("--address <address>", "where the request comes from")
        .option("--time <time>", "when it is made (default: now)", pointInTime("--time"))
        .option("--mfa <time>", "when the second factor was shown (default: never)", pointInTime("--mfa"))
        .option("--algorithm <name>", "of the key (default: what it is)")
        .option("--tag <tag>", "of the key; repeat for more (default: what it has)", collect)
        .option("--demand <permission>", "a permission that the request needs besides; repeat for more", collect)
        .option("--draft <file>", "a document that is not in force; - is stdin"),
    body: async (context, options, [principal = "", operation = ""]) => {
      const document = await documentText(options.draft, context.shell);
      const question = {
        principal,
        operation,
        namespace: context.options.namespace ?? "default",
        keyId: options.key,
        roles: options.role,
        reach: options.reach,
        method: options.method,
        claims: options.claim,
        address: options.address,
        time: options.time,
        mfaAt: options.mfa,
        algorithm: options.algorithm,
        tags: options.tag,
        demands: options.demand,
      };
      const { answer, steps } = await (await context.connect()).explainDecision({ document, question });
      const by = [answer.rule, answer.name, ...answer.approvals].filter((part) => part !== "").join(" ");
      await context.print(
        { answer, steps },
        () =>
          `${answer.decision}${by === "" ? "" : ` (${by})`}\n\n${context.table(
            ["rule", "name", "permission", "applies", "detail"],
            steps.map((step) => [step.rule, step.name, step.permission, step.applies ? "yes" : "no", step.detail]),
          )}`,
      );
      return answer.decision === "deny" ? 1 : 0;
    },
  });
}
