import { deleteSink as operation } from "@keystead/contract/operations/delete-sink";
import { handler } from "./handler.ts";
import { sinksOf } from "./sink-control.ts";
import { requireWholeReach } from "./whole-reach.ts";

/** Ends a sink. */
export const deleteSink = handler(operation, async (invocation, context) => {
  await requireWholeReach(invocation, context);
  return { reply: {}, change: await sinksOf(context).remove(invocation.namespace, invocation.request.sinkId) };
});
