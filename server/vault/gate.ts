/**
 * A gate: what may still stand between a permitted request and its performance.
 *
 * Gates are asked one after the other, after authorize/ has said yes and before anything is done. A gate says nothing
 * (undefined), refuses (throws), raises a demand for approval that a later gate acts on, or holds the request back: then
 * what it made (the pending request) is recorded with the event, and the caller gets its error. No gate can permit what
 * authorize/ refused. A leaf: this file imports nothing of the vault but types.
 */
import type { DescMessage, MessageShape } from "@bufbuild/protobuf";
import type { HsmError } from "@keystead/contract/errors";
import type { Operation } from "@keystead/contract/operation";
import type { EventScript } from "./audit/event.ts";
import type { Principal } from "./authenticate/principal.ts";
import type { Change } from "./objects/change.ts";

/** Others must agree before the request is performed. */
export interface ApprovalDemand {
  /** Where the demand comes from, for people: a rule's or a script's name. */
  readonly rule: string;
  /** How many must approve; at least 1. */
  readonly quorum: number;
  /** Each approver needs one of these. */
  readonly roles: readonly string[];
  /** How long the request may wait. */
  readonly expirySeconds: number;
  /** For the approvers; empty for none. */
  readonly reason: string;
}

/** A request that waited and was approved, now that it is performed. */
export interface ApprovedRun {
  /** Of the pending request. */
  readonly id: string;
  /** It came with a proof for one use of a key that asks for one. */
  readonly proven: boolean;
  /** Digest of a message in the way the approved one was digested. */
  digestOf(message: Uint8Array): string;
  /**
   * The end of the pending request, as a change that is made together with what the request changes.
   *
   * @param outcome OK or an error code
   * @param reply   the answer, for the requester; copied
   */
  close(outcome: string, detail: string, reply?: Buffer): Promise<Change>;
}

/** A permitted request, as gates see it. */
export interface Asked {
  readonly principal: Principal;
  readonly operation: Operation;
  readonly request: MessageShape<DescMessage>;
  /** Resolved; empty for operations about the server or about everything within reach. */
  readonly namespace: string;
  /** Empty for none. */
  readonly keyId: string;
  /** A second key that the request names; empty for none. */
  readonly otherKeyId: string;
  /** Client address; empty for ceremonies. */
  readonly address: string;
  readonly requestId: string;
  /** W3C trace id; empty or undefined without one. */
  readonly traceId?: string | undefined;
  /** SHA-256 of the request body, hexadecimal. */
  readonly payload: string;
  /** An item of a batch: it cannot be held back. */
  readonly batched: boolean;
  /** Set when others have agreed to exactly this before. */
  readonly approved?: ApprovedRun | undefined;
  /** Others must agree. Every demand that was raised must be met. */
  raise(demand: ApprovalDemand): void;
  readonly raised: readonly ApprovalDemand[];
  /** A policy script was asked; what it decided is part of the event. */
  judged(script: EventScript): void;
}

/** The request is held back: the change is recorded, then the error is what the caller gets. */
export interface Held {
  readonly change: Change;
  readonly error: HsmError;
}

/** Asked about a permitted request. @throws {HsmError} to refuse it */
export type Gate = (asked: Asked) => undefined | Held | Promise<undefined | Held>;

/** Asks all gates, in order; the first that holds the request back ends it. Answers at once when all of them do. */
export function passGates(gates: readonly Gate[], asked: Asked, from = 0): undefined | Held | Promise<undefined | Held> {
  for (let at = from; at < gates.length; at += 1) {
    const answer = (gates[at] as Gate)(asked);
    if (answer instanceof Promise) return answer.then((held) => held ?? passGates(gates, asked, at + 1));
    if (answer !== undefined) return answer;
  }
  return undefined;
}
