/**
 * The sinks that are open in this process, and the vault's questions about them.
 *
 * It makes one attempt at what it is told and says how it went; when to try again, and what becomes of an event that cannot be
 * delivered, is the vault's to decide, because it is the vault that remembers. One sink's attempts never wait for another's.
 */
import { DELIVER_CALL, decodeCloseSink, decodeDeliver, decodeOpenSink, encodeDeliveryAnswer } from "@keystead/channel/deliver-call";
import type { DeliverAnswer, DeliverCall, OpenSinkAnswer } from "@keystead/channel/deliver-call";
import { sinkEvent, type SinkEvent } from "./event.ts";
import { openSink } from "./register.ts";
import { UnusableTarget, type Sink, type Surroundings } from "./sink.ts";

/** What every sink of this process may use; source and time-out come with each. */
export type DeliverOptions = Omit<Surroundings, "source" | "timeoutMs">;

interface Open {
  readonly revision: number;
  readonly sink: Sink;
  readonly secrets: readonly Buffer[];
  /** Nothing further is begun. */
  ending: boolean;
}

/** Answers by the number of the question. */
export function deliverer(options: DeliverOptions): ReadonlyMap<number, (call: { readonly payload: Buffer }) => Promise<Buffer>> {
  const sinks = new Map<string, Open>();
  const queues = new Map<string, Promise<unknown>>();

  /** One question about a sink after the other: what was given up by the vault may still be under way. */
  const inTurn = <T>(name: string, work: () => Promise<T>): Promise<T> => {
    const mine = (queues.get(name) ?? Promise.resolve()).then(work);
    const settled: Promise<unknown> = mine
      .catch(() => undefined)
      .then(() => (queues.get(name) === settled ? void queues.delete(name) : undefined));
    queues.set(name, settled);
    return mine;
  };

  const end = (name: string): void => {
    const before = sinks.get(name);
    if (before !== undefined) before.ending = true;
  };

  const close = (name: string): void => {
    const before = sinks.get(name);
    sinks.delete(name);
    before?.sink.close();
    for (const secret of before?.secrets ?? []) secret.fill(0);
  };

  const open = async ({
    sink: name,
    revision,
    target,
    source,
    timeoutMs,
    secrets,
  }: ReturnType<typeof decodeOpenSink>): Promise<OpenSinkAnswer> => {
    close(name);
    try {
      sinks.set(name, { revision, secrets, ending: false, sink: openSink(target, secrets, { ...options, source, timeoutMs }) });
      return { open: true };
    } catch (error) {
      for (const secret of secrets) secret.fill(0);
      if (error instanceof UnusableTarget) return { refused: error.message };
      throw error;
    }
  };

  const deliver = async ({ sink: name, revision, budgetMs }: DeliverCall, events: readonly SinkEvent[]): Promise<DeliverAnswer> => {
    const found = sinks.get(name);
    if (found === undefined || found.revision !== revision) return { unknown: true };
    if (events.length === 0) return { delivered: 0 };
    const until = performance.now() + budgetMs;
    return found.sink.deliver(events, () => !found.ending && performance.now() < until);
  };

  return new Map([
    [
      DELIVER_CALL.open,
      async ({ payload }) => {
        const call = decodeOpenSink(payload);
        end(call.sink);
        return encodeDeliveryAnswer(await inTurn(call.sink, () => open(call)));
      },
    ],
    [
      DELIVER_CALL.deliver,
      async ({ payload }) => {
        const call = decodeDeliver(payload);
        // Read at once: what a question holds is the channel's again once this has returned.
        const events = eventsOf(call.lines);
        return encodeDeliveryAnswer(await inTurn(call.sink, () => deliver(call, events)));
      },
    ],
    [
      DELIVER_CALL.close,
      async ({ payload }) => {
        const name = decodeCloseSink(payload);
        end(name);
        await inTurn(name, async () => close(name));
        return encodeDeliveryAnswer({ delivered: 0 });
      },
    ],
  ]);
}

const eventsOf = (lines: Uint8Array): SinkEvent[] =>
  Buffer.from(lines.buffer, lines.byteOffset, lines.length)
    .toString("utf8")
    .split("\n")
    .flatMap((line) => (line === "" ? [] : [sinkEvent(line)]));
