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

export class GatewayMeasurements {
  readonly #registry = new MetricsRegistry();
  readonly #requests = this.#registry.counter("hsm_gateway_requests_total", "Requests by surface and outcome.", ["surface", "code"]);
  readonly #delay = monitorEventLoopDelay({ resolution: 20 });

  constructor(facts: GatewayFacts) {
    const registry = this.#registry;
    registry.gauge("hsm_gateway_in_flight", "Requests that wait for the vault.", facts.inFlight);
    registry.gauge("hsm_channel_in_flight", "Frames without an answer.", facts.channelInFlight);
    registry.gauge("hsm_gateway_connections", "Open connections.", facts.connections);
    registry.gauge("hsm_vault_connected", "1 while the vault is connected.", () => (facts.vaultConnected() ? 1 : 0));
    registry.gauge("hsm_event_loop_lag_seconds", "99th percentile of the event loop's lag since the last reading.", () => {
      const lag = this.#delay.percentile(99) / 1e9;
      this.#delay.reset();
      return [[{ part: "gateway" }, lag] as const];
    });
    registry.gauge("hsm_gateway_resident_memory_bytes", "Resident memory of the gateway.", () => process.memoryUsage.rss());
    this.#delay.enable();
  }

  /** Counts an answer. `code` is OK or an error code. */
  answered(surface: string, code: string): void {
    this.#requests(surface, code).add();
  }

  render(): string {
    return this.#registry.render();
  }
}
