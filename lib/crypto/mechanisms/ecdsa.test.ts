import assert from "node:assert/strict";
import { createPublicKey } from "node:crypto";
import { test } from "node:test";
import { DIGESTS, type DigestName } from "@keystead/contract/algorithms";
import { readSequence, unsignedInteger } from "../formats/der.ts";
import { ecdsaP256, ecdsaP384, ecdsaP521 } from "./ecdsa.ts";

const CURVES = [
  [ecdsaP256, "SHA-256", 32],
  [ecdsaP384, "SHA-384", 48],
  [ecdsaP521, "SHA-512", 66],
] as const;

for (const [mechanism, digest, scalarBytes] of CURVES) {
  const { signer } = mechanism;
  if (signer === undefined) throw new Error("no signer");
  const data = Buffer.from("sample");

  test(`${mechanism.algorithm}: the default digest is ${digest}, and no other`, async () => {
    const key = await mechanism.generate();
    const publicKey = createPublicKey(key);
    const signature = signer.sign(key, data, {});
    for (const name of Object.keys(DIGESTS).filter((each) => each !== "BLAKE3") as DigestName[]) {
      assert.equal(signer.verify(publicKey, data, signature, { digest: name }), name === digest, name);
    }
  });

  test(`${mechanism.algorithm}: two signatures over one message differ, and both verify`, async () => {
    const key = await mechanism.generate();
    const [one, two] = [signer.sign(key, data, {}), signer.sign(key, data, {})];
    assert.notDeepEqual(one, two);
    assert.ok(signer.verify(createPublicKey(key), data, one, {}) && signer.verify(createPublicKey(key), data, two, {}));
  });

  test(`${mechanism.algorithm}: DER and raw are the same two numbers`, async () => {
    const key = await mechanism.generate();
    const publicKey = createPublicKey(key);
    const raw = signer.sign(key, data, { format: "raw" });
    assert.equal(raw.byteLength, 2 * scalarBytes);
    const der = signer.sign(key, data, {});
    const fromDer = readSequence(der)?.map((element) =>
      Buffer.from(unsignedInteger(der, element) ?? [])
        .toString("hex")
        .padStart(2 * scalarBytes, "0"),
    );
    assert.equal(fromDer?.length, 2);
    assert.equal(signer.verify(publicKey, data, Buffer.from(fromDer.join(""), "hex"), { format: "raw" }), true);
    assert.equal(signer.verify(publicKey, data, raw, {}), false);
    assert.equal(signer.verify(publicKey, data, der, { format: "raw" }), false);
  });
}
