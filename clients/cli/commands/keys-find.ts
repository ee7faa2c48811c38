/** `keystead keys find`: keys by their attributes. */
import type { Command } from "commander";
import type { FindObjectsRequest, Key, KeyState } from "@keystead/client/shapes";
import { attributesFrom } from "../attribute-options.ts";
import { collect, leaf, type Run } from "../command-tree.ts";
import { usageError } from "../usage-error.ts";
import { keyTable } from "./key-facts.ts";

interface Options {
  readonly algorithm?: readonly string[];
  readonly shownId?: Buffer;
  readonly shownLabel?: string;
  readonly state?: string;
  readonly tag?: readonly string[];
}

/** Bytes of an id in hexadecimal. @throws a usage error */
function idOf(text: string): Buffer {
  if (!/^(?:[0-9A-Fa-f]{2})+$/.test(text)) throw usageError("--shown-id: write the id in hexadecimal");
  return Buffer.from(text, "hex");
}

export function keysFind(parent: Command, run: Run): void {
  leaf<Options>(parent, run, {
    usage: "find [conditions...]",
    summary: "Find keys by their attributes",
    notes: "A condition is NAME=VALUE with an attribute's name; of usages, a key must permit every one named.",
    examples: ["keystead keys find label='Release key'", "keystead keys find extractable=true usage=sign --state active"],
    options: (command) =>
      command
        .option("--algorithm <name>", "only keys of this algorithm; repeat for any of several", collect)
        .option("--shown-id <hex>", "only what PKCS#11 shows by this CKA_ID: the attribute id, or of a key without one its name", idOf)
        .option("--shown-label <text>", "the same of CKA_LABEL")
        .option("--state <state>", "only keys in this state (default: all but destroyed)")
        .option("--tag <tag>", "only keys with this tag; repeat for more", collect),
    body: async (context, { algorithm, state, tag, shownId, shownLabel }, conditions) => {
      const keystead = await context.connect();
      const request: FindObjectsRequest = {
        match: attributesFrom("find", conditions),
        algorithms: algorithm,
        shownId,
        shownLabel,
        state: state as KeyState | undefined,
        tags: tag,
        perPage: 1000,
      };
      const keys: Key[] = [];
      let pageToken: string | undefined;
      do {
        const answer = await keystead.findObjects({ ...request, pageToken });
        keys.push(...answer.keys);
        pageToken = answer.nextPageToken;
      } while (pageToken !== "");
      await context.print({ keys }, () => keyTable(context, keys));
    },
  });
}
