/**
 * Wycheproof against HKDF and PBKDF2. Their parameters may be weaker than the vault takes from callers; what is computed
 * is the same function.
 */
import { test } from "node:test";
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";

import type { DigestName } from "@keystead/contract/algorithms";
import { hkdf } from "../../lib/crypto/kdf/hkdf.ts";
import { pbkdf2Kdf } from "../../lib/crypto/kdf/passwords.ts";
import { hex, wycheproof, type Group } from "./wycheproof.ts";

const HKDF = [
  ["hkdf_sha256_test.json", "SHA-256", 86],
  ["hkdf_sha384_test.json", "SHA-384", 83],
  ["hkdf_sha512_test.json", "SHA-512", 83],
] as const satisfies readonly (readonly [string, DigestName, number])[];
for (const [file, digest, cases] of HKDF) {
  wycheproof(file, cases, (item) => {
    const params = { digest, salt: hex(item, "salt"), info: hex(item, "info") };
    const secret = hex(item, "ikm");
    const size = item["size"] as number;
    try {
      hkdf.check(params, Math.max(secret.byteLength, 14), size);
    } catch (error) {
      assert.equal((error as { code?: string }).code, "MECHANISM_PARAM_INVALID");
      return false;
    }
    return (hkdf.derive(secret, params, size) as Buffer).equals(hex(item, "okm"));
  });
}

/** The helper's verdicts are synchronous and this function runs on the pool: derive everything first. */
const FOLDER = new URL("../../../shared/vectors/wycheproof/", import.meta.url);
const PBKDF2 = [
  ["pbkdf2_hmacsha256_test.json", "SHA-256", 60],
  ["pbkdf2_hmacsha512_test.json", "SHA-512", 58],
] as const satisfies readonly (readonly [string, DigestName, number])[];
for (const [file, digest, cases] of PBKDF2) {
  const derived = new Map<number, Buffer>();
  test(`PBKDF2 with ${digest} on the pool, for ${file}`, async (t) => {
    let text: string;
    try {
      text = readFileSync(new URL(file, FOLDER), "utf8");
    } catch {
      return t.skip("no Wycheproof vectors");
    }
    for (const group of (JSON.parse(text) as { testGroups: Group[] }).testGroups) {
      for (const item of group.tests) {
        const params = { digest, salt: hex(item, "salt"), iterations: item["iterationCount"] as number };
        derived.set(item.tcId, await pbkdf2Kdf.derive(hex(item, "password"), params, item["dkLen"] as number));
      }
    }
    assert.equal(derived.size, cases);
  });
  wycheproof(file, cases, (item) => derived.get(item.tcId)?.equals(hex(item, "dk")) === true);
}
