/**
 * Sinks between the public messages and what the vault keeps of them.
 */
import type { MessageInitShape } from "@bufbuild/protobuf";
import { timestampFromMs } from "@bufbuild/protobuf/wkt";
import { FILTER_PRESETS, NO_FILTER, unknownEvents, type EventFilter } from "@keystead/contract/event-filter";
import { SEVERITIES } from "@keystead/contract/event-types";
import { HsmError } from "@keystead/contract/errors";
import type {
  DeadLetterSchema,
  DeliverySchema,
  EventSeverity,
  SinkFilter,
  SinkRetry,
  SinkSchema,
  SinkTarget,
} from "@keystead/contract/generated/hsm/sinks_pb";
import { SINK_SECRETS, kindOfTarget, readTarget, writeTarget, type SinkKind } from "@keystead/contract/sink-target";
import { base64Bytes, bytesOfBase64 } from "@keystead/crypto/formats/base64-bytes";
import { fillRandom } from "@keystead/crypto/random";
import { copySecret, secretBuffer, wipe } from "@keystead/crypto/wipe";
import type { DeliveryRecord, SetAside } from "../sinks/standing.ts";
import { USUAL_RETRY, type SinkRetry as Retry } from "../sinks/stored-sink.ts";
import type { SinkFacts } from "./sink-control.ts";

/** The public message; a sink that was just made has no state yet. */
export const sinkMessage = ({
  id,
  stored,
  changedAt,
  state,
}: Partial<SinkFacts> & Pick<SinkFacts, "id" | "stored">): MessageInitShape<typeof SinkSchema> => ({
  sinkId: id,
  name: stored.name,
  namespace: stored.namespace,
  enabled: stored.enabled,
  target: readTarget(stored.target),
  filter: filterMessage(stored.filter),
  retry: { timeoutSeconds: stored.retry.timeoutMs / 1000, maxRetries: stored.retry.maxRetries, delayMs: stored.retry.delayMs },
  createdBy: stored.createdBy,
  createdAt: timestampFromMs(stored.createdAt),
  ...(changedAt === undefined ? {} : { updatedAt: timestampFromMs(changedAt) }),
  ...(state === undefined
    ? {}
    : {
        status: {
          state: state.state,
          position: BigInt(state.standing.position),
          behind: BigInt(state.behind),
          deadLetters: state.standing.aside.length,
          delivered: BigInt(state.standing.delivered),
          missed: BigInt(state.standing.missed ?? 0),
          lastError: state.lastError,
          ...lastOf(state.standing.deliveries),
        },
      }),
});

const lastOf = (deliveries: readonly DeliveryRecord[]) => {
  const last = deliveries.find(({ delivered }) => delivered > 0);
  return last === undefined ? {} : { lastDeliveryAt: timestampFromMs(last.time) };
};

const filterMessage = ({ minSeverity, ...filter }: EventFilter): MessageInitShape<typeof SinkSchema>["filter"] => ({
  preset: filter.preset,
  includeEvents: [...filter.includeEvents],
  excludeEvents: [...filter.excludeEvents],
  includeNamespaces: [...filter.includeNamespaces],
  excludeNamespaces: [...filter.excludeNamespaces],
  // Numbers on the wire begin with 1, in the order of the severities.
  minSeverity: (minSeverity === undefined ? 0 : SEVERITIES.indexOf(minSeverity) + 1) as EventSeverity,
});

export const deliveryMessage = (record: DeliveryRecord): MessageInitShape<typeof DeliverySchema> => ({
  time: timestampFromMs(record.time),
  firstSequence: BigInt(record.first),
  lastSequence: BigInt(record.last),
  delivered: record.delivered,
  outcome: record.outcome,
  detail: record.detail,
  durationMs: record.durationMs,
});

export const deadLetterMessage = ({ sequence, hash, type, reason, time }: SetAside): MessageInitShape<typeof DeadLetterSchema> => ({
  sequence: BigInt(sequence),
  eventId: `evt_${hash.slice(0, 32)}`,
  type,
  reason,
  time: timestampFromMs(time),
});

/** @throws {HsmError} INVALID_REQUEST */
export function filterOf(filter: SinkFilter | undefined, namespace: string): EventFilter {
  if (filter === undefined) return NO_FILTER;
  const { preset, includeEvents, excludeEvents, includeNamespaces, excludeNamespaces, minSeverity } = filter;
  if (preset !== "" && !Object.hasOwn(FILTER_PRESETS, preset))
    throw new HsmError("INVALID_REQUEST", `filter.preset: there is no ${preset}`);
  const [unknown] = unknownEvents([...includeEvents, ...excludeEvents]);
  if (unknown !== undefined) throw new HsmError("INVALID_REQUEST", `filter: there is no type of events ${unknown}`);
  const outside = namespace === "" ? undefined : includeNamespaces.find((name) => name !== namespace);
  if (outside !== undefined) throw new HsmError("INVALID_REQUEST", `filter.include_namespaces: the sink gets no events of ${outside}`);
  const severity = SEVERITIES[minSeverity - 1];
  return {
    preset,
    includeEvents: [...includeEvents],
    excludeEvents: [...excludeEvents],
    includeNamespaces: [...includeNamespaces],
    excludeNamespaces: [...excludeNamespaces],
    ...(severity === undefined ? {} : { minSeverity: severity }),
  };
}

export const retryOf = (retry: SinkRetry | undefined): Retry => ({
  timeoutMs: retry?.timeoutSeconds ? retry.timeoutSeconds * 1000 : USUAL_RETRY.timeoutMs,
  maxRetries: retry?.maxRetries ?? USUAL_RETRY.maxRetries,
  delayMs: retry?.delayMs || USUAL_RETRY.delayMs,
});

/** A target as it is kept, and its kind. @throws {HsmError} INVALID_REQUEST when it names none or several */
export function targetOf(target: SinkTarget | undefined): { readonly kind: SinkKind; readonly json: unknown } {
  const kind = target === undefined ? undefined : kindOfTarget(target);
  if (target === undefined || kind === undefined) throw new HsmError("INVALID_REQUEST", "target: must name exactly one kind of target");
  return { kind, json: writeTarget(target) };
}

const WHSEC = Buffer.from("whsec_", "latin1");
const LEAST_SECRET_BYTES = 16;
const MADE_SECRET_BYTES = 32;

/** A secret as a sink uses it, and as it is shown when the vault made it. The caller wipes both. */
export interface ChosenSecret {
  /** Undefined for a sink that has none. */
  readonly secret: Buffer | undefined;
  /** Undefined when nothing is to be shown. */
  readonly shown: Buffer | undefined;
}

/** @param given as the request has it; empty when it was left out @throws {HsmError} INVALID_REQUEST */
export function secretOf(kind: SinkKind, given: Uint8Array): ChosenSecret {
  const rule = SINK_SECRETS[kind];
  if (given.length === 0 && rule === "signing") return madeSecret();
  if (given.length === 0) return { secret: undefined, shown: undefined };
  if (rule === "none") throw new HsmError("INVALID_REQUEST", `secret: a ${kind} has none`);
  if (rule === "credential") return { secret: copySecret(given), shown: undefined };
  const prefixed = given.length > WHSEC.length && WHSEC.every((byte, index) => given[index] === byte);
  const secret = prefixed ? bytesOfBase64(given.subarray(WHSEC.length)) : copySecret(given);
  if (secret === undefined || secret.length < LEAST_SECRET_BYTES) {
    wipe(secret);
    throw new HsmError("INVALID_REQUEST", `secret: must be whsec_ and base64, or bytes; at least ${LEAST_SECRET_BYTES} of them`);
  }
  return { secret, shown: undefined };
}

function madeSecret(): ChosenSecret {
  const secret = secretBuffer(MADE_SECRET_BYTES);
  fillRandom(secret);
  const text = base64Bytes(secret);
  const shown = secretBuffer(WHSEC.length + text.length);
  shown.set(WHSEC);
  shown.set(text, WHSEC.length);
  wipe(text);
  return { secret, shown };
}
