import { testSink as operation } from "@keystead/contract/operations/test-sink";
import { handler } from "./handler.ts";
import { deliveryMessage } from "./sink-message.ts";
import { sinksOf } from "./sink-control.ts";
import { requireWholeReach } from "./whole-reach.ts";

/** Delivers an event that tells of nothing; how it went is the answer, also when it did not arrive. */
export const testSink = handler(operation, async (invocation, context) => {
  const { namespace, principal, request } = invocation;
  await requireWholeReach(invocation, context);
  return { reply: { delivery: deliveryMessage(await sinksOf(context).test(namespace, request.sinkId, principal.id)) } };
});
