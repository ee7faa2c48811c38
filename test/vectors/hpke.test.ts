/** HPKE against RFC 9180 Appendix A (hpke-rfc9180.json says where from) and against Python's `cryptography`. */
import assert from "node:assert/strict";
import { execFileSync, spawnSync } from "node:child_process";
import { createPublicKey, randomBytes } from "node:crypto";
import { readFileSync } from "node:fs";
import { test } from "node:test";
import { checkHpke, openHpke, sealHpke, type HpkeParams } from "../../lib/crypto/hpke.ts";
import { mechanisms } from "../../lib/crypto/mechanisms/register.ts";

interface Vector {
  readonly mode: number;
  readonly kem: number;
  readonly kdf: number;
  readonly aead: number;
  readonly info: string;
  readonly skRm: string;
  readonly pkRm: string;
  readonly enc: string;
  readonly shared_secret: string;
  readonly psk?: string;
  readonly psk_id?: string;
  readonly aad: string;
  readonly pt: string;
  readonly ct: string;
}

const hex = (text: string): Buffer => Buffer.from(text, "hex");
const KEMS = { 32: "X25519", 33: "X448", 16: "ECDH-P256", 17: "ECDH-P384", 18: "ECDH-P521" } as const;
const KDFS = { 1: "hkdf_sha256", 2: "hkdf_sha384", 3: "hkdf_sha512" } as const;
const AEADS = { 1: "aes_128_gcm", 2: "aes_256_gcm", 3: "chacha20_poly1305" } as const;
const { cases } = JSON.parse(readFileSync(new URL("hpke-rfc9180.json", import.meta.url), "utf8")) as { cases: readonly Vector[] };

test("there are vectors of both modes for four suites of keys and for all but one pair of ciphers", () => {
  assert.equal(cases.length, 12);
  assert.deepEqual([...new Set(cases.map(({ mode }) => mode))], [0, 1]);
});

for (const item of cases) {
  const algorithm = KEMS[item.kem as keyof typeof KEMS];
  test(`RFC 9180: ${item.mode === 0 ? "base" : "PSK"} mode, ${algorithm}, KDF ${item.kdf}, AEAD ${item.aead}`, () => {
    const mechanism = mechanisms[algorithm];
    const key = mechanism.importKey("raw", hex(item.skRm));
    assert.deepEqual(createPublicKey(key).export({ format: "raw-public" }), hex(item.pkRm));
    const secret = mechanism.kem?.decapsulate(key, hex(item.enc)) ?? assert.fail();
    assert.deepEqual(secret, hex(item.shared_secret));
    const params: HpkeParams = {
      kdf: KDFS[item.kdf as keyof typeof KDFS],
      aead: AEADS[item.aead as keyof typeof AEADS],
      info: hex(item.info),
      additionalData: hex(item.aad),
      ...(item.psk === undefined ? {} : { psk: { secret: hex(item.psk), id: hex(item.psk_id ?? "") } }),
    };
    checkHpke(algorithm, params);
    assert.equal(sealHpke(algorithm, secret, hex(item.pt), params).toString("hex"), item.ct);
    const opened = openHpke(algorithm, secret, hex(item.ct), params);
    assert.equal(opened.toString("hex"), item.pt);
    assert.equal(opened.buffer.byteLength, opened.byteLength, "on memory of its own");
    const refused = { code: "DECRYPTION_FAILED" };
    for (const wrong of [
      { info: Buffer.from("x") },
      { additionalData: Buffer.from("x") },
      { psk: { secret: randomBytes(32), id: hex("00") } },
    ])
      assert.throws(() => openHpke(algorithm, secret, hex(item.ct), { ...params, ...wrong }), refused);
    assert.throws(() => openHpke(algorithm, secret, hex(item.ct).subarray(1), params), refused);
    assert.throws(() => openHpke(algorithm, secret, Buffer.alloc(15), params), refused);
  });
}

test("what HPKE does not take is refused", () => {
  const params: HpkeParams = { info: Buffer.alloc(0), additionalData: Buffer.alloc(0) };
  const PARAM = { code: "MECHANISM_PARAM_INVALID" };
  for (const algorithm of ["ECDH-secp256k1", "Ed25519", "ML-KEM-768", "AES-256-GCM"] as const)
    assert.throws(() => checkHpke(algorithm, params), { code: "MECHANISM_NOT_SUPPORTED" });
  assert.throws(() => checkHpke("X25519", { ...params, aead: "export_only" as "aes_128_gcm" }), PARAM);
  assert.throws(() => checkHpke("X25519", { ...params, kdf: "hkdf_sha1" as "hkdf_sha256" }), PARAM);
  assert.throws(() => checkHpke("X25519", { ...params, psk: { secret: Buffer.alloc(31), id: Buffer.from("id") } }), PARAM);
  assert.throws(() => checkHpke("X25519", { ...params, psk: { secret: Buffer.alloc(32), id: Buffer.alloc(0) } }), PARAM);
});

const python = spawnSync("python3", ["-c", "from cryptography.hazmat.primitives import hpke"]).status === 0;
const SCRIPT = `
import sys
from cryptography.hazmat.primitives import hpke, serialization
suite = hpke.Suite(getattr(hpke.KEM, sys.argv[1]), getattr(hpke.KDF, sys.argv[2]), getattr(hpke.AEAD, sys.argv[3]))
key = serialization.load_pem_public_key(sys.argv[4].encode())
sys.stdout.buffer.write(suite.encrypt(b"from another implementation", key, b"info"))
`;

test("what Python's cryptography seals opens here, for every suite it has", { skip: python ? false : "no HPKE in Python" }, async () => {
  for (const [algorithm, kem] of [
    ["X25519", "X25519"],
    ["ECDH-P256", "P256"],
    ["ECDH-P384", "P384"],
    ["ECDH-P521", "P521"],
  ] as const) {
    const mechanism = mechanisms[algorithm];
    const key = await mechanism.generate();
    const pem = createPublicKey(key).export({ format: "pem", type: "spki" });
    for (const kdf of Object.values(KDFS)) {
      for (const aead of Object.values(AEADS)) {
        const sealed = execFileSync("python3", ["-c", SCRIPT, kem, kdf.toUpperCase(), aead.toUpperCase(), pem]);
        const ours = mechanism.kem ?? assert.fail();
        const encBytes = ours.ciphertextBytes;
        const secret = ours.decapsulate(key, sealed.subarray(0, encBytes));
        const params = { kdf, aead, info: Buffer.from("info"), additionalData: Buffer.alloc(0) };
        assert.equal(openHpke(algorithm, secret, sealed.subarray(encBytes), params).toString(), "from another implementation");
      }
    }
  }
});
