import assert from "node:assert/strict";
import { createPrivateKey, createPublicKey, createSecretKey, generateKeyPairSync } from "node:crypto";
import { test } from "node:test";
import { shortPkcs8, shortSpki } from "./rfc8410.ts";

for (const kind of ["ed25519", "ed448", "x25519", "x448"] as const) {
  test(`${kind}: both encodings are OpenSSL's, byte for byte, and on memory of their own`, () => {
    for (let round = 0; round < 20; round += 1) {
      const { privateKey, publicKey } = generateKeyPairSync(kind as "ed25519");
      const spki = shortSpki(publicKey);
      const pkcs8 = shortPkcs8(privateKey);
      assert.deepEqual(spki, publicKey.export({ format: "der", type: "spki" }));
      assert.deepEqual(pkcs8, privateKey.export({ format: "der", type: "pkcs8" }));
      assert.equal(pkcs8?.buffer.byteLength, pkcs8?.byteLength);
    }
  });
}

test("RFC 8410 §10.1, §10.3: the examples", () => {
  const spki = Buffer.from("MCowBQYDK2VwAyEAGb9ECWmEzf6FQbrBZ9w7lshQhqowtrbLDFw4rXAxZuE=", "base64");
  assert.deepEqual(shortSpki(createPublicKey({ key: spki, format: "der", type: "spki" })), spki);
  const seed = Buffer.from("d4ee72dbf913584ad5b6d8f1f769f8ad3afe7c28cbf1d4fbe097a88f44755842", "hex");
  const pkcs8 = shortPkcs8(createPrivateKey({ key: seed, format: "raw-private", asymmetricKeyType: "ed25519" } as never));
  assert.equal(pkcs8?.toString("base64"), ["MC4CAQAwBQYDK2VwBCIEINTu", "ctv5E1hK1bbY8fdp+K06/nwoy/HU++CXqI9EdVhC"].join(""));
});

test("keys of other kinds are left to others", () => {
  const { privateKey, publicKey } = generateKeyPairSync("ec", { namedCurve: "P-256" });
  assert.deepEqual(
    [shortSpki(publicKey), shortPkcs8(privateKey), shortPkcs8(createSecretKey(Buffer.alloc(32)))],
    [undefined, undefined, undefined],
  );
});
