import { enableScript as operation } from "@keystead/contract/operations/enable-script";
import { enable } from "../scripts/stored-script.ts";
import { handler, scriptsOf } from "./handler.ts";
import { scriptMessage } from "./script-message.ts";

/** Puts a version of a script in force. Not where no scripts are run: it would refuse everything it applies to. */
export const enableScript = handler(operation, async ({ request }, context) => {
  scriptsOf(context);
  const { script, change } = await enable(context.documents, request.script, request.version);
  return { reply: { script: scriptMessage(script) }, change };
});
