/** `keystead scripts`: policy scripts, kept, tried, put in force and taken out of it. */
import type { Command } from "commander";
import type { Script, ScriptEngineName, ScriptLimitsName } from "@keystead/client/areas/scripts";
import { collect, group, leaf, outOptions, type Run } from "../command-tree.ts";
import { readWhole } from "../byte-source.ts";
import { checkTarget, writeTarget, type TargetOptions } from "../byte-target.ts";
import { confirm } from "../confirmation.ts";
import type { Context } from "../context.ts";
import { lengthOfTime } from "../time-options.ts";
import { usageError } from "../usage-error.ts";
import { wholeNumber } from "../whole-number.ts";
import { dateText } from "./key-facts.ts";

interface SourceOptions {
  readonly engine?: string;
  readonly limits?: string;
}

interface UploadOptions extends SourceOptions {
  readonly forNamespace?: readonly string[];
  readonly forOperation?: readonly string[];
  readonly forKey?: readonly string[];
  readonly forTag?: readonly string[];
  readonly quorum?: number;
  readonly approver?: readonly string[];
  readonly approvalExpiry?: number;
  readonly description?: string;
}

const UINT32 = 2 ** 32 - 1;
const versionOption = (command: Command, what: string): Command =>
  command.option("--script-version <number>", what, wholeNumber("--script-version", 1, UINT32));
const sourceOptions = (command: Command): Command =>
  command
    .option("--engine <name>", "wasm or lua (default: by the file's name, .wasm or .lua)")
    .option("--limits <name>", "default, strict or relaxed (default: default)");

/** The engine that is named, or that the file's name says. */
function engineOf(file: string, { engine }: SourceOptions): ScriptEngineName {
  const named = engine ?? /\.(wasm|lua)$/.exec(file)?.[1];
  if (named === "wasm" || named === "lua") return named;
  throw usageError("the file's name ends neither in .wasm nor in .lua: pass --engine wasm or --engine lua");
}

function limitsOf({ limits }: SourceOptions): ScriptLimitsName | undefined {
  if (limits === undefined || limits === "default" || limits === "strict" || limits === "relaxed") return limits;
  throw usageError("--limits is default, strict or relaxed");
}

async function* piece(bytes: Buffer): AsyncGenerator<Buffer> {
  yield bytes;
}

const listed = (words: readonly string[] | undefined): string => (words === undefined || words.length === 0 ? "all" : words.join(", "));
const standing = ({ enabled, version }: Script): string => (enabled ? `version ${version} in force` : "not in force");

function facts(context: Context, script: Script): string {
  const head = context.facts([
    ["script", script.script],
    ["state", standing(script)],
  ]);
  const versions = context.table(
    ["version", "engine", "limits", "bytes", "sha-256", "operations", "namespaces", "keys", "tags", "uploaded"],
    script.versions.map(({ version, engine, limits, sizeBytes, sha256, scope, uploadedAt }) => [
      String(version),
      engine,
      limits,
      String(sizeBytes),
      sha256.slice(0, 16),
      scope?.operations?.length ? scope.operations.join(", ") : "uses of keys",
      listed(scope?.namespaces),
      listed(scope?.keyIds),
      listed(scope?.tags),
      dateText(uploadedAt),
    ]),
  );
  return `${head}${versions}`;
}

export function scripts(root: Command, run: Run): void {
  const parent = group(root, "scripts", "Policy scripts: code of yours that may refuse a request or ask for approvals");
  leaf<UploadOptions>(parent, run, {
    usage: "upload <script> <file>",
    summary: "Keep a script, or a new version of one; it judges nothing before it is enabled",
    examples: [
      "keystead scripts upload office-hours office-hours.lua --for-operation Sign --for-tag payments",
      "keystead scripts upload limit limit.wasm --limits strict --quorum 2 --approver Operator",
    ],
    options: (command) =>
      sourceOptions(command)
        .option("--for-namespace <name>", "ask it about this namespace only; may be repeated", collect)
        .option("--for-operation <name>", "ask it about this operation only, such as Sign; may be repeated", collect)
        .option("--for-key <id>", "ask it about this key only; may be repeated", collect)
        .option("--for-tag <tag>", "ask it about keys with this tag only; may be repeated", collect)
        .option("--quorum <number>", "how many must agree when it asks for approval (default: 1)", wholeNumber("--quorum", 1, 20))
        .option("--approver <role>", "a role that may agree; may be repeated (default: Administrator)", collect)
        .option("--approval-expiry <time>", "how long the request waits, such as 12h (default: 1d)", lengthOfTime("--approval-expiry"))
        .option("--description <text>", "a description"),
    body: async (context, options, [script = "", file = ""]) => {
      const engine = engineOf(file, options);
      const limits = limitsOf(options);
      const source = await readWhole(file, context.shell);
      const kept = await (
        await context.connect()
      ).uploadScript({
        script,
        engine,
        limits,
        source,
        scope: {
          namespaces: options.forNamespace ?? [],
          operations: options.forOperation ?? [],
          keyIds: options.forKey ?? [],
          tags: options.forTag ?? [],
        },
        approval: { quorum: options.quorum, roles: options.approver ?? [], expirySeconds: options.approvalExpiry },
        description: options.description,
      });
      await context.print(kept, () => facts(context, kept));
    },
  });
  leaf(parent, run, {
    usage: "list",
    summary: "List the policy scripts",
    examples: ["keystead scripts list"],
    body: async (context) => {
      const all = await (await context.connect()).listScripts();
      await context.print({ scripts: all }, () =>
        context.table(
          ["script", "state", "versions", "description"],
          all.map((script) => [
            script.script,
            standing(script),
            String(script.versions.length),
            (script.versions.find(({ version }) => version === script.version) ?? script.versions.at(-1))?.description ?? "",
          ]),
        ),
      );
    },
  });
  leaf<TargetOptions & { readonly scriptVersion?: number; readonly source?: boolean }>(parent, run, {
    usage: "show <script>",
    summary: "Show a script and its versions, or the source of one of them",
    examples: ["keystead scripts show office-hours", "keystead scripts show office-hours --source --script-version 2 --out old.lua"],
    options: (command) =>
      outOptions(versionOption(command, "the version whose source is shown (default: the newest)").option("--source", "show the source")),
    body: async (context, options, [script = ""]) => {
      checkTarget(options, context.shell);
      const keystead = await context.connect();
      const found = await keystead.getScript({ script });
      if (options.source !== true) return context.print(found.script, () => facts(context, found.script));
      const { source } = await keystead.getScript({ script, sourceVersion: options.scriptVersion ?? found.script.versions.length });
      return writeTarget(options, piece(source), context.shell);
    },
  });
  leaf<{ readonly scriptVersion?: number }>(parent, run, {
    usage: "enable <script>",
    summary: "Put a version of a script in force: from now on it judges what it applies to",
    examples: ["keystead scripts enable office-hours", "keystead scripts enable office-hours --script-version 1"],
    options: (command) => versionOption(command, "the version (default: the newest)"),
    body: async (context, { scriptVersion }, [script = ""]) => {
      const answer = await (await context.connect()).enableScript({ script, version: scriptVersion });
      await context.print(answer, () => facts(context, answer));
    },
  });
  leaf(parent, run, {
    usage: "disable <script>",
    summary: "Put a script out of force; it is kept",
    examples: ["keystead scripts disable office-hours"],
    body: async (context, _, [script = ""]) => {
      const answer = await (await context.connect()).disableScript({ script });
      await context.print(answer, () => facts(context, answer));
    },
  });
  leaf<{ readonly yes?: boolean }>(parent, run, {
    usage: "delete <script>",
    summary: "Remove a script that is not in force, with all its versions",
    examples: ["keystead scripts delete office-hours --yes"],
    options: (command) => command.option("--yes", "do not ask"),
    body: async (context, { yes }, [script = ""]) => {
      await confirm(`Remove the policy script '${script}' with all its versions?`, yes, context.shell);
      const answer = await (await context.connect()).deleteScript({ script });
      await context.print(answer, () => `the policy script '${script}' is removed\n`);
    },
  });
  leaf<SourceOptions & { readonly scriptVersion?: number; readonly source?: string; readonly context?: string }>(parent, run, {
    usage: "simulate [script]",
    summary: "Ask a script about a request that nobody made, and see its decision and its fuel",
    notes: "Exit status 0 when it allows, 4 when it refuses, comes to no decision, or asks for approval.",
    examples: [
      `keystead scripts simulate office-hours --context '{"environment":{"hour":3,"weekday":7}}'`,
      `keystead scripts simulate --source office-hours.lua --context '{"operation":"Sign"}'`,
    ],
    options: (command) =>
      versionOption(sourceOptions(command), "the version of an uploaded script (default: the newest)")
        .option("--source <file>", "a script that is not uploaded")
        .option("--context <json>", "members of the context; the rest is as if you had asked to sign just now"),
    body: async (context, options, [script]) => {
      const { source: file } = options;
      if ((script === undefined) === (file === undefined)) throw usageError("name an uploaded script, or pass --source FILE");
      const sent =
        file === undefined
          ? { script, version: options.scriptVersion }
          : { engine: engineOf(file, options), limits: limitsOf(options), source: await readWhole(file, context.shell) };
      const answer = await (await context.connect()).simulateScript({ ...sent, context: options.context });
      await context.print(answer, () =>
        context.facts([
          ["decision", answer.decision === "" ? `none: ${answer.failure} (${answer.failureReason})` : answer.decision],
          ["fuel", String(answer.fuel)],
        ]),
      );
      return answer.decision === "allow" ? 0 : 4;
    },
  });
}
