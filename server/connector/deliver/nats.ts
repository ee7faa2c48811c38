/**
 * NATS JetStream: each event as one message, acknowledged by its stream before the next is sent.
 *
 * One after the other, because a stream may refuse a message and take the one after it, and then the order would be gone.
 * `Nats-Msg-Id` is the event's id, so a repetition within the stream's window for duplicates is acknowledged and not kept twice.
 * The connection goes to an address that was judged, and to no other server that the first one names.
 *
 * The library is loaded with the first sink of this kind.
 *
 * @see NATS protocol, ADR-4 (headers) and JetStream's publish acknowledgement
 */
import { isIP } from "node:net";
import type { Authenticator, NatsConnection, TlsOptions } from "@nats-io/transport-node";
import type { JetStreamClient } from "@nats-io/jetstream";
import type { Delivered } from "@keystead/channel/deliver-call";
import { SinkFormat, type NatsTarget } from "@keystead/contract/generated/hsm/sinks_pb";
import { judgedAddresses, reasonOf } from "../dial.ts";
import type { SinkEvent } from "./event.ts";
import { FORMATS } from "./formats/format.ts";
import { withoutNewline } from "./secret-text.ts";
import { UnusableTarget, type OpenSink, type Surroundings } from "./sink.ts";

const DEFAULT_PORT = 4222;
/** What JetStream answers when this message is what it will not have: larger than its stream or the server takes. */
const REFUSED: ReadonlySet<number> = new Set([10054, 10097]);

interface Line {
  readonly connection: NatsConnection;
  readonly stream: JetStreamClient;
  /** Largest message that the server takes, bytes. */
  readonly mostBytes: number;
}

export const natsSink: OpenSink<NatsTarget> = (target, secrets, surroundings) => {
  const format = FORMATS[target.format === SinkFormat.UNSPECIFIED ? SinkFormat.RAW : target.format];
  if (format === undefined) throw new UnusableTarget("format is none that NATS has");
  const { source, timeoutMs } = surroundings;
  let line: Promise<Line> | undefined;

  const publish = async (event: SinkEvent): Promise<Delivered["failure"]> => {
    const { connection, stream, mostBytes } = await (line ??= connected(target, secrets[0], surroundings));
    const bytes = Buffer.from(format.text(event, source), "utf8");
    if (bytes.length > mostBytes) return { kind: "refused", reason: `the server takes ${mostBytes} bytes at most` };
    try {
      if (connection.isClosed()) throw new Error("the connection broke");
      await stream.publish(target.subject, bytes, { msgID: event.id, timeout: timeoutMs });
      return undefined;
    } catch (thrown) {
      const { code } = thrown as { readonly code?: unknown };
      if (typeof code === "number" && REFUSED.has(code)) return { kind: "refused", reason: reasonOf(plain(thrown)) };
      throw thrown;
    }
  };
  const hangUp = (): void => {
    const broken = line;
    line = undefined;
    void broken?.then(({ connection }) => connection.close()).catch(() => undefined);
  };

  return {
    async deliver(events, goOn): Promise<Delivered> {
      let delivered = 0;
      for (const event of events) {
        if (delivered > 0 && !goOn()) break;
        try {
          const failure = await publish(event);
          if (failure !== undefined) return { delivered, failure };
        } catch (thrown) {
          // The next attempt dials anew.
          hangUp();
          return { delivered, failure: { kind: "unavailable", reason: reasonOf(plain(thrown)) } };
        }
        delivered += 1;
      }
      return { delivered };
    },
    close: hangUp,
  };
};

/** The library's errors have numbers or names where Node's have codes; their text is what says something. */
const plain = (thrown: unknown): unknown =>
  thrown instanceof Error && "code" in thrown && typeof thrown.code !== "string" ? new Error(thrown.message) : thrown;

async function connected(target: NatsTarget, secret: Buffer | undefined, surroundings: Surroundings): Promise<Line> {
  const { authorities, mayDial, timeoutMs } = surroundings;
  const { connect } = await import("@nats-io/transport-node");
  const { jetstream } = await import("@nats-io/jetstream");
  const { host } = target;
  const [first] = await judgedAddresses(host, mayDial, AbortSignal.timeout(timeoutMs));
  const address = first?.family === 6 ? `[${first.address}]` : (first?.address ?? "");
  // Members that its types lack go through to tls.connect: whom the certificate must be for.
  const tls: TlsOptions & { readonly host: string; readonly servername: string; readonly minVersion: string } = {
    ca: authorities.join("\n"),
    host,
    servername: isIP(host) === 0 ? host : "",
    minVersion: "TLSv1.2",
  };
  const connection = await connect({
    servers: [`${address}:${target.port || DEFAULT_PORT}`],
    ignoreClusterUpdates: true,
    reconnect: false,
    noRandomize: true,
    resolve: false,
    timeout: timeoutMs,
    name: "keystead",
    ...(target.plaintext ? { tls: null } : { tls }),
    ...(secret === undefined ? {} : { authenticator: await authenticatorOf(secret) }),
  });
  // A connection that breaks later says so with the next message.
  void connection.closed().catch(() => undefined);
  return { connection, stream: jetstream(connection), mostBytes: connection.info?.max_payload ?? 1_048_576 };
}

/** A credentials file, NAME:PASSWORD, or a token; the library wants texts of the latter two. */
async function authenticatorOf(secret: Buffer): Promise<Authenticator> {
  const { credsAuthenticator, tokenAuthenticator, usernamePasswordAuthenticator } = await import("@nats-io/transport-node");
  if (secret.includes("-----BEGIN NATS USER JWT-----")) return credsAuthenticator(() => secret);
  const text = withoutNewline(secret);
  const colon = text.indexOf(":");
  if (colon === -1) return tokenAuthenticator(() => text.toString("utf8"));
  return usernamePasswordAuthenticator(text.toString("utf8", 0, colon), () => text.toString("utf8", colon + 1));
}
