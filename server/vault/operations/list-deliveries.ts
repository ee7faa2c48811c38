import { listDeliveries as operation } from "@keystead/contract/operations/list-deliveries";
import { handler } from "./handler.ts";
import { deadLetterMessage, deliveryMessage } from "./sink-message.ts";
import { sinksOf } from "./sink-control.ts";
import { requireWholeReach } from "./whole-reach.ts";

/** The last attempts and what was set aside. */
export const listDeliveries = handler(operation, async (invocation, context) => {
  await requireWholeReach(invocation, context);
  const { standing } = sinksOf(context).get(invocation.namespace, invocation.request.sinkId).state;
  return { reply: { deliveries: standing.deliveries.map(deliveryMessage), deadLetters: standing.aside.map(deadLetterMessage) } };
});
