import { rotateSinkSecret as operation } from "@keystead/contract/operations/rotate-sink-secret";
import { HsmError } from "@keystead/contract/errors";
import { kindOfTarget, readTarget, SINK_SECRETS } from "@keystead/contract/sink-target";
import { wipe } from "@keystead/crypto/wipe";
import { handler } from "./handler.ts";
import { secretOf, sinkMessage } from "./sink-message.ts";
import { sinksOf } from "./sink-control.ts";
import { requireWholeReach } from "./whole-reach.ts";

/** Gives a sink another secret. Only what signs can overlap: a receiver knows one credential. */
export const rotateSinkSecret = handler(operation, async (invocation, context) => {
  const { namespace, request } = invocation;
  await requireWholeReach(invocation, context);
  const sinks = sinksOf(context);
  const id = request.sinkId;
  const kind = kindOfTarget(readTarget(sinks.get(namespace, id).stored.target));
  if (kind === undefined || SINK_SECRETS[kind] === "none") throw new HsmError("INVALID_REQUEST", "this kind of sink has no secret");
  const { secret, shown } = secretOf(kind, request.secret);
  try {
    if (secret === undefined) throw new HsmError("INVALID_REQUEST", "secret: must be given");
    const overlapMs = SINK_SECRETS[kind] === "signing" ? request.overlapSeconds * 1000 : 0;
    const { stored, change } = await sinks.rotate(namespace, id, secret, overlapMs);
    const made = shown === undefined ? {} : { secret: shown };
    return { reply: { sink: sinkMessage({ id, stored }), ...made }, change, secrets: shown === undefined ? [] : [shown] };
  } catch (error) {
    wipe(shown);
    throw error;
  } finally {
    wipe(secret, request.secret);
  }
});
