/**
 * The gateway process, `keystead [gateway]`: opens the ports, collects evidence, forwards to the vault. Holds no key.
 *
 * @see ARCHITECTURE.md
 */
import { Socket } from "node:net";
import { Inlet } from "@keystead/channel/inlet";
import type { GatewayConfig } from "@keystead/contract/config";
import { createLogger } from "@keystead/contract/logging";
import { VERSION } from "@keystead/contract/version";
import { openGateway } from "./gateway.ts";
import { VaultLink, acceptPipe } from "./vault-link.ts";

interface StartMessage {
  readonly kind: "start";
  readonly config: GatewayConfig;
  readonly speaksFirst: boolean;
}

/** How long requests under way may take once the gateway was told to end. */
const DRAIN_MS = 7_000;
/** Room in the line for the gateway's own questions (health, metrics) beside the requests of clients. */
const SELF_QUESTIONS = 64;

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
  const link = new VaultLink(log, config.limits.maxInFlight + SELF_QUESTIONS);
  const inlet = new Inlet();
  link.join(new Socket({ fd: 3, readable: true, writable: true, onread: inlet.onread }), speaksFirst, inlet);
  const opening = openGateway(config, link, log);
  let draining = false;
  const drain = async (): Promise<void> => {
    if (draining) return;
    draining = true;
    setTimeout(() => process.exit(0), DRAIN_MS).unref();
    await (await opening).drain();
    log.info("stopped");
    process.stdout.write("", () => process.exit(0));
  };
  process.on("message", (message: { kind: string }, handle: unknown) => {
    if (message.kind === "drain") return void drain();
    const socket = acceptPipe(handle);
    if (message.kind === "join" && socket !== undefined) {
      link.join(socket, true);
      log.info("joined a new vault");
    }
  });
  process.on("SIGTERM", () => void drain());
  process.on("disconnect", () => void drain());
  const { addresses } = await opening;
  process.send?.({ kind: "ready", addresses });
  log.info("listening", addresses);
}
