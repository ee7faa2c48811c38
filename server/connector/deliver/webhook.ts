/**
 * Webhooks: one POST for each event, signed as Standard Webhooks say, one after the other over one connection.
 *
 *      webhook-id: evt_…    webhook-timestamp: seconds    webhook-signature: v1,base64(HMAC-SHA-256(id.timestamp.body)) …
 *
 * A signature for each secret, newest first, so that a receiver may change its secret at leisure. With `x_webhook_headers` also
 * the older form, by the newest secret: `X-Webhook-Signature: sha256=` hex of HMAC-SHA-256(timestamp.body).
 *
 * The address is judged each time a connection is made and the connection goes to what was judged (dial.ts). Redirects are
 * failures: where they lead, nobody configured. Of an answer the status alone is looked at.
 *
 * @see Standard Webhooks 1.0.0; RFC 9110 §15
 */
import { createHmac } from "node:crypto";
import { Agent as PlainAgent, request as requestPlain, type IncomingMessage } from "node:http";
import { Agent as TlsAgent, request as requestTls } from "node:https";
import { isIP, type LookupFunction } from "node:net";
import type { Delivered, DeliveryFailure } from "@keystead/channel/deliver-call";
import { SinkFormat, type WebhookTarget } from "@keystead/contract/generated/hsm/sinks_pb";
import { judgedAddresses, reasonOf } from "../dial.ts";
import type { SinkEvent } from "./event.ts";
import { cloudEventHeaders } from "./formats/cloud-event.ts";
import { FORMATS } from "./formats/format.ts";
import { UnusableTarget, type OpenSink, type Surroundings } from "./sink.ts";

/** Of an answer's body; a longer one costs the connection. */
const MOST_ANSWER_BYTES = 65_536;
/** The receiver works, and it is this event that it will not have; every other failure is about the receiver. */
const REFUSED_STATUSES: ReadonlySet<number> = new Set([400, 409, 413, 415, 422]);
/** What the sink says itself, or what would change how the request is read. */
const OWN_HEADER =
  /^(?:host|content-.*|transfer-encoding|connection|te|trailer|upgrade|expect|keep-alive|proxy-.*|webhook-.*|x-webhook-.*|ce-.*)$/i;
const LOOPBACK = /^(?:localhost|127\.\d{1,3}\.\d{1,3}\.\d{1,3}|\[::1\])$/;

/** The address, if events may be sent there. @throws {UnusableTarget} */
function addressOf({ url: text }: WebhookTarget, { plaintextLoopback }: Surroundings): URL {
  const url = URL.canParse(text) ? new URL(text) : undefined;
  if (url === undefined) throw new UnusableTarget("url is no address");
  if (url.username !== "" || url.password !== "" || url.hash !== "") throw new UnusableTarget("url holds more than an address");
  const plain = url.protocol === "http:" && plaintextLoopback && LOOPBACK.test(url.hostname);
  if (url.protocol !== "https:" && !plain) throw new UnusableTarget("url must begin with https://");
  return url;
}

export const webhookSink: OpenSink<WebhookTarget> = (target, secrets, surroundings) => {
  const url = addressOf(target, surroundings);
  const own = Object.fromEntries(target.headers.map(({ name, value }) => [name.toLowerCase(), value]));
  const reserved = target.headers.find(({ name }) => OWN_HEADER.test(name));
  if (reserved !== undefined) throw new UnusableTarget(`headers: ${reserved.name} is not for you to set`);
  if (secrets.length === 0) throw new UnusableTarget("a webhook needs a secret");
  const format = target.format === SinkFormat.UNSPECIFIED ? SinkFormat.STANDARD : target.format;
  const { now, mayDial, source, timeoutMs } = surroundings;

  const lookup: LookupFunction = (hostname, { all }, done) => {
    judgedAddresses(hostname, mayDial, AbortSignal.timeout(timeoutMs)).then(
      (addresses) => {
        if (all === true) done(null, [...addresses]);
        else done(null, addresses[0]?.address ?? "", addresses[0]?.family);
      },
      (error: unknown) => done(error as NodeJS.ErrnoException, ""),
    );
  };
  const agent =
    url.protocol === "https:"
      ? new TlsAgent({ keepAlive: true, maxSockets: 1, ca: [...surroundings.authorities], minVersion: "TLSv1.2", rejectUnauthorized: true })
      : new PlainAgent({ keepAlive: true, maxSockets: 1 });

  const headersOf = (event: SinkEvent, body: Buffer): Record<string, string | number> => {
    const timestamp = String(Math.floor(now() / 1000));
    const signed = (secret: Buffer, prefix: string): Buffer => createHmac("sha256", secret).update(prefix).update(body).digest();
    const headers: Record<string, string | number> = {
      "user-agent": "keystead",
      ...own,
      ...(format === SinkFormat.CLOUDEVENTS_BINARY
        ? cloudEventHeaders(event, source)
        : { "content-type": FORMATS[format]?.contentType ?? "application/octet-stream" }),
      "content-length": body.length,
      "webhook-id": event.id,
      "webhook-timestamp": timestamp,
      "webhook-signature": secrets.map((secret) => `v1,${signed(secret, `${event.id}.${timestamp}.`).toString("base64")}`).join(" "),
    };
    if (!target.xWebhookHeaders) return headers;
    return {
      ...headers,
      "x-webhook-signature": `sha256=${signed(secrets[0] as Buffer, `${timestamp}.`).toString("hex")}`,
      "x-webhook-timestamp": timestamp,
      "x-webhook-id": event.id,
      "x-webhook-event": event.type,
    };
  };

  const bodyOf = (event: SinkEvent): Buffer =>
    Buffer.from(format === SinkFormat.CLOUDEVENTS_BINARY ? event.canonical : (FORMATS[format]?.text(event, source) ?? ""), "utf8");

  const post = async (event: SinkEvent): Promise<DeliveryFailure | undefined> => {
    const signal = AbortSignal.timeout(timeoutMs);
    // An address that is no name is not looked up, so it is judged here.
    if (isIP(url.hostname.replace(/^\[(.*)\]$/, "$1")) !== 0) await judgedAddresses(url.hostname, mayDial, signal);
    const body = bodyOf(event);
    const options = { method: "POST", agent, lookup, signal, headers: headersOf(event, body) };
    const reply = await new Promise<IncomingMessage>((done, failed) => {
      const sent = url.protocol === "https:" ? requestTls(url, options, done) : requestPlain(url, options, done);
      sent.on("error", failed).end(body);
    });
    const status = reply.statusCode ?? 0;
    await emptied(reply);
    if (status >= 200 && status < 300) return undefined;
    const later = retryAfterMs(reply, now());
    return {
      kind: REFUSED_STATUSES.has(status) ? "refused" : "unavailable",
      reason: `the receiver answered with status ${status}`,
      ...(later === undefined ? {} : { retryAfterMs: later }),
    };
  };

  if (format !== SinkFormat.CLOUDEVENTS_BINARY && FORMATS[format] === undefined)
    throw new UnusableTarget("format is none that webhooks have");
  return {
    async deliver(events, goOn): Promise<Delivered> {
      let delivered = 0;
      for (const event of events) {
        if (delivered > 0 && !goOn()) break;
        const failure = await post(event).catch((error: unknown): DeliveryFailure => ({ kind: "unavailable", reason: reasonOf(error) }));
        if (failure !== undefined) return { delivered, failure };
        delivered += 1;
      }
      return { delivered };
    },
    close: () => agent.destroy(),
  };
};

/** Reads an answer to its end, so that its connection can be used again, or gives both up. */
async function emptied(reply: IncomingMessage): Promise<void> {
  let bytes = 0;
  for await (const chunk of reply as AsyncIterable<Buffer>) {
    bytes += chunk.length;
    if (bytes > MOST_ANSWER_BYTES) return void reply.destroy();
  }
}

/** Seconds, or a date (RFC 9110 §10.2.3); an hour at most. */
function retryAfterMs({ headers }: IncomingMessage, now: number): number | undefined {
  const text = headers["retry-after"];
  if (text === undefined) return undefined;
  const milliseconds = /^\d{1,6}$/.test(text) ? Number(text) * 1000 : Date.parse(text) - now;
  return Number.isFinite(milliseconds) ? Math.min(3_600_000, Math.max(0, milliseconds)) : undefined;
}
