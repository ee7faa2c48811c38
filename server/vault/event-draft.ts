/**
 * From what is known of a request to its audit event.
 */
import type { DescMessage, MessageShape } from "@bufbuild/protobuf";
import type { Operation } from "@keystead/contract/operation";
import type { Permission } from "@keystead/contract/permissions";
import type { EventApproval, EventFields } from "./audit/event.ts";
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
  payload: string;
  /** What was issued: tells afterwards whether something revoked was opened. */
  grants?: Grants;
  demands?: { readonly demands?: readonly Permission[] };
  /** The pending request that this is about, made, or is. */
  approval?: EventApproval;
}

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
    ...(draft.approval === undefined ? {} : { approval: draft.approval }),
    authentication: principal.method,
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
