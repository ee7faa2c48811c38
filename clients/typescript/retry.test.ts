/** The rule of retries, by itself. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { HsmError } from "@keystead/contract/errors";
import { OPERATIONS } from "@keystead/contract/operations/register";
import { delayBefore, mayRetry } from "./retry.ts";

const unknownOutcome = new HsmError("PROVIDER_UNAVAILABLE", "x");
const nothingDone = new HsmError("PROVIDER_UNAVAILABLE", "x", { nothingDone: true });

test("repeats only reads and checks when the outcome is unknown", () => {
  const repeated = OPERATIONS.filter((row) => mayRetry(row, unknownOutcome)).map((row) => row.name);
  for (const name of ["Verify", "VerifyMac", "Hash", "GetKey", "ListKeys", "GetStatus"]) assert.ok(repeated.includes(name), name);
  for (const name of [
    "Sign",
    "GenerateKey",
    "ImportKey",
    "RotateKey",
    "DeleteKey",
    "Encrypt",
    "Decrypt",
    "GenerateDataKey",
    "GenerateRandom",
    "Batch",
    "Seal",
    "Unseal",
  ])
    assert.ok(!repeated.includes(name), name);
});

test("repeats everything of which nothing was done", () => {
  for (const row of OPERATIONS) assert.ok(mayRetry(row, nothingDone), row.name);
});

test("never repeats a refusal", () => {
  for (const row of OPERATIONS) assert.ok(!mayRetry(row, new HsmError("PERMISSION_DENIED", "x")), row.name);
});

test("waits longer each time and at least what the server asked for", () => {
  assert.equal(
    delayBefore(1, unknownOutcome, () => 1),
    100,
  );
  assert.equal(
    delayBefore(3, unknownOutcome, () => 0),
    200,
  );
  assert.equal(
    delayBefore(1, new HsmError("AUDIT_UNAVAILABLE", "x", { retryAfterSeconds: 2 }), () => 1),
    2000,
  );
});
