/**
 * An event in the Open Cybersecurity Schema Framework: one JSON object of the class API Activity, which every event is, because every
 * event is a call and its outcome.
 *
 * @see OCSF 1.3.0, class API Activity (6003), category Application Activity (6)
 */
import type { Severity } from "@keystead/contract/event-types";
import { operationByName } from "@keystead/contract/operations/register";
import { VERSION } from "@keystead/contract/version";
import type { SinkEvent } from "../event.ts";

const CLASS = 6003;
const SEVERITIES: Readonly<Record<Severity, readonly [id: number, name: string]>> = Object.freeze({
  debug: [1, "Informational"],
  info: [1, "Informational"],
  warning: [3, "Medium"],
  error: [4, "High"],
  critical: [5, "Critical"],
});
/** Create, Read, Update, Delete, Other. */
const ACTIVITIES = Object.freeze({ create: 1, read: 2, update: 3, delete: 4, other: 99 } as const);

/** What an operation does to what it is about, as its name and its row say. */
function activityOf(action: string): number {
  if (/^(?:Generate(?:Key|RecoveryCodes)|Import|Create|Upload|Register)/.test(action)) return ACTIVITIES.create;
  if (/^(?:Delete|Purge|Destroy|Remove|Revoke)/.test(action)) return ACTIVITIES.delete;
  const effect = operationByName(action)?.effect;
  return effect === "read" ? ACTIVITIES.read : effect === "change" ? ACTIVITIES.update : ACTIVITIES.other;
}

export function ocsf({ id, type, severity, kind, event, canonical }: SinkEvent, source: string): string {
  const activity = activityOf(event.action);
  const [severityId, severityName] = SEVERITIES[severity];
  const done = event.outcome === "OK";
  const pending = event.decision === "pending";
  const object = {
    activity_id: activity,
    category_uid: 6,
    class_uid: CLASS,
    type_uid: CLASS * 100 + activity,
    time: Date.parse(event.time),
    severity_id: severityId,
    severity: severityName,
    status_id: done ? 1 : pending ? 99 : 2,
    status: done ? "Success" : pending ? "Pending" : "Failure",
    ...(done ? {} : { status_code: event.outcome }),
    message: type,
    metadata: {
      version: "1.3.0",
      uid: id,
      sequence: event.sequence,
      event_code: type,
      log_name: "audit",
      log_provider: source,
      product: { name: "Keystead", vendor_name: "Keystead", version: VERSION },
      ...(event.request === "" ? {} : { correlation_uid: event.request }),
    },
    actor: { user: { name: event.principal, uid: event.principal } },
    api: {
      operation: event.action,
      service: { name: "hsm.HsmService" },
      ...(event.request === "" ? {} : { request: { uid: event.request } }),
    },
    src_endpoint: event.address === undefined ? { name: "unknown" } : { ip: event.address },
    ...(event.key === "" && event.namespace === ""
      ? {}
      : { resources: [{ type: event.key === "" ? "namespace" : "key", uid: event.key || event.namespace, namespace: event.namespace }] }),
    unmapped: { kind },
  };
  return `${JSON.stringify(object).slice(0, -1)},"raw_data":${JSON.stringify(canonical)}}`;
}
