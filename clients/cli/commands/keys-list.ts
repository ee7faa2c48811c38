/** `keystead keys list`: a page of keys, or all of them. */
import type { Command } from "commander";
import type { Keystead } from "@keystead/client/client";
import { KEY_STATES } from "@keystead/client/names";
import type { Key, KeyState, ListKeysRequest, ListKeysResponse } from "@keystead/client/shapes";
import { collect, leaf, type Run } from "../command-tree.ts";
import { wholeNumber } from "../whole-number.ts";
import { keyTable } from "./key-facts.ts";

interface Options {
  readonly page?: number;
  readonly perPage?: number;
  readonly pageToken?: string;
  readonly all?: boolean;
  readonly algorithm?: string;
  readonly state?: string;
  readonly tag?: readonly string[];
}

/** Follows the cursor to the end. */
async function everyPage(keystead: Keystead, request: ListKeysRequest): Promise<ListKeysResponse> {
  const keys: Key[] = [];
  let answer = await keystead.listKeys({ ...request, perPage: 1000 });
  keys.push(...answer.keys);
  while (answer.nextPageToken !== "") {
    answer = await keystead.listKeys({ ...request, page: undefined, perPage: 1000, pageToken: answer.nextPageToken });
    keys.push(...answer.keys);
  }
  return { ...answer, keys, page: 1, perPage: keys.length };
}

export function keysList(parent: Command, run: Run): void {
  leaf<Options>(parent, run, {
    usage: "list",
    summary: "List keys",
    examples: ["keystead keys list --algorithm AES-256-GCM --tag team:build", "keystead keys list --all --json"],
    options: (command) =>
      command
        .option("--page <number>", "page from 1", wholeNumber("--page", 1, 1_000_000))
        .option("--per-page <number>", "keys per page, 1 to 1000 (default: 50)", wholeNumber("--per-page", 1, 1000))
        .option("--page-token <token>", "continue after an earlier answer")
        .option("--all", "every page")
        .option("--algorithm <name>", "only keys of this algorithm")
        .option("--state <state>", `${KEY_STATES.join(", ")} (default: all but destroyed)`)
        .option("--tag <tag>", "only keys with this tag; repeat for more", collect),
    body: async (context, options) => {
      const keystead = await context.connect();
      const request: ListKeysRequest = {
        page: options.page,
        perPage: options.perPage,
        pageToken: options.pageToken,
        algorithm: options.algorithm,
        state: options.state as KeyState | undefined,
        tags: options.tag,
      };
      const answer = options.all === true ? await everyPage(keystead, request) : await keystead.listKeys(request);
      await context.print(answer, () => keyTable(context, answer.keys));
      if (context.form === "table" && answer.nextPageToken !== "")
        await context.note(
          `${answer.keys.length} of ${answer.total} keys; the next page: --page-token ${answer.nextPageToken}, all: --all`,
        );
    },
  });
}
