import assert from "node:assert/strict";
import { privateDecrypt, publicEncrypt, constants } from "node:crypto";
import { test } from "node:test";
import { DIGESTS, type DigestName } from "@keystead/contract/algorithms";
import { maxPlaintextBytes, rsaCipher } from "./rsa-cipher.ts";
import { rsa2048 } from "./rsa.ts";

const key = await rsa2048.generate();
const failed = { code: "DECRYPTION_FAILED" };

for (const digest of Object.keys(DIGESTS).filter((name) => name !== "BLAKE3") as DigestName[]) {
  test(`OAEP with ${digest}: carries its longest plaintext and refuses one byte more`, async () => {
    const longest = maxPlaintextBytes(256, { digest });
    assert.equal(longest, 256 - 2 * DIGESTS[digest].outputBytes - 2);
    const sealed = rsaCipher.encrypt(key, Buffer.alloc(longest, 5), { digest });
    assert.deepEqual(rsaCipher.decrypt(key, sealed, { digest }), Buffer.alloc(longest, 5));
    assert.deepEqual(await rsaCipher.decryptPooled(key, sealed, { digest }), Buffer.alloc(longest, 5));
    assert.throws(() => rsaCipher.encrypt(key, Buffer.alloc(longest + 1), { digest }), { code: "REQUEST_TOO_LARGE" });
    const other = digest === "SHA-256" ? "SHA-384" : "SHA-256";
    assert.throws(() => rsaCipher.decrypt(key, sealed, { digest: other }), failed);
    await assert.rejects(rsaCipher.decryptPooled(key, sealed, { digest: other }), failed);
  });
}

test("PKCS#1 v1.5 carries its longest plaintext and refuses one byte more", async () => {
  const params = { scheme: "pkcs1" } as const;
  assert.equal(maxPlaintextBytes(256, params), 245);
  const sealed = rsaCipher.encrypt(key, Buffer.alloc(245, 5), params);
  assert.deepEqual(rsaCipher.decrypt(key, sealed, params), Buffer.alloc(245, 5));
  assert.deepEqual(await rsaCipher.decryptPooled(key, sealed, params), Buffer.alloc(245, 5));
  assert.throws(() => rsaCipher.encrypt(key, Buffer.alloc(246), params), { code: "REQUEST_TOO_LARGE" });
});

test("PKCS#1 v1.5: wrong padding is rejected implicitly, with the same bytes every time", () => {
  const block = Buffer.alloc(256, 7).fill(0, 0, 1); // 00 07 ...: not 00 02 ... 00
  const ciphertext = publicEncrypt({ key, padding: constants.RSA_NO_PADDING }, block);
  assert.deepEqual(privateDecrypt({ key, padding: constants.RSA_NO_PADDING }, ciphertext), block);
  const sealed = { ciphertext, nonce: Buffer.alloc(0) };
  const first = rsaCipher.decrypt(key, sealed, { scheme: "pkcs1" });
  assert.ok(first.byteLength <= 245);
  assert.deepEqual(rsaCipher.decrypt(key, sealed, { scheme: "pkcs1" }), first);
});

test("refuses a ciphertext that is not below the modulus, or not as long", () => {
  for (const scheme of ["oaep", "pkcs1"] as const) {
    for (const ciphertext of [Buffer.alloc(256, 0xff), Buffer.alloc(255), Buffer.alloc(257)]) {
      assert.throws(() => rsaCipher.decrypt(key, { ciphertext, nonce: Buffer.alloc(0) }, { scheme }), failed);
    }
  }
});
