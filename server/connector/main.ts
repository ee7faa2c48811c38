/**
 * A connector, `keystead [connector NAME]`: dials out for the vault, which has no network. It holds no key.
 *
 * The vault asks over descriptor 3, and each question is answered or refused; a connector asks nothing. What it may
 * reach was given to it by the launcher, so that a vault that was taken over cannot send it anywhere else: `fetch` to origins of the
 * configuration, `deliver` to addresses that are public or allowed by name. `fetch` sees public material alone and writes nothing;
 * `deliver` sees events of the log and the secrets of sinks, and writes to one folder at most.
 *
 * @see ARCHITECTURE.md "What runs"
 */
import child_process from "node:child_process";
import { readFileSync } from "node:fs";
import { Socket } from "node:net";
import { getCACertificates } from "node:tls";
import { CONNECTOR_CALL, decodeFetch, encodeBreakers, encodeFetched } from "@keystead/channel/fetch-call";
import { MalformedFrame } from "@keystead/channel/frame";
import { Peer, type IncomingCall } from "@keystead/channel/peer";
import type { ConnectorConfig } from "@keystead/contract/config";
import { createLogger } from "@keystead/contract/logging";
import { VERSION } from "@keystead/contract/version";
import { deliverer } from "./deliver/deliver.ts";
import { addressRule } from "./fetch/addresses.ts";
import { fetcher } from "./fetch/fetch.ts";
import { requireWalls } from "./walls.ts";

/** Answers the vault's questions of one number. */
type Answerer = (call: IncomingCall) => Promise<Buffer>;

type Kinds = { readonly [K in ConnectorConfig["name"]]: (config: ConnectorConfig & { readonly name: K }) => ReadonlyMap<number, Answerer> };

/** Kinds of connectors by name: what each answers. A further kind is one row. */
const KINDS: Kinds = Object.freeze({
  deliver: (config) =>
    deliverer({
      mayDial: addressRule(config.allowedAddresses),
      authorities: authoritiesOf(config),
      filesDir: config.filesDir,
      plaintextLoopback: config.plaintextLoopback,
      now: () => Date.now(),
    }),
  fetch: (config) => {
    const fetch = fetcher({
      origins: config.origins,
      mayDial: addressRule(config.allowedAddresses),
      authorities: authoritiesOf(config),
      now: () => performance.now(),
    });
    return new Map<number, Answerer>([
      [CONNECTOR_CALL.fetch, async ({ payload }) => encodeFetched(await fetch(decodeFetch(payload)))],
      [CONNECTOR_CALL.breakers, () => Promise.resolve(encodeBreakers(fetch.breakers()))],
    ]);
  },
});

/** The system's authorities, Node's own, and those of the configuration. */
function authoritiesOf({ caPath }: ConnectorConfig): string[] {
  const own = caPath === undefined ? [] : [readFileSync(caPath, "utf8")];
  return [...new Set([...getCACertificates("bundled"), ...getCACertificates("system"), ...own])];
}

process.title = "keystead [connector]";
// The only function that adopts a channel from the environment; nothing here may ever fork.
delete (child_process as { _forkChild?: unknown })._forkChild;
// The launcher ends its parts in order; a signal to the whole group must not race it.
process.on("SIGINT", () => undefined);
process.on("SIGTERM", () => process.exit(0));
process.on("disconnect", () => process.exit(0));
process.once("message", ({ config }: { config: ConnectorConfig }) => start(config));

function start(config: ConnectorConfig): void {
  process.title = `keystead [connector ${config.name}]`;
  const part = `connector ${config.name}`;
  const log = createLogger({ part, version: VERSION, level: config.logLevel, write: (line) => process.stdout.write(line) });
  process.on("uncaughtException", (error) => {
    log.error("uncaught; the connector stops", {}, error);
    process.exit(70);
  });
  requireWalls();
  if (!Object.hasOwn(KINDS, config.name)) throw new Error("there is no connector of this name");
  const answers = KINDS[config.name](config as never);
  process.on("message", (message: { kind: string }, handle: unknown) => {
    (handle as { destroy?: () => void } | undefined)?.destroy?.();
    if (message.kind === "drain") process.exit(0);
  });
  const peer = new Peer(new Socket({ fd: 3, readable: true, writable: true }), {
    speaksFirst: false,
    maxInFlight: 64,
    answer: (call) => {
      const answer = answers.get(call.operation);
      if (answer === undefined) throw new MalformedFrame("nothing this connector answers");
      return answer(call);
    },
    onEnd: () => process.exit(0),
  });
  if (peer.open) process.send?.({ kind: "ready" });
}
