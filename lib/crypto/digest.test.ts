import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { DIGEST_NAMES, DIGESTS, type DigestName } from "@keystead/contract/algorithms";
import { digest, hasher, opensslDigest } from "./digest.ts";

/** FIPS 180-4 and FIPS 202 (NIST example values) and the BLAKE3 reference, all of "abc". */
const ABC: Readonly<Record<DigestName, string>> = {
  "SHA-256": "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad",
  "SHA-384": "cb00753f45a35e8bb5a03d699ac65007272c32ab0eded1631a8b605a43ff5bed8086072ba1e7cc2358baeca134c825a7",
  "SHA-512":
    "ddaf35a193617abacc417349ae20413112e6fa4e89a97ea20a9eeee64b55d39a2192992a274fc1a836ba3c23a3feebbd454d4423643ce80e2a9ac94fa54ca49f",
  "SHA3-256": "3a985da74fe225b2045c172d6bd390bd855f086e3e9d525b46bfe24511431532",
  "SHA3-384": "ec01498288516fc926459f58e2c6ad8df9b473cb0fc08c2596da7cf0e49be4b298d88cea927ac7f539f1edf228376d25",
  "SHA3-512":
    "b751850b1a57168a5693cd924b6b096e08f621827444f70d884f5d0240d2712e10e116e9192af3c91a7ec57647e3934057340b4cf408d5a56592f8274eec53f0",
  BLAKE3: "6437b3ac38465133ffb63b75273a8db548c558465d79db03fd359c6cd5bd9d85",
};

/** BLAKE3 test_vectors.json: the input is the bytes 0, 1, ... 250, 0, 1, ... of the given length. */
const BLAKE3: readonly (readonly [length: number, hash: string])[] = [
  [0, "af1349b9f5f9a1a6a0404dea36dcc9499bcb25c9adc112b7cc9a93cae41f3262"],
  [1, "2d3adedff11b61f14c886e35afa036736dcd87a74d27b5c1510225d0f592e213"],
  [1024, "42214739f095a406f3fc83deb889744ac00df831c10daa55189b5d121c855af7"],
  [1025, "d00278ae47eb27b34faecf67b4fe263f82d5412916c1ffd97c8cb7fb814b8444"],
];

for (const name of DIGEST_NAMES) {
  test(`${name} of "abc" is the published value`, () => {
    assert.equal(digest(name, Buffer.from("abc")).toString("hex"), ABC[name]);
    assert.equal(digest(name, Buffer.alloc(0)).byteLength, DIGESTS[name].outputBytes);
  });

  test(`${name} in pieces equals ${name} at once`, () => {
    fc.assert(
      fc.property(fc.array(fc.uint8Array({ maxLength: 200 }), { maxLength: 12 }), (pieces) => {
        const inner = hasher(name);
        for (const piece of pieces) inner.update(piece);
        assert.deepEqual(inner.final(), digest(name, Buffer.concat(pieces)));
      }),
      { numRuns: 50 },
    );
  });
}

test("BLAKE3 agrees with its reference around a chunk", () => {
  for (const [length, expected] of BLAKE3) {
    assert.equal(
      digest(
        "BLAKE3",
        Uint8Array.from({ length }, (_, i) => i % 251),
      ).toString("hex"),
      expected,
    );
  }
});

test("refuses a digest that is not in the table, and BLAKE3 inside an OpenSSL mechanism", () => {
  for (const name of ["MD5", "toString", "sha256"]) {
    assert.throws(() => digest(name as DigestName, Buffer.alloc(1)), { code: "MECHANISM_PARAM_INVALID" });
    assert.throws(() => hasher(name as DigestName), { code: "MECHANISM_PARAM_INVALID" });
  }
  assert.throws(() => opensslDigest("BLAKE3"), { code: "MECHANISM_PARAM_INVALID" });
});
