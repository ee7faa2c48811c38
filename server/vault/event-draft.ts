/**
 * From what is known of a request to its audit event.
 */
import type { DescMessage, MessageShape } from "@bufbuild/protobuf";
import type { Operation } from "@keystead/contract/operation";
import type { Permission } from "@keystead/contract/permissions";
import type { EventApproval, EventFields, EventScript } from "./audit/event.ts";
import type { Receipt } from "./audit/log.ts";
import { uncommonUse } from "./grant.ts";
import type { Invocation, Result } from "./operations/handler.ts";

const NO_DEMANDS: readonly Permission[] = [];

/** What is known of a request so far; becomes its audit event. */
export interface Draft {
  keyId: string;
  /** A second key that the request names; empty for none. */
  otherKeyId: string;
  namespace: string;
  version: number;
  decision: "allow" | "refuse" | "pending";
  /** One of the keys is a session key. */
  sessionKey?: boolean;
  payload: string;
  /** The caller's address; empty for none. */
  readonly address: string;
  /** W3C trace id; empty for none. */
  readonly trace: string;
  /** What policy scripts decided. */
  readonly scripts: EventScript[];
  /** What was issued: tells afterwards whether something revoked was opened. */
  grants?: Grants;
  demands?: { readonly demands?: readonly Permission[] };
  /** The pending request that this is about, made, or is. */
  approval?: EventApproval;
  /** Where its event came to stand. */
  receipt?: Receipt;
}

/** What is known when nothing is: who asks from where, if anybody does. */
export const draftOf = (address: string, trace: string, payload = ""): Draft => ({
  keyId: "",
  otherKeyId: "",
  namespace: "",
  version: 0,
  decision: "refuse",
  payload,
  address,
  trace: TRACE.exec(trace)?.[1] ?? "",
  scripts: [],
});

/** W3C Trace Context §3.2; a trace id of zeros alone is none. */
const TRACE = /^00-(?!0{32})([0-9a-f]{32})-[0-9a-f]{16}-[0-9a-f]{2}$/;

export type Grants = Pick<Invocation, "grant" | "otherGrant">;

/** The event of a request, but for its place in the log. */
export function eventOf(
  operation: Operation,
  draft: Draft,
  outcome: string,
  principal: { readonly id: string; readonly method: string },
  requestId: string,
  result: Result<DescMessage> | undefined,
): EventFields {
  const writes = result?.change?.writes ?? [];
  const moved = result?.change?.moved;
  return {
    action: operation.name,
    ...(draft.address === "" ? {} : { address: draft.address }),
    ...(draft.approval === undefined ? {} : { approval: draft.approval }),
    authentication: principal.method,
    ...(result?.breaks === undefined ? {} : { breaks: result.breaks }),
    decision: draft.decision,
    ...draft.demands,
    key: draft.keyId,
    namespace: draft.namespace,
    ...(draft.otherKeyId === "" ? {} : { other: draft.otherKeyId }),
    outcome,
    payload: draft.payload,
    principal: principal.id,
    request: requestId,
    time: isoNow(),
    version: draft.version,
    ...scriptsOf(draft.scripts),
    ...(draft.sessionKey === true ? { sessionKey: true as const } : {}),
    ...(draft.trace === "" ? {} : { trace: draft.trace }),
    ...stateOf(draft.grants),
    ...(moved === undefined ? {} : { moved }),
    ...(result?.items === undefined ? {} : { items: result.items }),
    ...(writes.length === 0
      ? {}
      : {
          records: writes.map((write) => ({
            digest: write.digest,
            name: `${write.key.namespace}/${write.key.kind}/${write.key.id}/${write.key.version}`,
          })),
        }),
  };
}

/** For an event: the permissions that a request needs beyond its operation's, where there are any. */
export function demandsOf(operation: Operation, request: MessageShape<DescMessage>): { demands?: readonly Permission[] } {
  const demands = operation.demands?.(request) ?? NO_DEMANDS;
  return demands.length === 0 ? {} : { demands };
}

/** For an event: what policy scripts decided, where any were asked. */
export const scriptsOf = (scripts: readonly EventScript[]): { scripts?: readonly EventScript[] } =>
  scripts.length === 0 ? {} : { scripts };

/** For an event: the state of what was used, when it was revoked or compromised. */
export function stateOf(grants: Grants | undefined): { state?: string } {
  const state = uncommonUse(grants?.grant) ?? uncommonUse(grants?.otherGrant);
  return state === undefined ? {} : { state };
}

let isoMs = 0;
let isoText = "";

/** The time as events carry it; one text serves all events of a millisecond. */
function isoNow(): string {
  const now = Date.now();
  if (now !== isoMs) {
    isoMs = now;
    isoText = new Date(now).toISOString();
  }
  return isoText;
}
