/**
 * An operation whose answer is a stream, as the surfaces frame it: the first answer comes from the operation itself, the rest
 * is asked for bit by bit, as fast as the client takes it.
 *
 * Every answer is passed on, also one without an event: it shows that the stream lives, and how far it is.
 */
import { fromBinary } from "@bufbuild/protobuf";
import { asHsmError, HsmError } from "@keystead/contract/errors";
import { StreamAuditLogResponseSchema } from "@keystead/contract/generated/hsm/hsm_pb";
import type { Operation } from "@keystead/contract/operation";
import { STREAM_WAIT_MS, type Desk, type Forwarded } from "../../forward.ts";
import type { Exchange } from "../../transports/exchange.ts";

/**
 * Who opened the newest stream of each request id. A client that comes again with the same one is sometimes here before the end
 * of its former connection was noticed: the end of that must not end what took its place.
 */
const newest = new Map<string, object>();

/** Whether an operation's answer is a stream. */
export const isStream = ({ method }: Operation): boolean => method.methodKind === "server_streaming";

/** Answers in protobuf, until the client goes away, the stream ends, or the server stops. */
export async function* eventStream(desk: Desk, exchange: Exchange, { deadlineMs, ...opening }: Forwarded): AsyncGenerator<Buffer> {
  const until = deadlineMs === undefined ? Infinity : performance.now() + deadlineMs;
  let cancel: (() => void) | undefined;
  let gone = false;
  exchange.onAbort(() => {
    gone = true;
    cancel?.();
  });
  const { requestId } = opening;
  const opener = {};
  newest.set(requestId, opener);
  const isNewest = (): boolean => (newest.get(requestId) ?? opener) === opener;
  const leave = (): void => void (isNewest() && newest.delete(requestId));
  let reply: Buffer;
  try {
    reply = await desk.forward(exchange, { ...opening, deadlineMs: undefined });
  } catch (error) {
    leave();
    throw error;
  }
  const stop = Promise.withResolvers<never>();
  stop.promise.catch(() => undefined);
  const stopping = (): void => stop.reject(new HsmError("PROVIDER_UNAVAILABLE", "the server is stopping", { retryAfterSeconds: 1 }));
  desk.stopping.addEventListener("abort", stopping, { once: true });
  if (desk.stopping.aborted) stopping();
  let finished = false;
  try {
    for (let told = -Infinity; ;) {
      const { events, complete } = fromBinary(StreamAuditLogResponseSchema, reply);
      finished = complete;
      const now = performance.now();
      if (events.length > 0 || complete || now - told >= STREAM_WAIT_MS) {
        told = now;
        yield reply;
      }
      if (complete || gone) return;
      if (performance.now() >= until) throw new HsmError("DEADLINE_EXCEEDED", "the deadline of the stream has passed");
      const more = desk
        .streamOn(exchange, requestId, "more", (stopAsking) => (cancel = stopAsking))
        .catch((thrown: unknown) => {
          throw asHsmError(thrown).ofBegun();
        });
      reply = await Promise.race([more, stop.promise]);
    }
  } finally {
    desk.stopping.removeEventListener("abort", stopping);
    if (!finished && isNewest()) desk.streamOn(exchange, requestId, "end").catch(() => undefined);
    leave();
  }
}

/** The first answer of a stream, which then ends. */
export async function firstAnswer(desk: Desk, exchange: Exchange, request: Forwarded): Promise<Buffer> {
  const reply = await desk.forward(exchange, request);
  desk.streamOn(exchange, request.requestId, "end").catch(() => undefined);
  return reply;
}
