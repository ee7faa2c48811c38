/** `keystead keys`: the group of commands about keys themselves. */
import type { Command } from "commander";
import { group, type Run } from "../command-tree.ts";
import { keysAttributes } from "./keys-attributes.ts";
import { keysCopy } from "./keys-copy.ts";
import { keysCreate } from "./keys-create.ts";
import { keysDelete } from "./keys-delete.ts";
import { keysApprovePurge, keysCancelDestroy, keysDestroy, keysPurge } from "./keys-destroy.ts";
import { keysFind } from "./keys-find.ts";
import { keysImport } from "./keys-import.ts";
import { keysList } from "./keys-list.ts";
import { keysPublic } from "./keys-public.ts";
import { keysRevoke } from "./keys-revoke.ts";
import { keysRollback } from "./keys-rollback.ts";
import { keysRotate } from "./keys-rotate.ts";
import { keysShow } from "./keys-show.ts";
import { keysActivate, keysDeactivate, keysResume, keysSuspend } from "./keys-state.ts";
import { keysUpdate } from "./keys-update.ts";
import { keysVersions } from "./keys-versions.ts";

export function keys(root: Command, run: Run): void {
  const parent = group(root, "keys", "Create, import, list, show, rotate and retire keys");
  for (const add of [
    keysCreate,
    keysCopy,
    keysImport,
    keysList,
    keysFind,
    keysShow,
    keysVersions,
    keysPublic,
    keysAttributes,
    keysUpdate,
    keysRotate,
    keysRollback,
    keysActivate,
    keysSuspend,
    keysResume,
    keysDeactivate,
    keysRevoke,
    keysDestroy,
    keysCancelDestroy,
    keysApprovePurge,
    keysPurge,
    keysDelete,
  ])
    add(parent, run);
}
