import { redeliverDelivery as operation } from "@keystead/contract/operations/redeliver-delivery";
import { handler } from "./handler.ts";
import { deliveryMessage } from "./sink-message.ts";
import { sinksOf } from "./sink-control.ts";
import { requireWholeReach } from "./whole-reach.ts";

/** Delivers an event once more, out of its turn. */
export const redeliverDelivery = handler(operation, async (invocation, context) => {
  const { namespace, request } = invocation;
  await requireWholeReach(invocation, context);
  return { reply: { delivery: deliveryMessage(await sinksOf(context).redeliver(namespace, request.sinkId, Number(request.sequence))) } };
});
