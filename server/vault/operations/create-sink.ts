import { createSink as operation } from "@keystead/contract/operations/create-sink";
import { wipe } from "@keystead/crypto/wipe";
import { handler } from "./handler.ts";
import { filterOf, retryOf, secretOf, sinkMessage, targetOf } from "./sink-message.ts";
import { sinksOf } from "./sink-control.ts";
import { requireWholeReach } from "./whole-reach.ts";

/** Keeps a sink, after the process that will deliver has agreed to its target. */
export const createSink = handler(operation, async (invocation, context) => {
  const { namespace, principal, request } = invocation;
  const sinks = sinksOf(context);
  const { kind, json } = targetOf(request.target);
  await requireWholeReach(invocation, context);
  const since = namespace === "" ? undefined : (await context.objects.describeNamespace(namespace)).attributes.createdAt;
  const filter = filterOf(request.filter, namespace);
  const { secret, shown } = secretOf(kind, request.secret);
  try {
    const { id, stored, change } = await sinks.create(
      {
        name: request.name,
        namespace,
        ...(since === undefined ? {} : { since }),
        enabled: !request.disabled,
        target: json,
        filter,
        retry: retryOf(request.retry),
        from: Number(request.fromSequence),
        secrets: secret === undefined ? [] : [secret],
      },
      principal.id,
    );
    const made = shown === undefined ? {} : { secret: shown };
    return { reply: { sink: sinkMessage({ id, stored }), ...made }, change, secrets: shown === undefined ? [] : [shown] };
  } catch (error) {
    wipe(shown);
    throw error;
  } finally {
    wipe(secret, request.secret);
  }
});
