import assert from "node:assert/strict";
import { test } from "node:test";
import { create, fromBinary, toBinary } from "@bufbuild/protobuf";
import { AuditEventSchema } from "@keystead/contract/generated/hsm/hsm_pb";
import { canonicalEvent, GENESIS, type EventFields } from "../audit/event.ts";
import { auditEventOf } from "./audit-event.ts";

const FIELDS: EventFields = {
  action: "Sign",
  authentication: "token",
  decision: "refuse",
  key: "k",
  namespace: "default",
  outcome: "PERMISSION_DENIED",
  payload: "",
  principal: "user:alice",
  request: "r",
  time: "2030-01-01T00:00:00.000Z",
  version: 0,
};
const shown = (fields: EventFields) =>
  fromBinary(
    AuditEventSchema,
    toBinary(
      AuditEventSchema,
      create(AuditEventSchema, auditEventOf({ canonical: canonicalEvent(fields, GENESIS, 1, 1), hash: "h", mac: "m" })),
    ),
  );

test("an event shows the policy scripts that were asked, in order, with version, verdict and fuel; and none where none was", () => {
  const scripts = [
    { fuel: 1234, name: "hours", verdict: "allow", version: 2 },
    { fuel: 10_000_000, name: "amounts", verdict: "fuel", version: 7 },
  ];
  assert.deepEqual(
    shown({ ...FIELDS, scripts }).scripts.map(({ fuel, name, verdict, version }) => ({ fuel, name, verdict, version })),
    scripts,
  );
  assert.deepEqual(shown(FIELDS).scripts, []);
});
