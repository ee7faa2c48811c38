/**
 * What an operation's handler is given and what it gives back.
 *
 * A handler performs; it decides nothing (authorize/ has), records nothing (the monitor does) and knows no store. It
 * returns its reply and, when it changes something, the prepared change, which becomes real with its audit event.
 */
import type { AlertState } from "@keystead/contract/alerts";
import type { DescMessage, MessageInitShape, MessageShape } from "@bufbuild/protobuf";
import { HsmError } from "@keystead/contract/errors";
import type { Operation } from "@keystead/contract/operation";
import type { ListReply, ListingCache } from "./listing-cache.ts";
import type { SelfTestReport } from "@keystead/crypto/self-tests/run";
import type { AuditFilter, Hidden } from "../audit/audit-filter.ts";
import type { EventApproval, EventBreak, EventItem } from "../audit/event.ts";
import type { AuditStreams } from "../audit/streams.ts";
import type { AuditProofs } from "../audit/proofs.ts";
import type { Approvals } from "../approvals/approvals.ts";
import type { Identity } from "../authenticate/identity.ts";
import type { Principal } from "../authenticate/principal.ts";
import type { Peer } from "../authenticate/sessions.ts";
import type { Grant } from "../grant.ts";
import type { Change } from "../objects/change.ts";
import type { RekeyProgress } from "../ceremonies/rekey.ts";
import type { CallersKeys } from "../objects/callers-keys.ts";
import type { Budgets } from "../limits/budgets.ts";
import type { StoredObjects } from "../objects/stored-objects.ts";
import type { Documents } from "../objects/documents.ts";
import type { AuditBreakControl } from "./audit-break-control.ts";
import type { ConfigurationControl } from "./configuration-control.ts";
import type { PolicyControl } from "./policy-control.ts";
import type { SinkControl } from "./sink-control.ts";
import type { Run, SoftwareProvider } from "../providers/software.ts";
import type { ScriptRunner } from "../scripts/runner.ts";

/** A position in the audit log to read from, and what to look for. */
export interface AuditQuery {
  readonly filter: AuditFilter;
  readonly hidden: Hidden;
  readonly newestFirst: boolean;
  /** Sequence to continue from, exclusive; 0 = the start (or the end, newest first). */
  readonly after: number;
  readonly limit: number;
}

/** Asks for every event. */
export const EVERY_EVENT: AuditFilter = Object.freeze({
  namespaces: undefined,
  keyId: "",
  otherKeyId: "",
  action: "",
  principal: "",
  outcome: "",
  decision: "",
  requestId: "",
  approvalId: "",
  since: -Infinity,
  until: Infinity,
});

/** What a stream of the log shows next. */
export interface AuditPage {
  readonly events: readonly AuditRow[];
  readonly sequence: number;
  readonly complete: boolean;
}

export interface StatusFacts {
  readonly phase: string;
  readonly uptimeSeconds: number;
  readonly preset: string;
  readonly auditSequence: number;
  readonly auditSyncMode: string;
  readonly auditIntegrity: string;
  /** The key that checkpoints are signed by; empty while nothing is open. */
  readonly auditVerifierKey: string;
  /** Events that the latest checkpoint covers. */
  readonly auditCheckpointSize: number;
  /** Why the phase is maintenance; empty otherwise. */
  readonly maintenance: string;
  /** The lowest sequence number of the log that does not verify; 0 = none is known. */
  readonly auditFirstBadSequence: number;
  /** What an operator does about damage, in order. */
  readonly maintenanceSteps: readonly string[];
  readonly store: string;
  readonly isolation: string;
  readonly memoryLocked: boolean;
  /** Undefined while nothing is open. */
  readonly rekey: RekeyProgress | undefined;
  /** Undefined until they have run. */
  readonly selfTests: SelfTestReport | undefined;
}

/** The vault as handlers see it. */
export interface Context {
  /** As the caller has them. */
  readonly objects: CallersKeys;
  readonly documents: Documents;
  /** Certificates and data beside the keys. */
  readonly storedObjects: StoredObjects;
  /** What the audit log proves about itself. */
  readonly proofs: AuditProofs;
  /** What is damaged of it. */
  readonly auditBreak: AuditBreakControl;
  readonly budgets: Budgets;
  readonly approvals: Approvals;
  /** Local users, service accounts and sessions. */
  readonly identity: Identity;
  readonly policy: PolicyControl;
  /** The versions of the server's own configuration. */
  readonly configuration: ConfigurationControl;
  readonly provider: SoftwareProvider;
  /** Runs policy scripts; undefined where the configuration says that none are run. */
  readonly scripts: Pick<ScriptRunner, "prepare" | "decide"> | undefined;
  /** Where events are sent; undefined where the configuration says nowhere. */
  readonly sinks: SinkControl | undefined;
  readonly listings: ListingCache<ListReply>;
  readonly rsaPkcs1Decryption: boolean;
  /** How long DeleteNamespace waits when nothing is said, and at least. */
  readonly namespaceDeletion: { readonly delaySeconds: number; readonly minDelaySeconds: number };
  /** How long DestroyKey waits when nothing is said, and at least. */
  readonly destruction: { readonly delaySeconds: number; readonly minDelaySeconds: number; readonly graceSeconds: number };
  readAudit(query: AuditQuery): Promise<{ events: readonly AuditRow[]; next: number | undefined }>;
  /** Streams of the audit log that are open. */
  readonly auditStreams: AuditStreams;
  status(): StatusFacts;
  /** What fires, or has. */
  alerts(): readonly AlertState[];
}

/** One line of the log, taken apart. */
export interface AuditRow {
  readonly canonical: string;
  readonly hash: string;
  readonly mac: string;
}

/** One authorised request. */
export interface Invocation<I extends DescMessage = DescMessage> {
  readonly operation: Operation;
  readonly principal: Principal;
  /** Client address; empty for ceremonies. */
  readonly address: string;
  readonly requestId: string;
  /** Resolved: never empty for operations about a namespace or a key. */
  readonly namespace: string;
  readonly request: MessageShape<I>;
  /** Namespaces to keep out of an answer about everything within reach: the caller could not ask about them by name. */
  readonly hidden: () => { has(namespace: string): boolean };
  /** Which keys may be in an answer about many; undefined: every one. */
  readonly visible: () => ((keyId: string, facts: { readonly algorithm: string; readonly tags: readonly string[] }) => boolean) | undefined;
  /** Opens the key, once; present for operations that use one. */
  readonly grant: Grant | undefined;
  /** Opens the second key that the request names, once; present when it names one. */
  readonly otherGrant?: Grant | undefined;
  readonly run: Run;
  /** What was seen of the other end of the connection. */
  readonly peer?: () => Peer;
  /** Performs one item of a batch: its own decision, its own result. Present only for Batch. */
  readonly item?: (operation: Operation, request: MessageShape<DescMessage>) => Promise<ItemResult>;
}

export interface ItemResult {
  readonly event: EventItem;
  /** The reply, or what went wrong. */
  readonly reply: MessageInitShape<DescMessage> | undefined;
  readonly error: { readonly code: string; readonly number: number; readonly detail: string } | undefined;
}

export interface Result<O extends DescMessage> {
  readonly reply: MessageInitShape<O>;
  /** A bytes field of the reply whose memory nobody else uses or will use: a large one leaves without being copied. */
  readonly own?: string;
  /** For the audit event, when the request did not say. */
  readonly keyId?: string;
  /** A second key, for the same. */
  readonly otherKeyId?: string;
  readonly namespace?: string;
  readonly version?: number;
  readonly change?: Change;
  /** The pending request that it was about, with the proof of what was said. */
  readonly approval?: EventApproval;
  readonly items?: readonly EventItem[];
  /** Damaged segments that the log goes on without, for the audit event. */
  readonly breaks?: readonly EventBreak[];
  /** Who the caller turned out to be, for the audit event, when they came without a credential. */
  readonly actor?: { readonly id: string; readonly method: string };
  /** It ends the session it came with, and succeeds nevertheless. */
  readonly endsOwnSession?: boolean;
  /** Buffers to wipe once the reply is encoded. */
  readonly secrets?: readonly Uint8Array[];
}

/** Performs one operation. */
export interface Handler<I extends DescMessage = DescMessage, O extends DescMessage = DescMessage> {
  readonly operation: Operation<I, O>;
  run(invocation: Invocation<I>, context: Context): Promise<Result<O>>;
}

/** Ties a handler to its row, with both message types. */
export const handler = <I extends DescMessage, O extends DescMessage>(
  operation: Operation<I, O>,
  run: (invocation: Invocation<I>, context: Context) => Promise<Result<O>>,
): Handler<I, O> => Object.freeze({ operation, run });

/** The grant of an operation that uses a key; its absence is a fault of the table. */
export function grantOf(invocation: { readonly grant: Grant | undefined; readonly operation: Operation }): Grant {
  if (invocation.grant === undefined) throw new TypeError(`${invocation.operation.name} uses a key but its row has no usage`);
  return invocation.grant;
}

/** The grant of the second key that a request names; its absence is a fault of the table. */
export function otherGrantOf(invocation: { readonly otherGrant?: Grant | undefined; readonly operation: Operation }): Grant {
  if (invocation.otherGrant === undefined) throw new TypeError(`${invocation.operation.name} uses a second key but its row names none`);
  return invocation.otherGrant;
}

/** What runs policy scripts. @throws {HsmError} OPERATION_NOT_SUPPORTED where none are run */
export function scriptsOf({ scripts }: Context): NonNullable<Context["scripts"]> {
  if (scripts === undefined) throw new HsmError("OPERATION_NOT_SUPPORTED", "policy scripts are not run here (scripts.enabled is false)");
  return scripts;
}
