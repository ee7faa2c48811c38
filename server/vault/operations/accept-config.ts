import { acceptConfig as operation } from "@keystead/contract/operations/accept-config";
import { configMessage } from "./config-message.ts";
import { handler } from "./handler.ts";

/** The version in force is accepted; a vault that waited for it works once that is durable. */
export const acceptConfig = handler(operation, async ({ principal, request }, { configuration }) => {
  const { record, change } = await configuration.accept(request.version, principal.id);
  return { reply: { configuration: configMessage(record) }, version: record.version, ...(change === undefined ? {} : { change }) };
});
