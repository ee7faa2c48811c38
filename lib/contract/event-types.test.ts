import assert from "node:assert/strict";
import { test } from "node:test";
import { ERROR_CODES } from "./errors.ts";
import {
  EVENT_TYPES,
  EVENT_TYPE_NAMES,
  eventTypeOf,
  kindOf,
  severityOf,
  successOf,
  type EventType,
  type TypedEvent,
} from "./event-types.ts";
import { OPERATIONS } from "./operations/register.ts";

const event = (action: string, outcome = "OK", more: Partial<TypedEvent> = {}): TypedEvent => ({
  action,
  outcome,
  decision: outcome === "OK" ? "allow" : "refuse",
  ...more,
});
const made = (kind: string) => ({ records: [{ digest: "ab", name: `ns/${kind}/id/0` }] });
/** What the vault records of its own accord. */
const OWN = [
  "OpenVault",
  "CloseVault",
  "RecordConfiguration",
  "EndReusedSession",
  "EndExpiredSession",
  "RecordUses",
  "RaiseAlert",
  "ResolveAlert",
];
/** Those that depend on the result. */
const BY_RESULT: readonly TypedEvent[] = [event("DeriveKey", "OK", made("key")), event("Login", "OK", made("session"))];

test("every operation has a type for its success, whatever permission it needs", () => {
  for (const operation of OPERATIONS) {
    const type = successOf(operation);
    assert.ok(type !== undefined && Object.hasOwn(EVENT_TYPES, type), `${operation.name}: its area has no row in event-types.ts`);
    assert.equal(eventTypeOf(event(operation.name)), type, operation.name);
  }
});

test("every operation and every outcome has a type of the table, and every type of the table arises", () => {
  const arisen = new Set<EventType>();
  const actions = [...OPERATIONS.map(({ name }) => name), ...OWN, "AnOperationOfALaterVersion"];
  const events = [...actions.flatMap((action) => ["OK", ...ERROR_CODES].map((outcome) => event(action, outcome))), ...BY_RESULT];
  for (const one of events) {
    const type = eventTypeOf(one);
    assert.ok(Object.hasOwn(EVENT_TYPES, type), `${one.action} ${one.outcome}: ${type}`);
    assert.equal(severityOf(one), EVENT_TYPES[type].severity);
    arisen.add(type);
  }
  assert.deepEqual(
    EVENT_TYPE_NAMES.filter((name) => !arisen.has(name)),
    [],
  );
});

test("how it ended counts before what it was", () => {
  const cases: readonly (readonly [TypedEvent, EventType])[] = [
    [event("Sign"), "key.used"],
    [event("Sign", "PERMISSION_DENIED"), "authorization.denied"],
    [event("Sign", "PERMISSION_DENIED", { scripts: [{ verdict: "allow" }, { verdict: "deny" }] }), "policy.violated"],
    [event("Sign", "KEY_USAGE_FORBIDS"), "policy.violated"],
    [event("ExportKey", "UNAUTHENTICATED"), "auth.failed"],
    [event("Login", "UNAUTHENTICATED"), "auth.failed"],
    [event("GenerateKey", "RATE_LIMITED"), "rate_limit.exceeded"],
    [event("DeleteKey", "APPROVAL_REQUIRED", { decision: "pending" }), "approval.requested"],
    [event("DeleteKey"), "key.deleted"],
    [event("DeriveKey"), "key.used"],
    [event("DeriveKey", "OK", made("key")), "key.created"],
    [event("DeriveKey", "OK", { records: [{ digest: "", name: "ns/key/id/0" }] }), "key.used"],
    [event("Login"), "session.continued"],
    [event("Login", "OK", made("session")), "session.created"],
    [event("GetKey", "OBJECT_NOT_FOUND"), "operation.refused"],
  ];
  for (const [one, type] of cases) assert.equal(eventTypeOf(one), type, JSON.stringify(one));
});

test("a batch is as grave as the gravest of its items", () => {
  assert.equal(severityOf(event("Batch", "OK", { items: [{ outcome: "OK" }] })), "debug");
  assert.equal(severityOf(event("Batch", "OK", { items: [{ outcome: "OK" }, { outcome: "PERMISSION_DENIED" }] })), "warning");
});

test("the older systems' names of events stand for their operations, and every other operation for itself", () => {
  const rows = OPERATIONS.map(({ name }) => name)
    .filter((name) => kindOf(name) !== name)
    .map((name) => [name, kindOf(name)]);
  assert.deepEqual(Object.fromEntries(rows), { GenerateKey: "KeyGeneration", Sign: "SignOperation", RotateKey: "KeyRotation" });
  assert.equal(kindOf("constructor"), "constructor");
});
