import { getSink as operation } from "@keystead/contract/operations/get-sink";
import { handler } from "./handler.ts";
import { sinkMessage } from "./sink-message.ts";
import { sinksOf } from "./sink-control.ts";
import { requireWholeReach } from "./whole-reach.ts";

/** One sink and how it goes. */
export const getSink = handler(operation, async (invocation, context) => {
  await requireWholeReach(invocation, context);
  return { reply: { sink: sinkMessage(sinksOf(context).get(invocation.namespace, invocation.request.sinkId)) } };
});
