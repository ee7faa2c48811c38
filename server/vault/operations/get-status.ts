import { VERSION } from "@keystead/contract/version";
import { getStatus as operation } from "@keystead/contract/operations/get-status";
import { handler } from "./handler.ts";

/** How the server is. */
export const getStatus = handler(operation, async (_invocation, context) => {
  const { uptimeSeconds, auditSequence, ...facts } = context.status();
  return { reply: { version: VERSION, uptimeSeconds: BigInt(Math.floor(uptimeSeconds)), auditSequence: BigInt(auditSequence), ...facts } };
});
