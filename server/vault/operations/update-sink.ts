import { updateSink as operation } from "@keystead/contract/operations/update-sink";
import { handler } from "./handler.ts";
import { filterOf, retryOf, sinkMessage, targetOf } from "./sink-message.ts";
import { sinksOf } from "./sink-control.ts";
import { requireWholeReach } from "./whole-reach.ts";

/** Changes what is given of a sink. */
export const updateSink = handler(operation, async (invocation, context) => {
  const { namespace, request } = invocation;
  await requireWholeReach(invocation, context);
  const { name, enabled, target, filter, retry, sinkId: id } = request;
  const { stored, change } = await sinksOf(context).update(namespace, id, {
    ...(name === undefined ? {} : { name }),
    ...(enabled === undefined ? {} : { enabled }),
    ...(target === undefined ? {} : { target: targetOf(target).json }),
    ...(filter === undefined ? {} : { filter: filterOf(filter, namespace) }),
    ...(retry === undefined ? {} : { retry: retryOf(retry) }),
  });
  return { reply: { sink: sinkMessage({ id, stored }) }, change };
});
