/** `keystead keys`: the group of commands about keys themselves. */
import type { Command } from "commander";
import { group, type Run } from "../command-tree.ts";
import { keysCreate } from "./keys-create.ts";
import { keysDelete } from "./keys-delete.ts";
import { keysImport } from "./keys-import.ts";
import { keysList } from "./keys-list.ts";
import { keysPublic } from "./keys-public.ts";
import { keysRotate } from "./keys-rotate.ts";
import { keysShow } from "./keys-show.ts";

export function keys(root: Command, run: Run): void {
  const parent = group(root, "keys", "Create, import, list, show, rotate and delete keys");
  for (const add of [keysCreate, keysImport, keysList, keysShow, keysPublic, keysRotate, keysDelete]) add(parent, run);
}
