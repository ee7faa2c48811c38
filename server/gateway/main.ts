/**
 * The gateway process, `keystead [gateway]`: opens the ports, collects evidence, forwards to the vault. Holds no key.
 *
 * @see DESIGN §2, §3
 */
import { Socket } from "node:net";
import { LISTENER } from "@keystead/channel/call";
import type { GatewayConfig } from "@keystead/contract/config";
import { createLogger } from "@keystead/contract/logging";
import { VERSION } from "@keystead/contract/version";
import { Admission } from "./admission.ts";
import { forwarder, type Desk } from "./forward.ts";
import { loopbackOnly } from "./listeners/loopback.ts";
import { plainPort } from "./listeners/plain-port.ts";
import type { Port } from "./listeners/port.ts";
import { TlsContexts, tlsPort } from "./listeners/tls-port.ts";
import { GatewayMeasurements } from "./measure.ts";
import { everySurface, healthOnly } from "./surfaces/dispatch.ts";
import { metricsSurface } from "./surfaces/metrics/metrics.ts";
import { withGenerateKeyPath } from "./surfaces/rest/generate-key-path.ts";
import { VaultLink, acceptPipe } from "./vault-link.ts";

interface StartMessage {
  readonly kind: "start";
  readonly config: GatewayConfig;
  readonly speaksFirst: boolean;
}

/** How long requests under way may take once the gateway was told to end. */
const DRAIN_MS = 7_000;
/** A question of the gateway's own is answered within this. */
const ASK_MS = 2_000;

process.title = "keystead [gateway]";
// The launcher ends its parts in order; a signal to the whole group must not race it.
process.on("SIGINT", () => undefined);
process.once("message", (message: StartMessage) => {
  start(message).catch((error: unknown) => {
    process.stderr.write(`keystead [gateway]: ${error instanceof Error ? error.message : String(error)}\n`);
    process.exit(70);
  });
});

async function start({ config, speaksFirst }: StartMessage): Promise<void> {
  const log = createLogger({ part: "gateway", version: VERSION, level: config.logLevel, write: (line) => process.stdout.write(line) });
  process.on("uncaughtException", (error) => {
    log.error("uncaught; the gateway stops", {}, error);
    process.exit(70);
  });
  const { limits } = config;
  const link = new VaultLink(log, limits.maxInFlight + 16);
  const admission = new Admission(limits);
  const ports = new Map<string, Port>();
  const measurements = new GatewayMeasurements({
    inFlight: () => admission.inFlight, channelInFlight: () => link.inFlight, vaultConnected: () => link.connected,
    connections: () => [...ports.values()].reduce((sum, port) => sum + port.connections(), 0),
  });
  const desk: Desk = { forward: forwarder(link, admission), bodyBytes: limits.bodyBytes, measurements, ask: (question) => link.request(question, Buffer.alloc(0), ASK_MS) };

  process.on("message", (message: { kind: string }, handle: unknown) => {
    if (message.kind === "drain") return void drain();
    const socket = acceptPipe(handle);
    if (message.kind === "join" && socket !== undefined) {
      link.join(socket, true);
      log.info("joined a new vault");
    }
  });
  link.join(new Socket({ fd: 3, readable: true, writable: true }), speaksFirst);

  const every = everySurface(desk);
  const shared = { maxConnections: limits.maxConnections, requestTimeoutSeconds: limits.requestTimeoutSeconds };
  const contexts = config.tls === undefined ? undefined : new TlsContexts(config.tls, log);
  for (const [name, listener] of [["api", config.api], ["grpc", config.grpc]] as const) {
    if (listener === undefined) continue;
    if (contexts === undefined) throw new Error(`the ${name} listener needs TLS files`);
    ports.set(name, await tlsPort({ listener, contexts, dispatch: every, ...shared }));
  }
  if (config.developmentGrpc !== undefined) {
    ports.set("developmentGrpc", await plainPort({ ...config.developmentGrpc, ...shared, listener: LISTENER.development, dispatch: loopbackOnly(every), http2: true }));
  }
  if (config.health !== undefined) {
    const dispatch = config.developmentRest ? loopbackOnly(withGenerateKeyPath(desk, every)) : healthOnly(desk);
    ports.set("health", await plainPort({ ...config.health, ...shared, listener: config.developmentRest ? LISTENER.development : LISTENER.tls, dispatch, http2: false }));
  }
  if (config.metrics !== undefined) {
    ports.set("metrics", await plainPort({ ...config.metrics, ...shared, listener: LISTENER.tls, dispatch: metricsSurface(desk), http2: false }));
  }
  process.send?.({ kind: "ready", addresses: Object.fromEntries([...ports].map(([name, port]) => [name, port.address])) });
  log.info("listening", Object.fromEntries([...ports].map(([name, port]) => [name, port.address])));

  let draining = false;
  async function drain(): Promise<void> {
    if (draining) return;
    draining = true;
    setTimeout(() => process.exit(0), DRAIN_MS).unref();
    // A port is closed when its last connection is, and that is when the last answer has left.
    const closed = Promise.all([...ports.values()].map((port) => port.close()));
    await admission.close();
    await closed;
    await link.drain();
    log.info("stopped");
    process.stdout.write("", () => process.exit(0));
  }
  process.on("SIGTERM", () => void drain());
  process.on("disconnect", () => void drain());
}
