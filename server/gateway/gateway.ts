/**
 * The gateway without its process: ports open over a line to the vault, and an orderly end.
 *
 * main.ts gives it the configuration and the descriptors; tests give it their own.
 */
import { readFileSync } from "node:fs";
import { rootCertificates } from "node:tls";
import { LISTENER } from "@keystead/channel/call";
import { encodeFacts, type GatewayFacts } from "@keystead/channel/gateway-facts";
import type { GatewayConfig, TelemetryConfig } from "@keystead/contract/config";
import type { Logger } from "@keystead/contract/logging";
import { SELF } from "@keystead/contract/operations/register";
import type { Span } from "@keystead/contract/spans";
import { Admission } from "./admission.ts";
import { forwarder, streamer, type Desk } from "./forward.ts";
import { loopbackOnly } from "./listeners/loopback.ts";
import { plainPort } from "./listeners/plain-port.ts";
import type { Port } from "./listeners/port.ts";
import { removeStaleSocket } from "./listeners/stale-socket.ts";
import { TlsContexts, tlsPort } from "./listeners/tls-port.ts";
import { GatewayMeasurements } from "./measure.ts";
import { everySurface, healthOnly } from "./surfaces/dispatch.ts";
import { metricsSurface, vaultSamples } from "./surfaces/metrics/metrics.ts";
import { withGenerateKeyPath } from "./surfaces/rest/generate-key-path.ts";
import { BodyIntake } from "./transports/body-intake.ts";
import { RequestLog } from "./request-log.ts";
import { Exporter } from "./telemetry/exporter.ts";
import { Tracer } from "./telemetry/tracer.ts";
import type { VaultLink } from "./vault-link.ts";

/** A question of the gateway's own is answered within this. */
const ASK_MS = 2_000;

/** How often the vault is told of what only the gateway knows. */
const TELL_MS = 5_000;
/** Room for bodies that are still coming in: this many bytes, or this many of the largest bodies. */
const INTAKE_BYTES = 64 * 1024 * 1024;
const INTAKE_BODIES = 16;

export interface Gateway {
  /** Where each listener listens, as host:port. */
  readonly addresses: Readonly<Record<string, string>>;
  /** Takes nothing new, finishes what is under way; resolves when the last connection has ended. */
  drain(): Promise<void>;
  /** Ends every connection at once. */
  destroy(): void;
  /** Reads the TLS files now. */
  reloadTls(): void;
}

/** What sends traces and metrics away: the gateway's own, and the vault's, which it asks for. */
function exporterOf(config: TelemetryConfig, desk: Desk, tracer: Tracer | undefined, log: Logger): Exporter {
  return new Exporter({
    config,
    log,
    authorities: config.caPath === undefined ? undefined : [...rootCertificates, readFileSync(config.caPath, "utf8")],
    sources: {
      gatewaySpans: () => tracer?.buffer.take().spans ?? [],
      vaultSpans: () =>
        desk.ask(SELF.spans).then(
          (bytes) => JSON.parse(bytes.toString("utf8")) as Span[],
          () => [],
        ),
      gatewaySamples: () => desk.measurements.samples(),
      vaultSamples: () => vaultSamples(desk),
    },
  });
}

/** Opens every configured port. @throws when one cannot be opened or the TLS files cannot be used */
export async function openGateway(config: GatewayConfig, link: VaultLink, log: Logger): Promise<Gateway> {
  const { limits } = config;
  const admission = new Admission(limits);
  const ports = new Map<string, Port>();
  const measurements = new GatewayMeasurements({
    inFlight: () => admission.inFlight,
    inFlightLimit: limits.maxInFlight,
    channelInFlight: () => link.inFlight,
    channelWaitingBytes: () => link.waitingBytes,
    traffic: link.traffic,
    connectionsLimit: limits.maxConnections,
    certificateEnds: () => contexts?.ends() ?? [],
    vaultConnected: () => link.connected,
    connections: () => [...ports.values()].reduce((sum, port) => sum + port.connections(), 0),
  });
  const contexts = config.tls === undefined ? undefined : new TlsContexts(config.tls, log);
  const connections = (): number => [...ports.values()].reduce((sum, port) => sum + port.connections(), 0);
  const factsOf = (): GatewayFacts => ({
    saturation: { in_flight: admission.inFlight / limits.maxInFlight, connections: connections() / limits.maxConnections },
    certificates: Object.fromEntries(contexts?.ends() ?? []),
  });
  const stopping = new AbortController();
  const tracer = config.telemetry?.traces === true ? new Tracer(config.telemetry.sampleRatio) : undefined;
  const desk: Desk = {
    forward: forwarder(link, admission, tracer),
    streamOn: streamer(link),
    bodyBytes: limits.bodyBytes,
    measurements,
    requests: new RequestLog(measurements, log),
    stopping: stopping.signal,
    ask: (question) => link.request(question, Buffer.alloc(0), ASK_MS),
  };
  const exporter = config.telemetry === undefined ? undefined : exporterOf(config.telemetry, desk, tracer, log);
  exporter?.begin();
  const telling = setInterval(() => {
    link.request(SELF.facts, encodeFacts(factsOf()), ASK_MS).catch(() => undefined);
  }, TELL_MS).unref();
  const every = everySurface(desk);
  const intake = new BodyIntake({
    totalBytes: Math.max(INTAKE_BYTES, INTAKE_BODIES * limits.bodyBytes),
    timeoutMs: limits.requestTimeoutSeconds * 1000,
  });
  const shared = { maxConnections: limits.maxConnections, requestTimeoutSeconds: limits.requestTimeoutSeconds, intake };
  for (const [name, listener] of [
    ["api", config.api],
    ["grpc", config.grpc],
  ] as const) {
    if (listener === undefined) continue;
    if (contexts === undefined) throw new Error(`the ${name} listener needs TLS files`);
    ports.set(name, await tlsPort({ listener, contexts, dispatch: every, ...shared }));
  }
  if (config.developmentGrpc !== undefined) {
    ports.set(
      "developmentGrpc",
      await plainPort({
        place: config.developmentGrpc,
        ...shared,
        listener: LISTENER.development,
        dispatch: loopbackOnly(every),
        http2: true,
      }),
    );
  }
  if (config.unixSocket !== undefined) {
    await removeStaleSocket(config.unixSocket);
    ports.set(
      "unix",
      await plainPort({ place: { path: config.unixSocket }, ...shared, listener: LISTENER.socket, dispatch: every, http2: true }),
    );
  }
  if (config.health !== undefined) {
    const dispatch = config.developmentRest ? loopbackOnly(withGenerateKeyPath(desk, every)) : healthOnly(desk);
    ports.set(
      "health",
      await plainPort({
        place: config.health,
        ...shared,
        listener: config.developmentRest ? LISTENER.development : LISTENER.tls,
        dispatch,
        http2: false,
      }),
    );
  }
  if (config.metrics !== undefined) {
    ports.set(
      "metrics",
      await plainPort({
        place: config.metrics,
        ...shared,
        listener: LISTENER.tls,
        dispatch: metricsSurface(desk, config.metrics.legacyNames),
        http2: false,
      }),
    );
  }
  return {
    addresses: Object.fromEntries([...ports].map(([name, port]) => [name, port.address])),
    async drain() {
      stopping.abort();
      clearInterval(telling);
      // A port is closed when its last connection is, and that is when the last answer has left.
      const closed = Promise.all([...ports.values()].map((port) => port.close()));
      await closed;
      await admission.close();
      await exporter?.close();
      contexts?.close();
      measurements.close();
      await link.drain();
    },
    destroy() {
      clearInterval(telling);
      for (const port of ports.values()) port.destroy();
    },
    reloadTls: () => contexts?.reload(),
  };
}
