import { HsmError } from "@keystead/contract/errors";
import { getConfigVersion as operation } from "@keystead/contract/operations/get-config-version";
import { configMessage } from "./config-message.ts";
import { handler } from "./handler.ts";

/** A version of the configuration, with what was signed. */
export const getConfigVersion = handler(operation, async ({ request }, { configuration }) => {
  const record = await configuration.version(request.version);
  const newest = configuration.versions()[0]?.version ?? 0;
  if (record === undefined)
    throw new HsmError(
      "OBJECT_NOT_FOUND",
      request.version < newest
        ? `version ${request.version} of the configuration is not kept any more`
        : `there is no version ${request.version} of the configuration`,
    );
  return { reply: { configuration: configMessage(record), document: record.document, statement: record.statement } };
});
