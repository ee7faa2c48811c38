/**
 * The sinks that are open in this process, and the vault's questions about them.
 *
 * It makes one attempt at what it is told and says how it went; when to try again, and what becomes of an event that cannot be
 * delivered, is the vault's to decide, because it is the vault that remembers. One sink's attempts never wait for another's.
 */
import { DELIVER_CALL, decodeCloseSink, decodeDeliver, decodeOpenSink, encodeDeliveryAnswer } from "@keystead/channel/deliver-call";
import type { DeliverAnswer, DeliverCall, OpenSinkAnswer, OpenSinkCall } from "@keystead/channel/deliver-call";
import { sinkEvent } from "./event.ts";
import { openSink } from "./register.ts";
import { UnusableTarget, type Sink, type Surroundings } from "./sink.ts";

/** What every sink of this process may use; source and time-out come with each. */
export type DeliverOptions = Omit<Surroundings, "source" | "timeoutMs">;

interface Open {
  readonly revision: number;
  readonly sink: Sink;
  readonly secrets: readonly Buffer[];
}

/** Answers by the number of the question. */
export function deliverer(options: DeliverOptions): ReadonlyMap<number, (call: { readonly payload: Buffer }) => Promise<Buffer>> {
  const sinks = new Map<string, Open>();

  const close = (name: string): void => {
    const before = sinks.get(name);
    sinks.delete(name);
    before?.sink.close();
    for (const secret of before?.secrets ?? []) secret.fill(0);
  };

  const open = ({ sink: name, revision, target, source, timeoutMs, secrets: given }: OpenSinkCall): OpenSinkAnswer => {
    close(name);
    const secrets = given as readonly Buffer[];
    try {
      sinks.set(name, { revision, secrets, sink: openSink(target, secrets, { ...options, source, timeoutMs }) });
      return { open: true };
    } catch (error) {
      for (const secret of secrets) secret.fill(0);
      if (error instanceof UnusableTarget) return { refused: error.message };
      throw error;
    }
  };

  const deliver = async ({ sink: name, revision, budgetMs, lines }: DeliverCall): Promise<DeliverAnswer> => {
    const found = sinks.get(name);
    if (found === undefined || found.revision !== revision) return { unknown: true };
    const events = Buffer.from(lines.buffer, lines.byteOffset, lines.length)
      .toString("utf8")
      .split("\n")
      .flatMap((line) => (line === "" ? [] : [sinkEvent(line)]));
    if (events.length === 0) return { delivered: 0 };
    const until = performance.now() + budgetMs;
    return found.sink.deliver(events, () => performance.now() < until);
  };

  return new Map([
    [DELIVER_CALL.open, async ({ payload }) => encodeDeliveryAnswer(open(decodeOpenSink(payload)))],
    [DELIVER_CALL.deliver, async ({ payload }) => encodeDeliveryAnswer(await deliver(decodeDeliver(payload)))],
    [
      DELIVER_CALL.close,
      async ({ payload }) => {
        close(decodeCloseSink(payload));
        return encodeDeliveryAnswer({ delivered: 0 });
      },
    ],
  ]);
}
