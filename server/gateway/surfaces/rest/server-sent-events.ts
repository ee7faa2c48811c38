/**
 * A stream as Server-Sent Events, for browsers' EventSource and for curl.
 *
 * Each event of the log is one message: its sequence number as id, itself as JSON. A reader that comes again with
 * Last-Event-ID misses nothing. In between, a comment shows that the stream lives, with the number up to which was looked.
 * The last message is of type `end` and says why: OK, or the error's code.
 *
 * @see https://html.spec.whatwg.org/multipage/server-sent-events.html
 */
import type { HsmError } from "@keystead/contract/errors";
import { StreamAuditLogResponseSchema } from "@keystead/contract/generated/hsm/hsm_pb";
import type { JsonValue } from "@keystead/contract/json";
import { refusalOf, type Desk, type Forwarded } from "../../forward.ts";
import { messagePrinter } from "../../messages/message-printer.ts";
import type { Exchange } from "../../transports/exchange.ts";
import { eventStream } from "../grpc/event-stream.ts";
import { SAFE_HEADERS } from "./problem.ts";

const EVENTS_TYPE = "text/event-stream";
const print = messagePrinter(StreamAuditLogResponseSchema);

/** Whether the caller reads Server-Sent Events. */
export const wantsEvents = (exchange: Exchange): boolean =>
  exchange.method === "GET" &&
  (exchange.header("accept") ?? "").split(",").some((type) => type.split(";")[0]?.trim().toLowerCase() === EVENTS_TYPE);

/** Where a reader that comes again left off stands above what its address says, which it repeats. */
export function resume(json: { [name: string]: JsonValue }, exchange: Exchange): void {
  const last = exchange.header("last-event-id");
  if (last === undefined || last === "") return;
  delete json["after"];
  json["after"] = last;
}

/** Answers with events until the stream ends. Before the first of them errors are thrown. @returns the code it ended with */
export async function serverSentEvents(desk: Desk, exchange: Exchange, request: Forwarded): Promise<string> {
  const send = (text: string): Promise<void> => exchange.write(Buffer.from(text, "utf8"));
  let ended: HsmError | undefined;
  try {
    for await (const reply of eventStream(desk, exchange, request)) {
      if (!exchange.started)
        exchange.start(200, { ...SAFE_HEADERS, "content-type": EVENTS_TYPE, "x-accel-buffering": "no", "x-request-id": request.requestId });
      await send(messagesOf(reply));
    }
  } catch (thrown) {
    if (!exchange.started) throw thrown;
    ended = refusalOf(thrown);
  }
  const why = ended === undefined ? { code: "OK" } : { code: ended.code, number: ended.number, detail: ended.detail };
  await send(`event: end\ndata: ${JSON.stringify(why)}\n\n`).catch(() => undefined);
  exchange.end();
  return ended?.code ?? "OK";
}

function messagesOf(reply: Buffer): string {
  const { events, sequence } = JSON.parse(print(reply)) as { events: { sequence: string }[]; sequence: string };
  const lines = events.map((event) => `id: ${event.sequence}\ndata: ${JSON.stringify(event)}\n\n`);
  // A block without data sets the reader's last id and is no message.
  if (events.at(-1)?.sequence !== sequence) lines.push(`: so far\nid: ${sequence}\n\n`);
  return lines.join("");
}
