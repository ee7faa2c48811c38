/** `keystead policy`: the policy document, its versions, and what it decides. */
import type { Command } from "commander";
import { HsmError } from "@keystead/client/names";
import type { PolicyQuestion } from "@keystead/client/shapes";
import { group, leaf, type Run } from "../command-tree.ts";
import { documentText, jsonFile, listed, prettyJson } from "../policy-text.ts";
import { wholeNumber } from "../whole-number.ts";
import { dateText } from "./key-facts.ts";
import { policyExplain } from "./policy-explain.ts";

const MOST_VERSION = 2 ** 32 - 1;

export function policy(root: Command, run: Run): void {
  const parent = group(root, "policy", "Who may do what: the signed policy document");
  leaf<{ readonly version?: number }>(parent, run, {
    usage: "get",
    summary: "Print the policy document in force, or an older version",
    examples: ["keystead policy get > policy.json", "keystead policy get --version 3"],
    options: (command) => command.option("--version <number>", "an older version", wholeNumber("--version", 1, MOST_VERSION)),
    body: async (context, { version }) => {
      const got = await (await context.connect()).getPolicy({ version });
      if (got.policy === undefined) await context.note("nobody has set a policy; roles of certificates and tokens decide");
      await context.print(got, () => prettyJson(got.document));
    },
  });
  leaf<{ readonly expect?: number; readonly comment?: string }>(parent, run, {
    usage: "set <file>",
    summary: "Put a policy document in force",
    examples: ["keystead policy set policy.json --comment 'payments may sign'"],
    notes: "The document is checked whole first. Without --expect it replaces the version that is in force now.",
    options: (command) =>
      command
        .option("--expect <version>", "the version it must replace; 0 = none", wholeNumber("--expect", 0, MOST_VERSION))
        .option("--comment <text>", "why, kept with the version"),
    body: async (context, { expect, comment }, [file]) => {
      const client = await context.connect();
      const document = (await documentText(file, context.shell)) as string;
      const expectedVersion = expect ?? (await client.getPolicy()).policy?.version ?? 0;
      const set = await client.setPolicy({ document, expectedVersion, comment });
      await context.print(set, () =>
        context.facts([
          ["version", String(set.version)],
          ["digest", set.digest],
          ["author", set.author],
        ]),
      );
    },
  });
  leaf(parent, run, {
    usage: "versions",
    summary: "List the versions of the policy, the newest first",
    examples: ["keystead policy versions"],
    body: async (context) => {
      const versions = await (await context.connect()).listPolicyVersions();
      await context.print({ policies: versions }, () =>
        context.table(
          ["version", "set", "author", "comment", "digest"],
          versions.map((one) => [String(one.version), dateText(one.createdAt), one.author, one.comment, one.digest.slice(0, 16)]),
        ),
      );
    },
  });
  leaf<{ readonly from?: number; readonly to?: number; readonly draft?: string }>(parent, run, {
    usage: "diff",
    summary: "Show what is different between two versions, or from a draft",
    examples: ["keystead policy diff --draft policy.json", "keystead policy diff --from 3 --to 4"],
    options: (command) =>
      command
        .option("--from <version>", "left out = the one in force", wholeNumber("--from", 1, MOST_VERSION))
        .option("--to <version>", "left out = the one in force", wholeNumber("--to", 1, MOST_VERSION))
        .option("--draft <file>", "compare with this document; - is stdin"),
    body: async (context, { from, to, draft }) => {
      const document = await documentText(draft, context.shell);
      const differences = await (await context.connect()).diffPolicy({ fromVersion: from, toVersion: to, document });
      await context.print({ differences }, () =>
        differences
          .map(
            ({ change, part, name, before, after }) =>
              `${change} ${part} ${name}\n${before === "" ? "" : `  - ${before}\n`}${after === "" ? "" : `  + ${after}\n`}`,
          )
          .join(""),
      );
    },
  });
  leaf<{ readonly draft?: string }>(parent, run, {
    usage: "test <file>",
    summary: "Ask the policy, or a draft, many questions and compare the answers",
    examples: ["keystead policy test questions.json --draft policy.json"],
    notes: 'The file is a JSON list such as [{"principal":"user:alice","operation":"Sign","namespace":"payments","expect":"allow"}].',
    options: (command) => command.option("--draft <file>", "a document that is not in force; - is stdin"),
    body: async (context, { draft }, [file = "-"]) => {
      const questions = await jsonFile<readonly PolicyQuestion[]>(file, context.shell);
      const document = await documentText(draft, context.shell);
      const { answers, failed } = await (await context.connect()).testPolicy({ document, questions });
      await context.print({ answers, failed }, () =>
        context.table(
          ["principal", "operation", "namespace", "key", "decision", "by", ""],
          answers.map(({ decision, rule, name, approvals, asExpected }, index) => {
            const { principal = "", operation = "", namespace = "", keyId = "" } = questions[index] ?? {};
            return [
              principal,
              operation,
              namespace,
              keyId,
              decision,
              `${rule} ${name}${approvals.join(" ")}`.trim(),
              asExpected ? "" : "NOT AS EXPECTED",
            ];
          }),
        ),
      );
      return failed === 0 ? 0 : 1;
    },
  });
  policyExplain(parent, run);
  leaf<{ readonly after?: number; readonly limit?: number }>(parent, run, {
    usage: "replay <draft>",
    summary: "Show which decisions of the audit log a draft would have made otherwise",
    examples: ["keystead policy replay policy.json --after 120000 --limit 5000"],
    options: (command) =>
      command
        .option("--after <sequence>", "begin after this event", wholeNumber("--after", 0, Number.MAX_SAFE_INTEGER))
        .option("--limit <number>", "events to read (default: 10000)", wholeNumber("--limit", 1, 100_000)),
    body: async (context, { after, limit }, [file]) => {
      const document = (await documentText(file, context.shell)) as string;
      const replayed = await (await context.connect()).replayPolicy({ document, after, limit });
      await context.print(replayed, () =>
        context.table(
          ["event", "time", "principal", "operation", "namespace", "key", "was", "would be", "by"],
          replayed.differences.map((one) => [
            String(one.sequence),
            dateText(one.time),
            one.principal,
            one.operation,
            one.namespace,
            one.keyId,
            one.before,
            one.after,
            `${one.rule} ${one.name}`,
          ]),
        ),
      );
      await context.note(`${replayed.decisions} decisions, ${replayed.undetermined} rest on what the log does not hold`);
    },
  });
}

/** `keystead roles`: built-in roles and those of the policy. */
export function roles(root: Command, run: Run): void {
  const parent = group(root, "roles", "Show the roles that bindings can give");
  leaf(parent, run, {
    usage: "list",
    summary: "List the roles",
    examples: ["keystead roles list"],
    body: async (context) => {
      const all = await (await context.connect()).listRoles();
      await context.print({ roles: all }, () =>
        context.table(
          ["role", "built in", "permissions", "key families"],
          all.map((one) => [
            one.name,
            one.builtIn ? "yes" : "no",
            String(one.permissions.length),
            one.families.length === 0 ? "any" : listed(one.families),
          ]),
        ),
      );
    },
  });
  leaf(parent, run, {
    usage: "show <role>",
    summary: "Show what a role permits",
    examples: ["keystead roles show KeyUser"],
    body: async (context, _, [name = ""]) => {
      const role = (await (await context.connect()).listRoles()).find((one) => one.name === name);
      if (role === undefined) throw new HsmError("OBJECT_NOT_FOUND", `there is no role ${name}`);
      await context.print(role, () =>
        context.facts([
          ["role", role.name],
          ["description", role.description],
          ["permissions", listed(role.permissions)],
          ["key families", role.families.length === 0 ? "any" : listed(role.families)],
        ]),
      );
    },
  });
}
