/** `keystead config history|diff|accept`: the configurations that the server was started with. */
import type { Command } from "commander";
import { leaf, type Run } from "../command-tree.ts";
import { wholeNumber } from "../whole-number.ts";
import { dateText } from "./key-facts.ts";

const MOST_VERSION = 2 ** 32 - 1;

/** Every value by its place, such as `vault.limits.maxInFlight`. */
function leaves(value: unknown, place = "", found = new Map<string, string>()): Map<string, string> {
  const inner = value !== null && typeof value === "object" ? Object.entries(value) : [];
  if (inner.length === 0) return found.set(place, JSON.stringify(value));
  for (const [name, one] of inner)
    leaves(one, Array.isArray(value) ? `${place}[${name}]` : place === "" ? name : `${place}.${name}`, found);
  return found;
}

/** What is different between two documents, by place. */
export function differencesOf(before: string, after: string): { readonly key: string; readonly before: string; readonly after: string }[] {
  const [old, now] = [leaves(JSON.parse(before)), leaves(JSON.parse(after))];
  return [...new Set([...old.keys(), ...now.keys()])]
    .sort()
    .map((key) => ({ key, before: old.get(key) ?? "", after: now.get(key) ?? "" }))
    .filter((one) => one.before !== one.after);
}

export function configHistory(parent: Command, run: Run): void {
  leaf(parent, run, {
    usage: "history",
    summary: "List the configurations that the server was started with, the newest first",
    examples: ["keystead config history"],
    body: async (context) => {
      const versions = await (await context.connect()).listConfigVersions();
      await context.print({ versions }, () =>
        context.table(
          ["version", "first start", "accepted by", "accepted", "digest"],
          versions.map((one) => [
            String(one.version),
            dateText(one.createdAt),
            one.acceptedBy === "" ? "nobody" : one.acceptedBy,
            one.acceptedAt === undefined ? "" : dateText(one.acceptedAt),
            one.digest.slice(0, 16),
          ]),
        ),
      );
    },
  });
  leaf(parent, run, {
    usage: "diff [from] [to]",
    summary: "Show what is different between two configurations",
    examples: ["keystead config diff", "keystead config diff 3", "keystead config diff 3 4"],
    notes: "Without numbers: the one in force, from the one accepted before it. With one: the one in force, from that one.",
    body: async (context, _, [from, to]) => {
      const number = wholeNumber("version", 1, MOST_VERSION);
      const client = await context.connect();
      const [newest, ...older] = await client.listConfigVersions();
      const before = from === undefined ? (older.find((one) => one.acceptedBy !== "")?.version ?? newest?.version) : number(from);
      const after = to === undefined ? newest?.version : number(to);
      const [one, other] = [await client.getConfigVersion({ version: before }), await client.getConfigVersion({ version: after })];
      const differences = differencesOf(one.document, other.document);
      await context.print({ from: before, to: after, differences }, () =>
        differences
          .map(({ key, before: old, after: now }) => `${key}\n${old === "" ? "" : `  - ${old}\n`}${now === "" ? "" : `  + ${now}\n`}`)
          .join(""),
      );
    },
  });
  leaf(parent, run, {
    usage: "accept <version>",
    summary: "Accept the configuration in force; a server that waited for it works from then on",
    examples: ["keystead config accept 4"],
    body: async (context, _, [version = ""]) => {
      const accepted = await (await context.connect()).acceptConfig({ version: wholeNumber("version", 1, MOST_VERSION)(version) });
      await context.print(accepted, () =>
        context.facts([
          ["version", String(accepted.version)],
          ["digest", accepted.digest],
          ["accepted by", accepted.acceptedBy],
        ]),
      );
    },
  });
}
