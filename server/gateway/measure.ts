/**
 * The gateway's own metrics.
 */
import { monitorEventLoopDelay } from "node:perf_hooks";
import { MetricsRegistry } from "@keystead/contract/metrics";

/** What is asked when the metrics are read. */
export interface GatewayFacts {
  readonly inFlight: () => number;
  readonly channelInFlight: () => number;
  readonly connections: () => number;
  readonly vaultConnected: () => boolean;
}

/** The delay of a timer of this length is measured; what exceeds it is lag. */
const LAG_RESOLUTION_MS = 20;

export class GatewayMeasurements {
  readonly #registry = new MetricsRegistry();
  readonly #requests = this.#registry.counter("hsm_gateway_requests_total", "Requests by surface and outcome.", ["surface", "code"]);
  readonly #delay = monitorEventLoopDelay({ resolution: LAG_RESOLUTION_MS });

  constructor(facts: GatewayFacts) {
    const registry = this.#registry;
    registry.gauge("hsm_gateway_in_flight", "Requests that wait for the vault.", facts.inFlight);
    registry.gauge("hsm_channel_in_flight", "Frames without an answer.", facts.channelInFlight);
    registry.gauge("hsm_gateway_connections", "Open connections.", facts.connections);
    registry.gauge("hsm_vault_connected", "1 while the vault is connected.", () => (facts.vaultConnected() ? 1 : 0));
    registry.gauge("hsm_event_loop_lag_seconds", "99th percentile of the event loop's lag since the last reading.", () => {
      const lag = Math.max(0, this.#delay.percentile(99) / 1e9 - LAG_RESOLUTION_MS / 1e3);
      this.#delay.reset();
      return [[{ part: "gateway" }, lag] as const];
    });
    registry.gauge("hsm_process_resident_memory_bytes", "Resident memory.", () => [
      [{ part: "gateway" }, process.memoryUsage.rss()] as const,
    ]);
    registry.gauge("hsm_process_cpu_seconds_total", "Processor time used since start.", () => {
      const { user, system } = process.cpuUsage();
      return [[{ part: "gateway" }, (user + system) / 1e6] as const];
    });
    this.#delay.enable();
  }

  /** Counts an answer. `code` is OK or an error code. */
  answered(surface: string, code: string): void {
    this.#requests(surface, code).add();
  }

  render(): string {
    return this.#registry.render();
  }

  /** Stops watching the event loop. */
  close(): void {
    this.#delay.disable();
  }
}
