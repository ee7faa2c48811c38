import { listConfigVersions as operation } from "@keystead/contract/operations/list-config-versions";
import { configMessage } from "./config-message.ts";
import { handler } from "./handler.ts";

/** Every version, the newest first; the documents by GetConfigVersion. */
export const listConfigVersions = handler(operation, async (_, { configuration }) => ({
  reply: { versions: configuration.versions().map(configMessage) },
}));
