/**
 * What becomes of a request once it is answered: it is counted, and logged where the operator wants that.
 *
 * At level debug every request has a line; what nobody foresaw has one at level error, whatever the level, because its
 * cause never leaves the server. Both say the request's id and its caller's trace, and nothing of the request itself: not
 * its path, which names keys.
 */
import { HsmError, asHsmError } from "@keystead/contract/errors";
import type { LogFields, Logger } from "@keystead/contract/logging";
import { parseTraceParent } from "@keystead/contract/spans";
import type { GatewayMeasurements } from "./measure.ts";
import type { Exchange } from "./transports/exchange.ts";

/** A request, as far as it is told of. */
export interface Told {
  readonly surface: string;
  readonly exchange: Pick<Exchange, "header">;
  readonly requestId: string;
}

export class RequestLog {
  readonly #measurements: Pick<GatewayMeasurements, "answered">;
  readonly #log: Logger;
  readonly #everything: boolean;

  constructor(measurements: Pick<GatewayMeasurements, "answered">, log: Logger) {
    this.#measurements = measurements;
    this.#log = log;
    this.#everything = log.level === "debug" || log.level === "trace";
  }

  /** It was answered. `code` is OK or an error code. */
  answered(told: Told, code: string): void {
    this.#measurements.answered(told.surface, code);
    if (this.#everything) this.#log.debug("answered", { ...fieldsOf(told), code });
  }

  /** It failed. @returns what its caller may be told */
  failed(told: Told, thrown: unknown): HsmError {
    const error = asHsmError(thrown);
    this.answered(told, error.code);
    // An HsmError came from the vault, which has said what there is to say, or was meant.
    if (!(thrown instanceof HsmError)) this.#log.error("a request failed unexpectedly", fieldsOf(told), thrown);
    return error;
  }
}

function fieldsOf({ surface, exchange, requestId }: Told): LogFields {
  const traceId = parseTraceParent(exchange.header("traceparent") ?? "")?.traceId;
  return { surface, requestId, ...(traceId === undefined ? {} : { traceId }) };
}
