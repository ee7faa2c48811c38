/**
 * The gateway's own series.
 */
import { VERSION } from "@keystead/contract/version";
import { MetricsRegistry } from "@keystead/contract/metrics-registry";
import type { Samples } from "@keystead/contract/metrics";
import { measureProcess } from "@keystead/contract/process-metrics";
import type { Traffic } from "@keystead/channel/peer";

/** What is asked when the metrics are read. */
export interface GatewayFacts {
  readonly inFlight: () => number;
  readonly inFlightLimit: number;
  readonly channelInFlight: () => number;
  readonly channelWaitingBytes: () => number;
  readonly traffic: Readonly<Traffic>;
  readonly connections: () => number;
  readonly connectionsLimit: number;
  readonly vaultConnected: () => boolean;
  /** Certificates of the listeners and when they end, in milliseconds since the epoch. */
  readonly certificateEnds: () => Iterable<readonly [certificate: string, end: number]>;
}

export class GatewayMeasurements {
  readonly #registry = new MetricsRegistry();
  readonly #requests = this.#registry.counter("hsm_gateway_requests_total");
  readonly #stop: () => void;

  constructor(facts: GatewayFacts) {
    const registry = this.#registry;
    const { traffic } = facts;
    registry.observed("hsm_build_info", () => [[[VERSION], 1]]);
    registry.observed("hsm_gateway_in_flight", facts.inFlight);
    registry.observed("hsm_gateway_in_flight_limit", () => facts.inFlightLimit);
    registry.observed("hsm_gateway_connections", facts.connections);
    registry.observed("hsm_gateway_connections_limit", () => facts.connectionsLimit);
    registry.observed("hsm_vault_connected", () => (facts.vaultConnected() ? 1 : 0));
    registry.observed("hsm_tls_certificate_expiry_timestamp_seconds", () =>
      [...facts.certificateEnds()].map(([certificate, end]) => [[certificate], Math.floor(end / 1000)] as const),
    );
    registry.observed("hsm_channel_in_flight", () => [[["gateway"], facts.channelInFlight()]]);
    registry.observed("hsm_channel_waiting_bytes", () => [[["gateway"], facts.channelWaitingBytes()]]);
    registry.observed("hsm_channel_frames_total", () => [
      [["gateway", "sent"], traffic.framesSent],
      [["gateway", "received"], traffic.framesReceived],
    ]);
    registry.observed("hsm_channel_bytes_total", () => [
      [["gateway", "sent"], traffic.bytesSent],
      [["gateway", "received"], traffic.bytesReceived],
    ]);
    this.#stop = measureProcess(registry, "gateway");
  }

  /** Counts an answer. `code` is OK or an error code. */
  answered(surface: string, code: string): void {
    this.#requests(surface, code).add();
  }

  samples(): Samples {
    return this.#registry.samples();
  }

  /** Stops watching the event loop. */
  close(): void {
    this.#stop();
  }
}
