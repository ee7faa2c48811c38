import { getScript as operation } from "@keystead/contract/operations/get-script";
import { sourceOf, storedScript } from "../scripts/stored-script.ts";
import { handler } from "./handler.ts";
import { scriptMessage } from "./script-message.ts";

/** A policy script; with the source of one of its versions when that is asked for. */
export const getScript = handler(operation, async ({ request }, { documents }) => {
  const script = scriptMessage(storedScript(documents, request.script));
  if (request.sourceVersion === 0) return { reply: { script } };
  const source = await sourceOf(documents, request.script, request.sourceVersion);
  return { reply: { script, source }, secrets: [source] };
});
