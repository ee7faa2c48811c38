/**
 * Wycheproof against AES-KW and AES-KWP.
 *
 * A valid case must unwrap to its key and wrap to its bytes again; an invalid one has the one answer of damaged input.
 */
import assert from "node:assert/strict";
import { createSecretKey } from "node:crypto";
import type { AlgorithmName } from "@keystead/contract/algorithms";
import { mechanismFor } from "../../lib/crypto/mechanisms/register.ts";
import type { Wrapper } from "../../lib/crypto/mechanism.ts";
import { decryptsTo, hex, wycheproof, type Case } from "./wycheproof.ts";

const KW: Readonly<Record<number, AlgorithmName>> = { 128: "AES-128-KW", 192: "AES-192-KW", 256: "AES-256-KW" };
const KWP: Readonly<Record<number, AlgorithmName>> = { 128: "AES-128-KWP", 192: "AES-192-KWP", 256: "AES-256-KWP" };

function verdict(algorithm: AlgorithmName, item: Case): boolean {
  const wrapper = mechanismFor(algorithm).wrapper as Wrapper | undefined;
  assert.ok(wrapper !== undefined);
  const [key, material, wrapped] = [createSecretKey(hex(item, "key")), hex(item, "msg"), hex(item, "ct")];
  const unwraps = decryptsTo(() => wrapper.unwrap(key, wrapped, {}), material);
  if (unwraps) assert.deepEqual(wrapper.wrap(key, material, {}), wrapped);
  return unwraps;
}

// "acceptable": one block of 8 bytes, which RFC 3394 §2 does not have. Refused.
wycheproof("aes_wrap_test.json", 165, (item, group) => verdict(KW[group["keySize"] as number] as AlgorithmName, item), {
  acceptable: false,
});
wycheproof("aes_kwp_test.json", 254, (item, group) => verdict(KWP[group["keySize"] as number] as AlgorithmName, item));
