/**
 * Sends traces and metrics to a collector by OTLP/HTTP, and nothing else to nobody else.
 *
 * The one place where the gateway dials: the address of the configuration, no redirect, one request at a time, each
 * bounded in time and answer. What cannot be sent is tried again a few times with growing waits and then dropped, with a
 * line in the log: a collector that is not there never costs more than the bounded buffers. What the vault measured comes
 * over the channel; the vault itself dials nobody.
 *
 * @see https://opentelemetry.io/docs/specs/otlp/#otlphttp-request
 */
import { request as requestPlain, type IncomingMessage } from "node:http";
import { request as requestTls } from "node:https";
import type { TelemetryConfig } from "@keystead/contract/config";
import type { Logger } from "@keystead/contract/logging";
import type { Samples } from "@keystead/contract/metrics";
import type { Span } from "@keystead/contract/spans";
import { metricRequest, traceRequest } from "./otlp.ts";

/** Where what is sent comes from. */
export interface ExportSources {
  readonly gatewaySpans: () => readonly Span[];
  readonly vaultSpans: () => Promise<readonly Span[]>;
  readonly gatewaySamples: () => Samples;
  readonly vaultSamples: () => Promise<Samples>;
}

export interface ExporterOptions {
  readonly config: TelemetryConfig;
  readonly sources: ExportSources;
  readonly log: Logger;
  /** Authorities of the collector, in PEM; Node's own when undefined. */
  readonly authorities: readonly string[] | undefined;
  /** Waits between attempts, in milliseconds. */
  readonly retryMs?: readonly number[];
}

const ATTEMPT_MS = 10_000;
const RETRY_MS: readonly number[] = [1_000, 3_000];
const MOST_ANSWER_BYTES = 64 * 1024;
/** Statuses after which the same may be sent again (OTLP "Retryable Response Codes"). */
const RETRYABLE: ReadonlySet<number> = new Set([429, 502, 503, 504]);

export class Exporter {
  readonly #options: ExporterOptions;
  readonly #startedAt = Date.now();
  #timer: NodeJS.Timeout | undefined;
  #underWay: Promise<void> | undefined;
  #failing = false;
  #closed = false;
  #wake: (() => void) | undefined;

  constructor(options: ExporterOptions) {
    this.#options = options;
  }

  /** Sends every so often from now on. */
  begin(): void {
    this.#timer = setInterval(() => void this.flush(), this.#options.config.intervalSeconds * 1000).unref();
  }

  /** Sends what there is; while something is being sent, waits for that instead. Never rejects. */
  flush(): Promise<void> {
    return (this.#underWay ??= this.#export().finally(() => (this.#underWay = undefined)));
  }

  /** Sends the rest, without trying again. */
  async close(): Promise<void> {
    clearInterval(this.#timer);
    this.#closed = true;
    this.#wake?.();
    await this.#underWay;
    await this.flush();
  }

  async #export(): Promise<void> {
    const { config, sources } = this.#options;
    if (config.traces) {
      const parts = { gateway: sources.gatewaySpans(), vault: await sources.vaultSpans() };
      if (parts.gateway.length + parts.vault.length > 0) await this.#send("/v1/traces", traceRequest(parts));
    }
    if (config.metrics) {
      const parts = { gateway: sources.gatewaySamples(), vault: await sources.vaultSamples() };
      await this.#send("/v1/metrics", metricRequest(parts, this.#startedAt, Date.now()));
    }
  }

  async #send(path: string, message: object): Promise<void> {
    const body = Buffer.from(JSON.stringify(message), "utf8");
    const waits = this.#options.retryMs ?? RETRY_MS;
    let failure = "";
    for (let attempt = 0; attempt <= waits.length; attempt += 1) {
      const status = await this.#post(path, body).catch((error: unknown) => {
        failure = (error as NodeJS.ErrnoException).code ?? (error as Error).name;
        return 0;
      });
      if (status >= 200 && status < 300) {
        if (this.#failing) this.#options.log.info("telemetry is sent again");
        this.#failing = false;
        return;
      }
      if (status !== 0) failure = `status ${status}`;
      if (this.#closed || (status !== 0 && !RETRYABLE.has(status)) || attempt === waits.length) break;
      await this.#wait(waits[attempt] as number);
    }
    if (!this.#failing) this.#options.log.warn("telemetry could not be sent and is dropped", { path, detail: failure });
    this.#failing = true;
  }

  #wait(ms: number): Promise<void> {
    return new Promise((resolve) => {
      const timer = setTimeout(resolve, ms).unref();
      this.#wake = () => {
        clearTimeout(timer);
        resolve();
      };
    });
  }

  /** @returns the status. Rejects when there is none */
  #post(path: string, body: Buffer): Promise<number> {
    const url = new URL(this.#options.config.endpoint.replace(/\/$/, "") + path);
    const { authorities } = this.#options;
    return new Promise((resolve, reject) => {
      const answered = (answer: IncomingMessage): void => {
        let bytes = 0;
        answer.on("data", (chunk: Buffer) => {
          bytes += chunk.length;
          if (bytes > MOST_ANSWER_BYTES) answer.destroy();
        });
        answer.once("close", () => resolve(answer.statusCode ?? 0));
        answer.on("error", () => undefined);
      };
      const asked = {
        method: "POST",
        agent: false,
        signal: AbortSignal.timeout(ATTEMPT_MS),
        headers: { "content-type": "application/json", "content-length": body.length, "user-agent": "keystead" },
      } as const;
      const sent =
        url.protocol === "https:"
          ? requestTls(url, { ...asked, minVersion: "TLSv1.2", ...(authorities === undefined ? {} : { ca: [...authorities] }) }, answered)
          : requestPlain(url, asked, answered);
      // Nobody asked for another protocol, and it would be neither an answer nor an error.
      sent.on("upgrade", (_answer, socket) => {
        socket.destroy();
        reject(new Error("the collector answered with status 101"));
      });
      sent.once("error", reject);
      sent.end(body);
    });
  }
}
