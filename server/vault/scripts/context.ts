/**
 * What a script is told of a request: a JSON object that docs/operate/policy-scripts.md describes member by member.
 *
 * It holds no secret. The payload itself is told only where it is there to be signed and is JSON or text; of everything
 * else a script gets the digest and the size.
 */
import { hash } from "node:crypto";
import { ScalarType, type DescField, type DescMessage, type MessageShape } from "@bufbuild/protobuf";
import { enumSpelling } from "@keystead/contract/enum-names";
import type { Operation } from "@keystead/contract/operation";
import type { Principal } from "../authenticate/principal.ts";
import type { DescribedKey } from "../objects/key-shapes.ts";

/** The part of a question that the context is made of. */
export interface Circumstance {
  readonly operation: Operation;
  readonly request: MessageShape<DescMessage>;
  readonly principal: Pick<Principal, "id" | "method" | "roles">;
  readonly namespace: string;
  readonly keyId: string;
  readonly otherKeyId: string;
  readonly address: string;
  readonly requestId: string;
  readonly batched: boolean;
}

/** Largest payload that is told as it is, bytes. */
const TOLD_BYTES = 16_384;

/** @param now milliseconds since the epoch */
export function contextOf(about: Circumstance, key: DescribedKey | undefined, now: number): Readonly<Record<string, unknown>> {
  return {
    contextVersion: 1,
    simulate: false,
    operation: about.operation.name,
    namespace: about.namespace,
    key: about.keyId === "" ? undefined : keyFacts(about.keyId, key),
    otherKeyId: about.otherKeyId === "" ? undefined : about.otherKeyId,
    principal: principalFacts(about.principal),
    environment: environmentFacts(about, now),
    request: requestFacts(about.operation.method.input, about.request),
    payload: payloadFacts(about.request, about.operation.usage === "sign"),
  };
}

export const principalFacts = ({ id, method, roles }: Pick<Principal, "id" | "method" | "roles">): object => ({ id, method, roles });

/** Time is UTC: a window is the same wherever the server stands. */
export function environmentFacts(about: Pick<Circumstance, "address" | "requestId" | "batched">, now: number): object {
  const date = new Date(now);
  return {
    time: date.toISOString(),
    unixSeconds: Math.floor(now / 1000),
    // Monday is 1, as in ISO 8601.
    weekday: date.getUTCDay() === 0 ? 7 : date.getUTCDay(),
    hour: date.getUTCHours(),
    minute: date.getUTCMinutes(),
    address: about.address,
    requestId: about.requestId,
    batched: about.batched,
  };
}

function keyFacts(id: string, key: DescribedKey | undefined): object {
  if (key === undefined) return { id, exists: false };
  const { algorithm, state, current, usage, tags, label, exportable, createdAt } = key.attributes;
  return {
    id,
    exists: true,
    algorithm,
    state,
    version: current,
    usage,
    tags,
    label,
    exportable,
    createdAt: new Date(createdAt).toISOString(),
  };
}

/** Members of the request that are numbers, words or lists of them; bytes are the payload's business, or nobody's. */
function requestFacts(desc: DescMessage, request: MessageShape<DescMessage>): Readonly<Record<string, unknown>> {
  const facts: Record<string, unknown> = {};
  for (const field of desc.fields) {
    const raw = (request as unknown as Readonly<Record<string, unknown>>)[field.localName];
    const told =
      field.fieldKind === "list"
        ? (raw as readonly unknown[]).map((item) => fact(field, item)).filter((item) => item !== undefined)
        : fact(field, raw);
    if (told !== undefined && told !== "" && !(Array.isArray(told) && told.length === 0)) facts[field.localName] = told;
  }
  return facts;
}

function fact(field: DescField, value: unknown): unknown {
  if (field.proto.options?.debugRedact === true) return undefined;
  if (field.enum !== undefined) return enumSpelling(field.enum, value as number);
  if (field.scalar === undefined || field.scalar === ScalarType.BYTES) return undefined;
  return typeof value === "bigint" ? Number(value) : value;
}

function payloadFacts(request: object, told: boolean): object | undefined {
  const { data, digestValue, plaintext, ciphertext } = request as Readonly<Record<string, unknown>>;
  const payload = data ?? digestValue ?? plaintext ?? ciphertext;
  if (!(payload instanceof Uint8Array)) return undefined;
  return { bytes: payload.length, sha256: hash("sha256", payload, "hex"), ...(told ? decoded(payload) : {}) };
}

/** The payload as it can be read: `json` with its value, `text`, or `binary`. */
function decoded(payload: Uint8Array): { readonly format: string; readonly json?: unknown; readonly text?: string } {
  if (payload.length > TOLD_BYTES) return { format: "large" };
  let text: string;
  try {
    text = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(payload);
  } catch {
    return { format: "binary" };
  }
  try {
    const json: unknown = JSON.parse(text);
    // Two readers of an object that says a name twice may understand two things: such a text is told as text.
    if (json !== null && typeof json === "object")
      return repeatsNames(text, json) ? { format: "ambiguous", text } : { format: "json", json };
  } catch {
    // Not JSON.
  }
  return { format: "text", text };
}

/** Whether an object in a valid JSON text says a name twice: then the text has more names than its value. */
function repeatsNames(text: string, value: unknown): boolean {
  let written = 0;
  for (const [, colon] of text.matchAll(/"(?:[^"\\]|\\.)*"(\s*:)?/g)) if (colon !== undefined) written += 1;
  return written !== namesIn(value);
}

function namesIn(value: unknown): number {
  if (value === null || typeof value !== "object") return 0;
  const inner = Object.values(value).reduce((total: number, one: unknown) => total + namesIn(one), 0);
  return inner + (Array.isArray(value) ? 0 : Object.keys(value).length);
}
