/**
 * Known answers of functions that have no key object: digests, key derivation, and what the vault itself seals with.
 *
 * Sources: FIPS 180-4 and FIPS 202 examples ("abc"); the BLAKE3 test vectors; RFC 5869; RFC 9106 §5.3.
 */
import { argon2Sync, hkdfSync } from "node:crypto";
import { DIGEST_NAMES, type DigestName } from "@keystead/contract/algorithms";
import { digest } from "../digest.ts";
import { same, vector } from "./known-answer.ts";

/** A function's published answer. */
export interface FunctionAnswer {
  readonly name: string;
  readonly source: string;
  holds(): boolean | Promise<boolean>;
}

/** The digest of "abc", by algorithm. */
const ABC: Readonly<Record<DigestName, readonly [source: string, digest: string]>> = Object.freeze({
  "SHA-256": ["FIPS 180-4 example", "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"],
  "SHA-384": ["FIPS 180-4 example", "cb00753f45a35e8bb5a03d699ac65007272c32ab0eded1631a8b605a43ff5bed8086072ba1e7cc2358baeca134c825a7"],
  "SHA-512": [
    "FIPS 180-4 example",
    "ddaf35a193617abacc417349ae20413112e6fa4e89a97ea20a9eeee64b55d39a2192992a274fc1a836ba3c23a3feebbd454d4423643ce80e2a9ac94fa54ca49f",
  ],
  "SHA3-256": ["FIPS 202 example", "3a985da74fe225b2045c172d6bd390bd855f086e3e9d525b46bfe24511431532"],
  "SHA3-384": ["FIPS 202 example", "ec01498288516fc926459f58e2c6ad8df9b473cb0fc08c2596da7cf0e49be4b298d88cea927ac7f539f1edf228376d25"],
  "SHA3-512": [
    "FIPS 202 example",
    "b751850b1a57168a5693cd924b6b096e08f621827444f70d884f5d0240d2712e10e116e9192af3c91a7ec57647e3934057340b4cf408d5a56592f8274eec53f0",
  ],
  BLAKE3: ["BLAKE3 test vectors", "6437b3ac38465133ffb63b75273a8db548c558465d79db03fd359c6cd5bd9d85"],
});

const view = (bytes: ArrayBuffer): Uint8Array => new Uint8Array(bytes);

/** Functions beside the digests. */
const OTHERS: readonly FunctionAnswer[] = [
  {
    name: "HKDF-SHA-256",
    source: "RFC 5869 A.1",
    holds: () =>
      same(
        view(
          hkdfSync(
            "sha256",
            vector("0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b"),
            vector("000102030405060708090a0b0c"),
            vector("f0f1f2f3f4f5f6f7f8f9"),
            42,
          ),
        ),
        vector("3cb25f25faacd57a90434f64d0362f2a2d2d0a90cf1a5a4c5db02d56ecc4c5bf34007208d5b887185865"),
      ),
  },
  {
    name: "HKDF-SHA-384",
    source: "Wycheproof hkdf_sha384_test.json #1",
    holds: () =>
      same(
        view(hkdfSync("sha384", vector("24aeff2645e3e0f5494a9a102778c43a"), vector(""), vector(""), 20)),
        vector("4b7045423d9156424b0b85d95a7d602fba3924b1"),
      ),
  },
  {
    name: "Argon2id",
    source: "RFC 9106 §5.3",
    holds: () =>
      same(
        argon2Sync("argon2id", {
          message: Buffer.alloc(32, 1),
          nonce: Buffer.alloc(16, 2),
          secret: Buffer.alloc(8, 3),
          associatedData: Buffer.alloc(12, 4),
          memory: 32,
          passes: 3,
          parallelism: 4,
          tagLength: 32,
        }),
        vector("0d640df58d78766c08c037a34a8b53c9d01ef0452d75b65eb52520e96b01e659"),
      ),
  },
];

/** Every function's known answer. */
export const FUNCTION_ANSWERS: readonly FunctionAnswer[] = Object.freeze([
  ...DIGEST_NAMES.map((name): FunctionAnswer => {
    const [source, answer] = ABC[name];
    return { name, source, holds: () => same(digest(name, Buffer.from("abc")), vector(answer)) };
  }),
  ...OTHERS,
]);
