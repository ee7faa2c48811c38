/** `keystead context`: which server, and as whom, by a name. */
import { existsSync } from "node:fs";
import { resolve } from "node:path";
import type { Command } from "commander";
import { readProfile, type Profile } from "@keystead/client/profile";
import { group, leaf, type Run } from "../command-tree.ts";
import type { Context } from "../context.ts";
import { currentContext, listContexts, removeContext, saveContext, useContext } from "../server-contexts.ts";
import { usageError } from "../usage-error.ts";

export function context(root: Command, run: Run): void {
  const parent = group(root, "context", "Name servers and identities, and choose one");
  list(parent, run);
  add(parent, run);
  use(parent, run);
  remove(parent, run);
}

function list(parent: Command, run: Run): void {
  leaf(parent, run, {
    usage: "list",
    summary: "List the contexts; a star marks the current one",
    examples: ["keystead context list"],
    body: async (told) => {
      const current = currentContext(told.shell);
      const all = listContexts(told.shell).map(({ name, profile }) => ({ name, current: name === current, ...profile }));
      const rows = all.map(({ name, current: is, endpoint = "", namespace = "", cert = "" }) => [
        is ? "*" : "",
        name,
        endpoint,
        namespace,
        cert,
      ]);
      await told.print({ contexts: all }, () => told.table(["", "name", "endpoint", "namespace", "certificate"], rows));
    },
  });
}

/** What the command line says of a server, as a profile; files must be there. */
function profileOf({ options, shell }: Context, from: Profile): Profile {
  const file = (path: string | undefined): string | undefined => {
    if (path === undefined) return undefined;
    const whole = resolve(shell.cwd, path);
    if (!existsSync(whole)) throw usageError(`there is no file ${whole}`);
    return whole;
  };
  const said = {
    endpoint: options.endpoint,
    ca: file(options.ca),
    cert: file(options.clientCert),
    key: file(options.clientKey),
    namespace: options.namespace,
  };
  return { ...from, ...Object.fromEntries(Object.entries(said).filter(([, value]) => value !== undefined)) };
}

function add(parent: Command, run: Run): void {
  leaf<{ readonly from?: string; readonly force?: boolean; readonly use?: boolean }>(parent, run, {
    usage: "add <name>",
    summary: "Keep a server and an identity under a name",
    notes:
      "What is kept is what --endpoint, --ca, --client-cert, --client-key and --namespace say, over what the profile of --from says: paths, never secrets. `keystead login` in a context keeps its session there.",
    examples: [
      "keystead context add production --endpoint https://hsm.example:8443 --ca ca.pem --namespace payments --use",
      "keystead context add local --from data/credentials/profile.json",
    ],
    options: (command) =>
      command
        .option("--from <file>", "take a profile as it is, and change what the other options say")
        .option("--use", "make it the current one")
        .option("--force", "replace a context of that name"),
    body: async (told, options, [name = ""]) => {
      const profile = profileOf(told, options.from === undefined ? {} : readProfile(resolve(told.shell.cwd, options.from)));
      if (profile.endpoint === undefined) throw usageError("a context needs --endpoint, or --from with a profile that has one");
      saveContext(name, profile, options.force === true, told.shell);
      if (options.use === true) useContext(name, told.shell);
      await told.print({ name, ...profile }, () => `context '${name}' is ${options.use === true ? "kept and current" : "kept"}\n`);
    },
  });
}

function use(parent: Command, run: Run): void {
  leaf<{ readonly none?: boolean }>(parent, run, {
    usage: "use [name]",
    summary: "Make a context the current one, which counts while nothing else is said",
    examples: ["keystead context use production", "keystead context use --none"],
    options: (command) => command.option("--none", "no context is current any more"),
    body: async (told, { none }, [name]) => {
      if ((name === undefined) === (none !== true)) throw usageError("say a name, or --none");
      useContext(name, told.shell);
      await told.print({ current: name ?? null }, () =>
        name === undefined ? "no context is current\n" : `context '${name}' is current\n`,
      );
    },
  });
}

function remove(parent: Command, run: Run): void {
  leaf(parent, run, {
    usage: "remove <name>",
    summary: "Forget a context and its session; the files that it names stay",
    examples: ["keystead context remove local"],
    body: async (told, _options, [name = ""]) => {
      removeContext(name, told.shell);
      await told.print({ name }, () => `context '${name}' is forgotten\n`);
    },
  });
}
