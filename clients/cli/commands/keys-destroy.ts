/** `keystead keys destroy`, `cancel-destroy`, `purge`: the end of a key, with time to think. */
import type { Command } from "commander";
import { leaf, type Run } from "../command-tree.ts";
import { confirm } from "../confirmation.ts";
import { lengthOfTime } from "../time-options.ts";
import { wholeNumber } from "../whole-number.ts";
import { dateText, keyFacts } from "./key-facts.ts";

interface Options {
  readonly keyVersion?: number;
}

const versionOption = (command: Command): Command =>
  command.option("--key-version <number>", "only this older version", wholeNumber("--key-version", 1, 2 ** 32 - 1));
const told = (keyId: string, version: number | undefined): string =>
  version === undefined ? `the key '${keyId}'` : `version ${version} of the key '${keyId}'`;

export function keysDestroy(parent: Command, run: Run): void {
  leaf<Options & { readonly delay?: number; readonly yes?: boolean }>(parent, run, {
    usage: "destroy <key>",
    summary: "Schedule the destruction of a key; it can be cancelled until it is due",
    notes: "Until then nothing can be done with it. Whatever it encrypted is lost afterwards. Without a terminal, --yes is required.",
    examples: ["keystead keys destroy old-release --delay 30d", "keystead keys destroy backup --key-version 1 --yes"],
    options: (command) =>
      versionOption(command)
        .option("--delay <time>", "how long to wait, such as 12h or 30d (default: as configured, 7d)", lengthOfTime("--delay"))
        .option("--yes", "do not ask"),
    body: async (context, { keyVersion, delay, yes }, [keyId = ""]) => {
      await confirm(`Schedule the destruction of ${told(keyId, keyVersion)}?`, yes, context.shell);
      const answer = await (await context.connect()).destroyKey({ keyId, version: keyVersion, delaySeconds: delay });
      const due = keyVersion === undefined ? answer.key : answer.key.versions.find(({ version }) => version === keyVersion);
      await context.print(answer, () => `${told(keyId, keyVersion)} will be destroyed at ${dateText(due?.purgeAt)}\n`);
    },
  });
}

export function keysCancelDestroy(parent: Command, run: Run): void {
  leaf<Options>(parent, run, {
    usage: "cancel-destroy <key>",
    summary: "Take back a scheduled destruction",
    examples: ["keystead keys cancel-destroy old-release"],
    options: versionOption,
    body: async (context, { keyVersion }, [keyId = ""]) => {
      const answer = await (await context.connect()).cancelDestruction({ keyId, version: keyVersion });
      await context.print(answer, () => keyFacts(context, answer.key));
    },
  });
}

export function keysApprovePurge(parent: Command, run: Run): void {
  leaf<Options & { readonly yes?: boolean }>(parent, run, {
    usage: "approve-purge <key>",
    summary: "Confirm a destruction that the server asked for; it is due after the grace period",
    examples: ["keystead keys approve-purge old-release", "keystead keys approve-purge backup --key-version 1 --yes"],
    options: (command) => versionOption(command).option("--yes", "do not ask"),
    body: async (context, { keyVersion, yes }, [keyId = ""]) => {
      await confirm(`Confirm the destruction of ${told(keyId, keyVersion)}?`, yes, context.shell);
      const answer = await (await context.connect()).approvePurge({ keyId, version: keyVersion });
      const due = keyVersion === undefined ? answer.key : answer.key.versions.find(({ version }) => version === keyVersion);
      await context.print(answer, () => `${told(keyId, keyVersion)} will be destroyed at ${dateText(due?.purgeAt)}\n`);
    },
  });
}

export function keysPurge(parent: Command, run: Run): void {
  leaf<Options & { readonly yes?: boolean }>(parent, run, {
    usage: "purge <key>",
    summary: "Destroy what is scheduled and due; the server does it by itself within seconds",
    examples: ["keystead keys purge old-release --yes"],
    options: (command) => versionOption(command).option("--yes", "do not ask"),
    body: async (context, { keyVersion, yes }, [keyId = ""]) => {
      await confirm(`Destroy ${told(keyId, keyVersion)}? What it encrypted is lost for good.`, yes, context.shell);
      const answer = await (await context.connect()).purgeKey({ keyId, version: keyVersion });
      await context.print(answer, () => `${told(keyId, keyVersion)} is destroyed\n`);
    },
  });
}
