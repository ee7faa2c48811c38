/** Which keys are strong enough for which. */
import assert from "node:assert/strict";
import { createSecretKey } from "node:crypto";
import { test } from "node:test";
import { ALGORITHMS, ALGORITHM_NAMES, type AlgorithmName } from "@keystead/contract/algorithms";
import type { DescribedKey } from "./key-shapes.ts";
import { leavingKey, strengthOf } from "./wrapping-strength.ts";

test("every asymmetric algorithm that wraps has the floor of 112 bits", () => {
  for (const name of ALGORITHM_NAMES) {
    const { usages, objectClass, strengthBits } = ALGORITHMS[name];
    if ((usages as readonly string[]).includes("wrap") && objectClass === "private") assert.ok(strengthBits >= 112, name);
  }
});

test("no secret is stronger than it is long, and nothing than the table's last line", () => {
  assert.equal(strengthOf("Generic-Secret", 10), 80);
  assert.equal(strengthOf("HMAC-SHA-512", 64), 256);
  assert.equal(strengthOf("RSA-2048", 1190), 112);
  assert.equal(strengthOf("ECDSA-P521", 66), 256);
  for (const name of ALGORITHM_NAMES) assert.ok(strengthOf(name, 10_000) <= 256, name);
});

test("only where the configuration says so a key leaves under a weaker one", () => {
  const under = (algorithm: AlgorithmName): DescribedKey => ({ keyId: "kek", attributes: { algorithm } }) as DescribedKey;
  const asked = {
    keyId: "strong",
    algorithm: "AES-256-GCM",
    version: 3,
    key: createSecretKey(Buffer.alloc(32, 7)),
    under: under("AES-192-KW"),
    weakerWrapping: false,
  } as const;
  assert.throws(() => leavingKey(asked), { code: "WRAPPING_KEY_TOO_WEAK", detail: /256 bits.*'kek', which has 192/ });
  for (const more of [{ weakerWrapping: true }, { under: undefined }, { under: under("AES-256-KW") }, { under: under("RSA-2048") }]) {
    const { version, material } = leavingKey({ ...asked, ...more });
    assert.deepEqual([version, material], [3, Buffer.alloc(32, 7)]);
  }
});
