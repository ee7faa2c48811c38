/**
 * What kind of thing an audit event tells: its type on the wire (`key.created`), and how grave it is.
 *
 * An event says which operation was asked for and how it ended; followers of the log (sinks, metrics, alerts) want one word
 * for that. It is derived here, from the event alone, and is kept nowhere: the log stays as it is when a word is added.
 * How an operation ended counts before what it was: a Sign that was not permitted is `authorization.denied`.
 *
 * @see docs/reference/events.md
 */
import type { ErrorCode } from "./errors.ts";
import type { Operation } from "./operation.ts";
import { operationByName } from "./operations/register.ts";

/** How grave an event is, least first; the position is what `min_severity` compares. */
export const SEVERITIES = Object.freeze(["debug", "info", "warning", "error", "critical"] as const);
export type Severity = (typeof SEVERITIES)[number];

/** One row: a type of events. */
export interface EventTypeRow {
  readonly severity: Severity;
  /** For people. */
  readonly meaning: string;
}

/** Every type there is, by its name on the wire. A name never changes its meaning. */
export const EVENT_TYPES = Object.freeze({
  "key.created": { severity: "info", meaning: "a key was made, imported, unwrapped or derived" },
  "key.activated": { severity: "info", meaning: "a key came into use" },
  "key.suspended": { severity: "warning", meaning: "a key is out of use for a while" },
  "key.resumed": { severity: "info", meaning: "a suspended key is in use again" },
  "key.deactivated": { severity: "info", meaning: "a key makes nothing new any more" },
  "key.revoked": { severity: "warning", meaning: "a key was revoked, or is known to be compromised" },
  "key.rotated": { severity: "info", meaning: "a key has a new version" },
  "key.rolled_back": { severity: "warning", meaning: "a former version of a key is current again" },
  "key.updated": { severity: "info", meaning: "what is said about a key was changed" },
  "key.destruction_scheduled": { severity: "warning", meaning: "a key is to be destroyed" },
  "key.destruction_cancelled": { severity: "info", meaning: "a key is not to be destroyed after all" },
  "key.purge_approved": { severity: "warning", meaning: "somebody agreed to the end of a key" },
  "key.deleted": { severity: "warning", meaning: "the material of a key, or all of it, is gone" },
  "key.exported": { severity: "warning", meaning: "the material of a key left the vault" },
  "key.used": { severity: "debug", meaning: "a key was worked with" },
  "key.read": { severity: "debug", meaning: "somebody looked at keys" },
  "key.delegated": { severity: "info", meaning: "an operation on a key was handed to somebody else, or taken back" },
  "crypto.used": { severity: "debug", meaning: "something was computed without a key, such as a digest" },
  "session.created": { severity: "info", meaning: "somebody signed in" },
  "session.continued": { severity: "debug", meaning: "a sign-in goes on, or a session's token was renewed" },
  "session.revoked": { severity: "info", meaning: "a session was ended" },
  "session.expired": { severity: "info", meaning: "a session's time was over; the request of the event names whose it was" },
  "session.reused": { severity: "warning", meaning: "a spent refresh token came again, and its session was ended" },
  "policy.updated": { severity: "warning", meaning: "the policy, a script or an approver's key is another" },
  "policy.read": { severity: "debug", meaning: "somebody looked at the policy or at scripts" },
  "policy.violated": { severity: "warning", meaning: "a script, or the key's own rules, forbade what was asked for" },
  "auth.failed": { severity: "warning", meaning: "somebody could not prove who they are" },
  "authorization.denied": { severity: "warning", meaning: "somebody asked for what they may not do" },
  "rate_limit.exceeded": { severity: "warning", meaning: "too many requests" },
  "quota.exceeded": { severity: "warning", meaning: "a quota or a budget is used up" },
  "approval.requested": { severity: "info", meaning: "a request waits until others agree" },
  "approval.given": { severity: "info", meaning: "somebody agreed to a request" },
  "approval.denied": { severity: "warning", meaning: "somebody did not agree to a request" },
  "approval.cancelled": { severity: "info", meaning: "a request that waited was taken back" },
  "alert.firing": { severity: "error", meaning: "the server noticed trouble of its own; the request of the event names the alert" },
  "alert.resolved": { severity: "info", meaning: "the trouble is over" },
  "approval.overridden": { severity: "critical", meaning: "a request was performed without those who had to agree" },
  "approval.read": { severity: "debug", meaning: "somebody looked at requests that wait" },
  "object.changed": { severity: "info", meaning: "a certificate or data beside the keys was stored, changed or removed" },
  "object.read": { severity: "debug", meaning: "somebody looked at certificates or data" },
  "namespace.created": { severity: "info", meaning: "a namespace was made" },
  "namespace.updated": { severity: "info", meaning: "a namespace, or what may be used in it, was changed" },
  "namespace.suspended": { severity: "warning", meaning: "a namespace is out of use for a while" },
  "namespace.resumed": { severity: "info", meaning: "a suspended namespace is in use again" },
  "namespace.deletion_scheduled": { severity: "warning", meaning: "a namespace is to be deleted" },
  "namespace.deletion_cancelled": { severity: "info", meaning: "a namespace is not to be deleted after all" },
  "namespace.deleted": { severity: "warning", meaning: "a namespace and every key in it are gone" },
  "namespace.read": { severity: "debug", meaning: "somebody looked at namespaces" },
  "identity.updated": { severity: "warning", meaning: "a user or a service account was made, changed or deleted" },
  "identity.read": { severity: "debug", meaning: "somebody looked at users, accounts or sessions" },
  "configuration.changed": { severity: "warning", meaning: "the server started with another configuration" },
  "configuration.accepted": { severity: "warning", meaning: "a new configuration was accepted" },
  "audit.break_acknowledged": { severity: "critical", meaning: "administrators agreed to go on without a damaged part of the audit log" },
  "configuration.read": { severity: "debug", meaning: "somebody looked at former configurations" },
  "audit.read": { severity: "debug", meaning: "somebody looked at the audit log" },
  "audit.updated": { severity: "warning", meaning: "what is kept of the audit log, or who is told of it, was changed" },
  "sink.test": { severity: "info", meaning: "a sink was tried" },
  "system.startup": { severity: "info", meaning: "the vault was unsealed, by somebody or by its own start" },
  "system.shutdown": { severity: "warning", meaning: "the vault was sealed, or its server ended" },
  "system.rekeyed": { severity: "warning", meaning: "the vault gets new keys" },
  "system.read": { severity: "debug", meaning: "somebody looked at the server's state" },
  "system.upkeep": { severity: "debug", meaning: "the vault put its own things in order" },
  "system.fault": { severity: "critical", meaning: "a self-test failed, or what is stored does not verify" },
  "operation.refused": { severity: "info", meaning: "what was asked for cannot be done, such as work with a key that is not there" },
  "operation.failed": { severity: "error", meaning: "the server could not do what it should" },
} satisfies Record<string, EventTypeRow>);

export type EventType = keyof typeof EVENT_TYPES;

/** Names of the table, in its order. */
export const EVENT_TYPE_NAMES = Object.freeze(Object.keys(EVENT_TYPES)) as readonly EventType[];

/** What is looked at of an event. */
export interface TypedEvent {
  readonly action: string;
  readonly outcome: string;
  readonly decision: string;
  readonly records?: readonly { readonly digest: string; readonly name: string }[];
  readonly scripts?: readonly { readonly verdict: string }[];
  readonly items?: readonly { readonly outcome: string }[];
}

/** How a request ended without success: what is told then, whatever was asked for. What is not here is `operation.refused`. */
const OUTCOMES: Partial<Record<ErrorCode, EventType>> = {
  UNAUTHENTICATED: "auth.failed",
  PERMISSION_DENIED: "authorization.denied",
  SIGNING_REFUSED: "policy.violated",
  KEY_USAGE_FORBIDS: "policy.violated",
  KEY_NOT_EXTRACTABLE: "policy.violated",
  WRAPPING_KEY_TOO_WEAK: "policy.violated",
  KEY_EXHAUSTED: "quota.exceeded",
  QUOTA_EXCEEDED: "quota.exceeded",
  RATE_LIMITED: "rate_limit.exceeded",
  APPROVAL_REQUIRED: "approval.requested",
  INTEGRITY_FAILURE: "system.fault",
  SELF_TEST_FAILED: "system.fault",
  INTERNAL: "operation.failed",
  AUDIT_UNAVAILABLE: "operation.failed",
  PROVIDER_UNAVAILABLE: "operation.failed",
};

/** Operations whose success has a word of its own. */
const SUCCESSES: Readonly<Record<string, EventType>> = {
  GenerateKey: "key.created",
  ImportKey: "key.created",
  UnwrapKey: "key.created",
  CopyKey: "key.created",
  RotateKey: "key.rotated",
  RollbackKey: "key.rolled_back",
  ActivateKey: "key.activated",
  SuspendKey: "key.suspended",
  ResumeKey: "key.resumed",
  DeactivateKey: "key.deactivated",
  RevokeKey: "key.revoked",
  DestroyKey: "key.destruction_scheduled",
  CancelDestruction: "key.destruction_cancelled",
  ApprovePurge: "key.purge_approved",
  PurgeKey: "key.deleted",
  DeleteKey: "key.deleted",
  ExportKey: "key.exported",
  WrapKey: "key.exported",
  CreateGrant: "key.delegated",
  RevokeGrant: "key.delegated",
  ListGrants: "policy.read",
  Login: "session.continued",
  CompleteLogin: "session.continued",
  LoginService: "session.continued",
  LoginOidc: "session.continued",
  LoginToken: "session.continued",
  InitTokenPin: "identity.updated",
  InitToken: "identity.updated",
  Reauthenticate: "session.continued",
  RefreshSession: "session.continued",
  Logout: "session.revoked",
  RevokeSession: "session.revoked",
  GetJwks: "system.read",
  CreateNamespace: "namespace.created",
  SuspendNamespace: "namespace.suspended",
  ResumeNamespace: "namespace.resumed",
  DeleteNamespace: "namespace.deletion_scheduled",
  CancelNamespaceDeletion: "namespace.deletion_cancelled",
  PurgeNamespace: "namespace.deleted",
  ApproveRequest: "approval.given",
  DenyRequest: "approval.denied",
  CancelRequest: "approval.cancelled",
  OverrideApproval: "approval.overridden",
  RegisterApproverKey: "policy.updated",
  AdoptPasskey: "policy.updated",
  RevokeApproverKey: "policy.updated",
  TestSink: "sink.test",
  RedeliverDelivery: "audit.updated",
  ListConfigVersions: "configuration.read",
  GetConfigVersion: "configuration.read",
  AcceptConfig: "configuration.accepted",
  AcknowledgeAuditBreak: "audit.break_acknowledged",
  Unseal: "system.startup",
  Seal: "system.shutdown",
  RekeyVault: "system.rekeyed",
  // What the vault does of its own accord.
  OpenVault: "system.startup",
  CloseVault: "system.shutdown",
  RecordConfiguration: "configuration.changed",
  ArchiveAuditLog: "audit.updated",
  PurgeAuditLog: "audit.updated",
  RaiseAlert: "alert.firing",
  ResolveAlert: "alert.resolved",
  EndReusedSession: "session.reused",
  EndExpiredSession: "session.expired",
};

/** What is told of an operation without a row in {@link SUCCESSES}, by the area of its permission. */
const AREAS: Readonly<Record<string, { readonly read: EventType; readonly change: EventType; readonly use?: EventType }>> = {
  key: { read: "key.read", change: "key.updated", use: "key.used" },
  crypto: { read: "key.used", change: "key.used", use: "key.used" },
  approval: { read: "approval.read", change: "approval.given" },
  namespace: { read: "namespace.read", change: "namespace.updated" },
  budget: { read: "namespace.read", change: "namespace.updated" },
  audit: { read: "audit.read", change: "audit.updated" },
  policy: { read: "policy.read", change: "policy.updated" },
  script: { read: "policy.read", change: "policy.updated" },
  sink: { read: "audit.read", change: "audit.updated" },
  object: { read: "object.read", change: "object.changed" },
  token: { read: "identity.read", change: "identity.updated" },
  identity: { read: "identity.read", change: "identity.updated" },
  alert: { read: "system.read", change: "system.upkeep" },
  status: { read: "system.read", change: "system.upkeep" },
  vault: { read: "system.read", change: "system.rekeyed" },
};

/** The type that an operation's success has, for what does not depend on its result. Undefined for an area that has no row. */
export function successOf(operation: Operation): EventType | undefined {
  const own = SUCCESSES[operation.name];
  if (own !== undefined) return own;
  const { effect, permission, scope } = operation;
  const [name = ""] = permission.split(":");
  if (name === "crypto" && scope === "server") return "crypto.used";
  const area = AREAS[name];
  return effect === "use" ? area?.use : area?.[effect];
}

/** Operations that make a key, or give their result away, as the request says. */
const MAY_MAKE_KEYS: ReadonlySet<string> = new Set(["AgreeKey", "DeriveKey", "Encapsulate", "Decapsulate"]);
const SIGN_INS: ReadonlySet<string> = new Set(["Login", "CompleteLogin", "LoginService", "LoginOidc", "LoginToken"]);

const wrote = ({ records = [] }: TypedEvent, kind: string): boolean =>
  records.some(({ digest, name }) => digest !== "" && name.split("/")[1] === kind);

/** The type of an event. Every event has one, also those of operations that this version does not know. */
export function eventTypeOf(event: TypedEvent): EventType {
  const { action, decision, outcome, scripts = [] } = event;
  if (decision === "pending") return "approval.requested";
  if (outcome !== "OK") {
    if (outcome === "PERMISSION_DENIED" && scripts.some(({ verdict }) => verdict === "deny")) return "policy.violated";
    return OUTCOMES[outcome as ErrorCode] ?? "operation.refused";
  }
  if (MAY_MAKE_KEYS.has(action) && wrote(event, "key")) return "key.created";
  if (SIGN_INS.has(action) && wrote(event, "session")) return "session.created";
  const own = SUCCESSES[action];
  if (own !== undefined) return own;
  const operation = operationByName(action);
  return (operation === undefined ? undefined : successOf(operation)) ?? "system.upkeep";
}

/** How grave an event is: its type's severity, or that of the gravest failure among the items of a batch. */
export function severityOf(event: TypedEvent): Severity {
  let rank = SEVERITIES.indexOf(EVENT_TYPES[eventTypeOf(event)].severity);
  for (const { outcome } of event.items ?? [])
    if (outcome !== "OK")
      rank = Math.max(rank, SEVERITIES.indexOf(EVENT_TYPES[OUTCOMES[outcome as ErrorCode] ?? "operation.refused"].severity));
  return SEVERITIES[rank] as Severity;
}

const KINDS: Readonly<Record<string, string>> = { GenerateKey: "KeyGeneration", Sign: "SignOperation", RotateKey: "KeyRotation" };

/** The name that clients of the older systems know an operation's events by; the operation's own where they know none. */
export const kindOf = (action: string): string => (Object.hasOwn(KINDS, action) ? (KINDS[action] as string) : action);
