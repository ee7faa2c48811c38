/**
 * From a surface to the vault and back: admission, evidence, one frame each way.
 */
import { encodeCall, RECEIPT_BYTES, receiptOf, type Evidence } from "@keystead/channel/call";
import { wipePayload, type Payload } from "@keystead/channel/payload";
import { asHsmError, HsmError } from "@keystead/contract/errors";
import type { Operation } from "@keystead/contract/operation";
import { STREAM_ON } from "@keystead/contract/operations/register";
import type { Admission } from "./admission.ts";
import { evidenceOf } from "./evidence/evidence.ts";
import type { GatewayMeasurements } from "./measure.ts";
import type { Exchange } from "./transports/exchange.ts";
import type { RequestLog } from "./request-log.ts";
import type { OpenSpan, Tracer } from "./telemetry/tracer.ts";
import type { VaultLink } from "./vault-link.ts";

/** What a surface forwards. */
export interface Forwarded {
  readonly operation: Operation;
  readonly requestId: string;
  /** The request message, protobuf, perhaps in pieces. It is wiped. */
  readonly body: Payload;
  /** What the caller asked for, in milliseconds. */
  readonly deadlineMs: number | undefined;
}

/** Forwards one request; the reply is the response message, protobuf. @throws {HsmError} */
export type Forward = (exchange: Exchange, request: Forwarded) => Promise<Buffer>;

/** How long the vault waits for more of a stream before it says that there is nothing yet, in milliseconds. */
export const STREAM_WAIT_MS = 10_000;

/**
 * Asks for more of the stream that the exchange's request opened, with the caller's evidence, which the vault looks at
 * anew. With "end": nobody listens any more.
 */
export type StreamOn = (
  exchange: Exchange,
  requestId: string,
  asked: "more" | "end",
  onCall?: (cancel: () => void) => void,
) => Promise<Buffer>;

/** The gateway's parts, as surfaces use them. */
export interface Desk {
  readonly forward: Forward;
  readonly streamOn: StreamOn;
  readonly bodyBytes: number;
  readonly measurements: GatewayMeasurements;
  /** Told of every request that was answered. */
  readonly requests: RequestLog;
  /** Aborted when the gateway begins to end: streams that have no end of their own end then. */
  readonly stopping: AbortSignal;
  /** Asks the vault a question of the gateway's own (SELF). */
  ask(question: number): Promise<Buffer>;
}

/** @param tracer makes a span of each request; without it the caller's trace is passed on as it came */
export function forwarder(link: VaultLink, admission: Admission, tracer?: Pick<Tracer, "begin">): Forward {
  const forward = forwarding(link, admission);
  if (tracer === undefined) return forward;
  return async (exchange, request) => {
    const span = tracer.begin(request.operation.name, exchange.header("traceparent"), request.requestId);
    try {
      const reply = await forward(exchange, request, span);
      span.end("OK");
      return reply;
    } catch (error) {
      span.end(asHsmError(error).code);
      throw error;
    }
  };
}

function forwarding(link: VaultLink, admission: Admission): (exchange: Exchange, request: Forwarded, span?: OpenSpan) => Promise<Buffer> {
  return async (exchange, { operation, requestId, body, deadlineMs }, span) => {
    let call: Payload;
    let wanted: boolean | undefined;
    try {
      admission.enter();
      try {
        const evidence: Evidence = evidenceOf(exchange, requestId, span?.traceparent);
        wanted = evidence.receipt;
        call = encodeCall(evidence, body);
      } catch (error) {
        admission.leave();
        throw error;
      }
    } catch (error) {
      wipePayload(body);
      throw error;
    }
    try {
      const reply = await link.request(operation.number, call, admission.deadlineMs(deadlineMs), (cancel) => exchange.onAbort(cancel));
      if (wanted !== true) return reply;
      const receipt = receiptOf(reply);
      if (receipt !== undefined) exchange.alsoAnswer("x-audit-receipt", receipt);
      return reply.subarray(RECEIPT_BYTES);
    } catch (error) {
      if (error instanceof HsmError && error.receipt !== undefined) exchange.alsoAnswer("x-audit-receipt", error.receipt);
      throw error;
    } finally {
      admission.leave();
    }
  };
}

/** Room for the answer behind the wait. */
const STREAM_SLACK_MS = 20_000;

/** Takes no place among the requests under way: a stream waits most of its time. The vault bounds their number. */
export function streamer(link: VaultLink): StreamOn {
  return async (exchange, requestId, asked, onCall) => {
    const body = Buffer.from(JSON.stringify(asked === "end" ? { end: true } : { waitMs: STREAM_WAIT_MS }), "utf8");
    const call = encodeCall(evidenceOf(exchange, requestId), body);
    return link.request(STREAM_ON, call, STREAM_WAIT_MS + STREAM_SLACK_MS, onCall);
  };
}

/** The error behind anything thrown, for surfaces. */
export const refusalOf = (thrown: unknown): HsmError => asHsmError(thrown);
