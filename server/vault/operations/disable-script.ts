import { disableScript as operation } from "@keystead/contract/operations/disable-script";
import { disable } from "../scripts/stored-script.ts";
import { handler } from "./handler.ts";
import { scriptMessage } from "./script-message.ts";

/** Puts a script out of force. */
export const disableScript = handler(operation, async ({ request }, { documents }) => {
  const { script, change } = await disable(documents, request.script);
  return { reply: { script: scriptMessage(script) }, change };
});
