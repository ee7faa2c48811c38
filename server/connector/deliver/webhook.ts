/**
 * Webhooks: one POST for each event, signed as Standard Webhooks say, one after the other over one connection.
 *
 *      webhook-id: evt_…    webhook-timestamp: seconds    webhook-signature: v1,base64(HMAC-SHA-256(id.timestamp.body)) …
 *
 * A signature for each secret, newest first, so that a receiver may change its secret at leisure. With `x_webhook_headers` also
 * the older form, by the newest secret: `X-Webhook-Signature: sha256=` hex of HMAC-SHA-256(timestamp.body).
 *
 * How they travel is post.ts's. A redirect is a failure; of an answer the status alone is looked at.
 *
 * @see Standard Webhooks 1.0.0; RFC 9110 §15
 */
import { createHmac } from "node:crypto";
import type { Delivered, DeliveryFailure } from "@keystead/channel/deliver-call";
import { SinkFormat, type WebhookTarget } from "@keystead/contract/generated/hsm/sinks_pb";
import { reasonOf } from "../dial.ts";
import type { SinkEvent } from "./event.ts";
import { cloudEventHeaders } from "./formats/cloud-event.ts";
import { FORMATS } from "./formats/format.ts";
import { headersOf, poster } from "./post.ts";
import { UnusableTarget, type OpenSink } from "./sink.ts";

/** The receiver works, and it is this event that it will not have; every other failure is about the receiver. */
const REFUSED_STATUSES: ReadonlySet<number> = new Set([400, 409, 413, 415, 422]);
/** What the sink says itself. */
const OWN_HEADER = /^(?:webhook-.*|x-webhook-.*|ce-.*)$/;

export const webhookSink: OpenSink<WebhookTarget> = (target, secrets, surroundings) => {
  const { post, close } = poster(target.url, surroundings);
  const own = headersOf(target.headers, OWN_HEADER);
  if (secrets.length === 0) throw new UnusableTarget("a webhook needs a secret");
  const format = target.format === SinkFormat.UNSPECIFIED ? SinkFormat.STANDARD : target.format;
  const { now, source } = surroundings;

  const signedHeaders = (event: SinkEvent, body: Buffer): Record<string, string> => {
    const timestamp = String(Math.floor(now() / 1000));
    const signed = (secret: Buffer, prefix: string): Buffer => createHmac("sha256", secret).update(prefix).update(body).digest();
    const headers: Record<string, string> = {
      ...own,
      ...(format === SinkFormat.CLOUDEVENTS_BINARY
        ? cloudEventHeaders(event, source)
        : { "content-type": FORMATS[format]?.contentType ?? "application/octet-stream" }),
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

  const send = async (event: SinkEvent): Promise<DeliveryFailure | undefined> => {
    const body = bodyOf(event);
    const { status, retryAfterMs } = await post(signedHeaders(event, body), body);
    if (status >= 200 && status < 300) return undefined;
    return {
      kind: REFUSED_STATUSES.has(status) ? "refused" : "unavailable",
      reason: `the receiver answered with status ${status}`,
      ...(retryAfterMs === undefined ? {} : { retryAfterMs }),
    };
  };

  if (format !== SinkFormat.CLOUDEVENTS_BINARY && FORMATS[format] === undefined)
    throw new UnusableTarget("format is none that webhooks have");
  return {
    async deliver(events, goOn): Promise<Delivered> {
      let delivered = 0;
      for (const event of events) {
        if (delivered > 0 && !goOn()) break;
        const failure = await send(event).catch((error: unknown): DeliveryFailure => ({ kind: "unavailable", reason: reasonOf(error) }));
        if (failure !== undefined) return { delivered, failure };
        delivered += 1;
      }
      return { delivered };
    },
    close,
  };
};
