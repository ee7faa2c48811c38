import assert from "node:assert/strict";
import { createPublicKey, hash, randomBytes, verify } from "node:crypto";
import { test } from "node:test";
import { SoftwareAuthenticator } from "../webauthn/testing/software-authenticator.ts";
import { attestedCredential, spkiOfCose } from "./cose-key.ts";

/** Where the authenticator data begins in an attestation object: after the name "authData" and its length. */
function authData(attestationObject: Uint8Array): Buffer {
  const bytes = Buffer.from(attestationObject);
  const at = bytes.indexOf("authData") + "authData".length;
  return bytes.subarray(at + (bytes[at] === 0x58 ? 2 : 3));
}

for (const [algorithm, digest] of [
  ["ES256", "sha256"],
  ["EdDSA", null],
] as const)
  test(`the public key of a credential with ${algorithm} is the one that its assertions verify with`, () => {
    const authenticator = new SoftwareAuthenticator("hsm.example.com", "https://hsm.example.com", algorithm);
    const { id, spki } = attestedCredential(authData(authenticator.register(randomBytes(32)).attestationObject));
    assert.deepEqual(id, authenticator.credentialId);
    const { authenticatorData, clientDataJson, signature } = authenticator.assert(randomBytes(32));
    const signed = Buffer.concat([authenticatorData, Buffer.alloc(32)]);
    const key = createPublicKey({ key: spki, format: "der", type: "spki" });
    assert.equal(verify(digest, signed, key, signature), false);
    const right = Buffer.concat([authenticatorData, hash("sha256", clientDataJson, "buffer")]);
    assert.equal(verify(digest, right, key, signature), true);
  });

test("keys of another kind, cut short, with a member twice or of no curve are refused", () => {
  const rsa = new SoftwareAuthenticator("a", "https://a", "RS256");
  assert.throws(() => attestedCredential(authData(rsa.register(randomBytes(32)).attestationObject)), { code: "INVALID_REQUEST" });
  assert.throws(() => attestedCredential(rsa.assert(randomBytes(32)).authenticatorData), { code: "INVALID_REQUEST" });
  const good = new SoftwareAuthenticator("a", "https://a");
  const whole = authData(good.register(randomBytes(32)).attestationObject);
  for (let cut = 0; cut < whole.length; cut += 1)
    assert.throws(() => attestedCredential(whole.subarray(0, cut)), { code: "INVALID_REQUEST" }, String(cut));
  const cose = whole.subarray(37 + 16 + 2 + 32);
  const off = Buffer.from(cose);
  off[off.length - 1] = (off.at(-1) as number) ^ 1;
  assert.throws(() => spkiOfCose(off), /no point of its curve/);
  const twice = Buffer.concat([Buffer.from([0xa6]), cose.subarray(1), Buffer.from([0x01, 0x02])]);
  assert.throws(() => spkiOfCose(twice), /one twice/);
});
