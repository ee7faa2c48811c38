/**
 * The gateway's span of each request, and what the vault is told of the trace.
 *
 * A caller's trace goes on, with its own verdict whether it is recorded; where there is none a new one begins and is
 * recorded as often as the configuration says. The vault hears of the trace either way, so its id is in the audit event.
 */
import {
  SpanBuffer,
  formatTraceParent,
  newTraceId,
  parseTraceParent,
  preciseNow,
  type Span,
  type TraceParent,
} from "@keystead/contract/spans";

/** A span under way. */
export interface OpenSpan {
  /** For the vault, whose spans are its children. */
  readonly traceparent: string;
  /** Ends it. `code` is OK or an error code. */
  end(code: string): void;
}

export class Tracer {
  readonly #sampleRatio: number;
  readonly #random: () => number;
  readonly buffer = new SpanBuffer();

  /** @param sampleRatio 0 to 1: of requests without a trace of their own */
  constructor(sampleRatio: number, random: () => number = Math.random) {
    this.#sampleRatio = sampleRatio;
    this.#random = random;
  }

  /** @param given the caller's `traceparent`, if any; one that is malformed is as good as none (§3.2.2) */
  begin(name: string, given: string | undefined, requestId: string): OpenSpan {
    const parent = given === undefined ? undefined : parseTraceParent(given);
    const own: TraceParent = {
      traceId: parent?.traceId ?? newTraceId(16),
      spanId: newTraceId(8),
      sampled: parent?.sampled ?? this.#random() < this.#sampleRatio,
    };
    const start = preciseNow();
    return {
      traceparent: formatTraceParent(own),
      end: (code) => {
        if (!own.sampled) return;
        const span: Span = {
          traceId: own.traceId,
          spanId: own.spanId,
          parentId: parent?.spanId ?? "",
          name,
          kind: "server",
          start,
          end: preciseNow(),
          code,
          attributes: { "keystead.request_id": requestId },
        };
        this.buffer.add(span);
      },
    };
  }
}
