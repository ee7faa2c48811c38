/**
 * The sinks that are open in this process, and the vault's questions about them.
 *
 * It makes one attempt at what it is told and says how it went; when to try again, and what becomes of an event that cannot be
 * delivered, is the vault's to decide, because it is the vault that remembers. One sink's attempts never wait for another's, and
 * every question has its answer in time, whatever a receiver does: the vault ends a process that does not answer, and every sink
 * would suffer for one.
 */
import { DELIVER_CALL, decodeCloseSink, decodeDeliver, decodeOpenSink, encodeDeliveryAnswer } from "@keystead/channel/deliver-call";
import type { DeliverAnswer, DeliverCall, OpenSinkAnswer } from "@keystead/channel/deliver-call";
import { sinkEvent, type SinkEvent } from "./event.ts";
import { openSink } from "./register.ts";
import { UnusableTarget, type Sink, type Surroundings } from "./sink.ts";

/** What every sink of this process may use; source and time-out come with each. */
export interface DeliverOptions extends Omit<Surroundings, "source" | "timeoutMs"> {
  /** How much later than promised an attempt may be before it is given up; two seconds when left out. */
  readonly lateMs?: number;
}

const LATE_MS = 2_000;
/** What was given up has ended by then, or nobody knows why not, and this process had better be ended. */
const STUCK_MS = 120_000;

interface Open {
  readonly revision: number;
  readonly timeoutMs: number;
  readonly sink: Sink;
  readonly secrets: readonly Buffer[];
  /** Nothing further is begun. */
  ending: boolean;
}

/** Answers by the number of the question. */
export function deliverer(options: DeliverOptions): ReadonlyMap<number, (call: { readonly payload: Buffer }) => Promise<Buffer>> {
  const sinks = new Map<string, Open>();
  const queues = new Map<string, Promise<unknown>>();
  /** Since when an attempt that was given up has not ended, by sink. */
  const stuck = new Map<string, number>();

  /** One question about a sink after the other: what was given up by the vault may still be under way. */
  const inTurn = <T>(name: string, work: () => Promise<T>): Promise<T> => {
    const mine = (queues.get(name) ?? Promise.resolve()).then(work);
    const settled: Promise<unknown> = mine
      .catch(() => undefined)
      .then(() => {
        if (queues.get(name) !== settled) return;
        queues.delete(name);
        stuck.delete(name);
      });
    queues.set(name, settled);
    return mine;
  };

  /** The answer to a question, or `late` once it takes too long; then what is under way is ended. */
  const inTime = async <T>(name: string, limitMs: number, late: T, work: () => Promise<T>): Promise<T> => {
    if (performance.now() - (stuck.get(name) ?? -Infinity) < STUCK_MS) return late;
    let timer: NodeJS.Timeout | undefined;
    const tooLate = new Promise<T>((resolve) => {
      timer = setTimeout(() => {
        stuck.set(name, stuck.get(name) ?? performance.now());
        close(name);
        resolve(late);
      }, limitMs);
    });
    try {
      return await Promise.race([inTurn(name, work), tooLate]);
    } finally {
      clearTimeout(timer);
    }
  };

  /** Ends a sink and its connections, with what is under way over them. */
  const close = (name: string): void => {
    const before = sinks.get(name);
    sinks.delete(name);
    if (before !== undefined) before.ending = true;
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
      sinks.set(name, { revision, timeoutMs, secrets, ending: false, sink: openSink(target, secrets, { ...options, source, timeoutMs }) });
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

  const { lateMs = LATE_MS } = options;
  return new Map([
    [
      DELIVER_CALL.open,
      async ({ payload }) => {
        const call = decodeOpenSink(payload);
        // At once: the former one may be waiting for a receiver, and nobody waits for its answer any more.
        close(call.sink);
        const late: OpenSinkAnswer = { refused: "an attempt before this one has not ended" };
        return encodeDeliveryAnswer(await inTime(call.sink, call.timeoutMs + lateMs, late, () => open(call)));
      },
    ],
    [
      DELIVER_CALL.deliver,
      async ({ payload }) => {
        const call = decodeDeliver(payload);
        // Read at once: what a question holds is the channel's again once this has returned.
        const events = eventsOf(call.lines);
        const late: DeliverAnswer = { delivered: 0, failure: { kind: "unavailable", reason: "it took too long and was given up" } };
        const limitMs = call.budgetMs + (sinks.get(call.sink)?.timeoutMs ?? 0) + lateMs;
        return encodeDeliveryAnswer(await inTime(call.sink, limitMs, late, () => deliver(call, events)));
      },
    ],
    [
      DELIVER_CALL.close,
      async ({ payload }) => {
        close(decodeCloseSink(payload));
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
