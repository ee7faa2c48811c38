import { listScripts as operation } from "@keystead/contract/operations/list-scripts";
import { storedScripts } from "../scripts/stored-script.ts";
import { handler } from "./handler.ts";
import { scriptMessage } from "./script-message.ts";

/** Every policy script. */
export const listScripts = handler(operation, async (_, { documents }) => ({
  reply: { scripts: storedScripts(documents).map(scriptMessage) },
}));
