/**
 * Spans: what a process did for one request, and when, for tracing systems.
 *
 * A span holds the name of the operation, times, the outcome's code and few attributes; never payloads, principals,
 * addresses or credentials. Spans wait in a bounded buffer until they are taken away: what does not fit is counted and
 * dropped, because no request waits for its trace.
 *
 * @see https://www.w3.org/TR/trace-context/ (traceparent, §3.2)
 */

export interface Span {
  /** 32 hexadecimal digits. */
  readonly traceId: string;
  /** 16 hexadecimal digits. */
  readonly spanId: string;
  /** Empty when it has none. */
  readonly parentId: string;
  readonly name: string;
  readonly kind: "server" | "internal";
  /** Milliseconds since the epoch, with fractions. */
  readonly start: number;
  readonly end: number;
  /** OK or an error code. */
  readonly code: string;
  readonly attributes: Readonly<Record<string, string>>;
}

export interface TraceParent {
  readonly traceId: string;
  readonly spanId: string;
  readonly sampled: boolean;
}

const TRACE_PARENT = /^00-(?!0{32})([0-9a-f]{32})-(?!0{16})([0-9a-f]{16})-([0-9a-f]{2})$/;

/** What a `traceparent` says, or undefined when it is none. */
export function parseTraceParent(text: string): TraceParent | undefined {
  const [, traceId, spanId, flags] = TRACE_PARENT.exec(text) ?? [];
  if (traceId === undefined || spanId === undefined || flags === undefined) return undefined;
  return { traceId, spanId, sampled: (Number.parseInt(flags, 16) & 1) === 1 };
}

export const formatTraceParent = ({ traceId, spanId, sampled }: TraceParent): string => `00-${traceId}-${spanId}-${sampled ? "01" : "00"}`;

/** An id of so many bytes that is not all zeros. They are names and no secrets. */
export function newTraceId(bytes: 8 | 16): string {
  for (;;) {
    let id = "";
    while (id.length < 2 * bytes)
      id += Math.floor(Math.random() * 0x1_0000_0000)
        .toString(16)
        .padStart(8, "0");
    if (!/^0+$/.test(id)) return id;
  }
}

/** Now, in milliseconds since the epoch with fractions. */
export const preciseNow = (): number => performance.timeOrigin + performance.now();

/** Most spans that wait. */
export const MOST_SPANS = 2048;

export class SpanBuffer {
  #spans: Span[] = [];
  #dropped = 0;

  add(span: Span): void {
    if (this.#spans.length < MOST_SPANS) this.#spans.push(span);
    else this.#dropped += 1;
  }

  /** All that wait, and how many were dropped since the last time; none wait afterwards. */
  take(): { readonly spans: readonly Span[]; readonly dropped: number } {
    const taken = { spans: this.#spans, dropped: this.#dropped };
    this.#spans = [];
    this.#dropped = 0;
    return taken;
  }
}
