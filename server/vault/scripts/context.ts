/**
 * What a script is told of a request: a JSON object that docs/operate/policy-scripts.md describes member by member.
 *
 * It holds no secret; what it holds of the payload is decided in payload-facts.ts.
 */
import { ScalarType, type DescField, type DescMessage, type MessageShape } from "@bufbuild/protobuf";
import { enumSpelling } from "@keystead/contract/enum-names";
import type { Operation } from "@keystead/contract/operation";
import type { Principal } from "../authenticate/principal.ts";
import type { DescribedKey } from "../objects/key-shapes.ts";
import { payloadFacts } from "./payload-facts.ts";

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
