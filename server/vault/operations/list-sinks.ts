import { listSinks as operation } from "@keystead/contract/operations/list-sinks";
import { handler } from "./handler.ts";
import { sinkMessage } from "./sink-message.ts";
import { sinksOf } from "./sink-control.ts";
import { reachesAll } from "./whole-reach.ts";

/** Every sink within reach, by name; those of the whole server for whoever reaches all of it. */
export const listSinks = handler(operation, async (invocation, context) => {
  const { namespace, hidden } = invocation;
  const all = await reachesAll(invocation, context);
  const unseen = hidden();
  const sinks = sinksOf(context)
    .list()
    .filter(({ stored }) =>
      namespace === "" ? (stored.namespace === "" ? all : !unseen.has(stored.namespace)) : stored.namespace === namespace,
    );
  return { reply: { sinks: sinks.map(sinkMessage) } };
});
