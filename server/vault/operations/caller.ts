/**
 * Who a request about "myself" is about.
 */
import { HsmError } from "@keystead/contract/errors";
import { methodOf, principalId, type Subject } from "../authenticate/subjects.ts";
import type { Peer } from "../authenticate/sessions.ts";
import type { Principal } from "../authenticate/principal.ts";

/** The caller's user name. @throws {HsmError} INVALID_REQUEST for callers that are no local user */
export function ownName({ id }: Principal): string {
  if (!id.startsWith("user:"))
    throw new HsmError("INVALID_REQUEST", "this is about the local user who is logged in, and the caller is none");
  return id.slice("user:".length);
}

export const isOwn = ({ id }: Principal, name: string): boolean => id === principalId({ kind: "user", name });

/** Who somebody without a credential turned out to be, for the audit event. */
export const actorOf = (subject: Subject): { readonly id: string; readonly method: string } => ({
  id: principalId(subject),
  method: methodOf(subject),
});

/** The other end of a connection; nobody's for what comes from no connection. */
export const peerOf = (peer: (() => Peer) | undefined): Peer => peer?.() ?? { address: "", thumbprint: "" };
