import { deleteScript as operation } from "@keystead/contract/operations/delete-script";
import { remove } from "../scripts/stored-script.ts";
import { handler } from "./handler.ts";

/** Removes a script that is not enabled, with all its versions. */
export const deleteScript = handler(operation, async ({ request }, { documents }) => ({
  reply: {},
  change: await remove(documents, request.script),
}));
