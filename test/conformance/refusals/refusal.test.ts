import assert from "node:assert/strict";
import { test } from "node:test";
import { ERRORS } from "@keystead/contract/errors";

test("the error table has only documented numbers, and every code its HTTP status and gRPC code", () => {
  for (const [code, { number, http: status, grpc }] of Object.entries(ERRORS)) {
    assert.ok(number >= 100 && number <= 109, code);
    // A request that waits for others is no error on REST.
    if (code === "APPROVAL_REQUIRED") assert.equal(status, 202);
    else assert.ok(status >= 400 && status < 600, code);
    assert.ok(grpc >= 1 && grpc <= 16, code);
  }
});
