/**
 * What importKey accepts and, mostly, refuses, over the register.
 */
import assert from "node:assert/strict";
import { generateKeyPairSync, generatePrimeSync, randomBytes, type KeyObject } from "node:crypto";
import { test } from "node:test";
import fc from "fast-check";
import { ALGORITHM_NAMES, ALGORITHMS, keyBytes, type AlgorithmName } from "@keystead/contract/algorithms";
import { HsmError } from "@keystead/contract/errors";
import type { ImportFormat, Mechanism } from "../mechanism.ts";
import { mechanismFor } from "./register.ts";

const PRIVATE = ALGORITHM_NAMES.filter((name) => ALGORITHMS[name].objectClass === "private" && mechanismFor(name).form === undefined);
const mechanismOf = (name: AlgorithmName): Mechanism => mechanismFor(name) as Mechanism;
const SECRET = ALGORITHM_NAMES.filter((name) => ALGORITHMS[name].objectClass === "secret");
/** Families whose private form is a seed without a public half. */
const SEEDED: ReadonlySet<string> = new Set(["ed25519", "ed448", "ml-kem", "ml-dsa", "slh-dsa", "x25519", "x448"]);
const keys = new Map<AlgorithmName, [KeyObject, KeyObject]>();
for (const name of PRIVATE) keys.set(name, [await mechanismOf(name).generate(), await mechanismOf(name).generate()]);

const pairOf = (name: AlgorithmName): [KeyObject, KeyObject] => keys.get(name) ?? assert.fail();
const keyOf = (name: AlgorithmName): KeyObject => pairOf(name)[0];
const pkcs8 = (key: KeyObject): Buffer => key.export({ format: "der", type: "pkcs8" });
const jwk = (key: KeyObject): Record<string, string> => key.export({ format: "jwk" }) as Record<string, string>;
const json = (value: unknown): Buffer => Buffer.from(JSON.stringify(value));

function refuses(name: AlgorithmName, format: ImportFormat, bytes: Uint8Array, detail?: RegExp): void {
  assert.throws(
    () => mechanismOf(name).importKey(format, bytes),
    (error) =>
      (error instanceof HsmError && error.code === "INVALID_REQUEST" && (detail === undefined || detail.test(error.detail))) ||
      assert.fail(String(error)),
  );
}

function accepts(name: AlgorithmName, format: ImportFormat, bytes: Uint8Array, expected: KeyObject): void {
  assert.ok(mechanismOf(name).importKey(format, bytes).equals(expected), `${name} ${format}`);
}

/** The key, or undefined when it was refused as it should be. */
function attemptImport(name: AlgorithmName, der: Buffer): KeyObject | undefined {
  try {
    return mechanismOf(name).importKey("pkcs8", der);
  } catch (error) {
    assert.ok(error instanceof HsmError && error.code === "INVALID_REQUEST", String(error));
    return undefined;
  }
}

/** Every form OpenSSL writes of a key. */
function forms(name: AlgorithmName): [ImportFormat, Buffer][] {
  const key = keyOf(name);
  const found: [ImportFormat, Buffer][] = [
    ["pkcs8", pkcs8(key)],
    ["jwk", json(jwk(key))],
    ["pem", Buffer.from(key.export({ format: "pem", type: "pkcs8" }))],
  ];
  const { family } = ALGORITHMS[name];
  if (family === "ec" || family === "ecdh") {
    found.push(["sec1", key.export({ format: "der", type: "sec1" })], ["pem", Buffer.from(key.export({ format: "pem", type: "sec1" }))]);
  }
  if (family === "rsa") found.push(["pem", Buffer.from(key.export({ format: "pem", type: "pkcs1" }))]);
  else
    found.push(["raw", key.export({ format: family === "ml-kem" || family === "ml-dsa" ? ("raw-seed" as "raw-private") : "raw-private" })]);
  return found;
}

/** One curve, two uses: PKCS#8, SEC1 and a JWK without `alg` say only which curve. */
const alike = (one: AlgorithmName, other: AlgorithmName): boolean => {
  const curve = (name: AlgorithmName): string | undefined => /^(?:ECDSA|ECDH)-(.+)$/.exec(name)?.[1];
  return curve(one) !== undefined && curve(one) === curve(other);
};

for (const name of PRIVATE) {
  test(`${name}: imports every form of a key, and only as ${name}`, () => {
    for (const [format, bytes] of forms(name)) {
      accepts(name, format, bytes, keyOf(name));
      for (const stranger of ALGORITHM_NAMES) {
        // 32 bytes are a sound P-256 scalar and a sound Ed25519 seed; raw says nothing about itself.
        if (stranger !== name && format !== "raw" && !alike(stranger, name)) refuses(stranger, format, bytes);
      }
    }
  });

  test(`${name}: refuses a key cut short, prolonged, encrypted, or in another structure`, () => {
    const key = keyOf(name);
    for (const [format, bytes] of forms(name)) {
      refuses(name, format, bytes.subarray(0, -2));
      refuses(name, format, Buffer.alloc(0));
      if (format !== "jwk") refuses(name, format, Buffer.concat([bytes, Buffer.from("AA")]));
    }
    const encrypted = { cipher: "aes-256-cbc", passphrase: "x" } as const;
    refuses(name, "pem", Buffer.from(key.export({ format: "pem", type: "pkcs8", ...encrypted })), /not an unencrypted private key/);
    refuses(name, "pkcs8", key.export({ format: "der", type: "pkcs8", ...encrypted }), /unencrypted/);
    refuses(name, "sec1", pkcs8(key));
    refuses(
      name,
      "pem",
      Buffer.concat([Buffer.from(key.export({ format: "pem", type: "pkcs8" })), Buffer.from(key.export({ format: "pem", type: "pkcs8" }))]),
    );
    refuses(name, "der" as "pem", pkcs8(key));
    refuses(name, "pkcs8", Buffer.alloc(20_000), /longer than/);
  });

  test(`${name}: refuses a JWK with the public half of another key, or without a private half`, () => {
    const [mine, theirs] = pairOf(name).map(jwk);
    for (const member of ["x", "y", "n", "pub"].filter((each) => mine?.[each] !== undefined)) {
      refuses(name, "jwk", json({ ...mine, [member]: theirs?.[member] }));
    }
    refuses(name, "jwk", json({ ...mine, alg: "HS256" }), /alg/);
    const { d: _, priv: __, ...publicOnly } = mine ?? {};
    refuses(name, "jwk", json(publicOnly));
  });

  test(`${name}: garbage is refused, whatever the format, and never quoted`, () => {
    fc.assert(
      fc.property(fc.constantFrom<ImportFormat>("pkcs8", "sec1", "jwk", "pem"), fc.uint8Array({ maxLength: 300 }), (format, bytes) =>
        refuses(name, format, bytes),
      ),
    );
    const good = pkcs8(keyOf(name));
    fc.assert(
      fc.property(fc.nat(good.byteLength - 1), fc.integer({ min: 1, max: 255 }), (at, mask) => {
        const edited = Buffer.from(good);
        edited[at] = (edited[at] ?? 0) ^ mask;
        const imported = attemptImport(name, edited);
        // A seed is any bytes of its length; every other key has a public half that an edit cannot follow.
        if (imported !== undefined && !SEEDED.has(ALGORITHMS[name].family)) assert.ok(imported.equals(keyOf(name)));
      }),
      { numRuns: 60 },
    );
  });
}

test("EC: refuses PKCS#8 and SEC1 whose public point is another key's", () => {
  for (const name of ["ECDSA-P256", "ECDSA-P384", "ECDSA-P521", "ECDSA-secp256k1"] as const) {
    const [mine, theirs] = pairOf(name);
    for (const type of ["pkcs8", "sec1"] as const) {
      const der = mine.export({ format: "der", type });
      const other = theirs.export({ format: "der", type });
      const point = 2 * Math.ceil(ALGORITHMS[name].sizeBits / 8);
      der.set(other.subarray(-point), der.byteLength - point);
      refuses(name, type, der, /public half/);
    }
  }
});

test("EC: refuses a scalar of 0, n or more, and of another length", () => {
  const order = Buffer.from("ffffffff00000000ffffffffffffffffbce6faada7179e84f3b9cac2fc632551", "hex");
  const below = Buffer.from(order);
  below[31] = 0x50;
  assert.equal(mechanismFor("ECDSA-P256").importKey("raw", below).type, "private");
  for (const scalar of [Buffer.alloc(32), order, Buffer.alloc(32, 0xff)]) refuses("ECDSA-P256", "raw", scalar, /out of range/);
  refuses("ECDSA-P256", "raw", Buffer.alloc(31, 1), /32 bytes/);
  refuses("ECDSA-P521", "raw", Buffer.alloc(65, 1), /66 bytes/);
});

test("EC: refuses secp256k1 where P-256 is meant", () => {
  const { privateKey } = generateKeyPairSync("ec", { namedCurve: "secp256k1" });
  refuses("ECDSA-P256", "pkcs8", pkcs8(privateKey), /not a private key for ECDSA-P256/);
  refuses("ECDSA-P256", "sec1", privateKey.export({ format: "der", type: "sec1" }));
});

test("Ed25519: a version 2 PKCS#8 is accepted with its own public key and refused with another", () => {
  const [mine, theirs] = pairOf("Ed25519");
  const v2 = (publicOf: KeyObject): Buffer =>
    Buffer.concat([
      Buffer.from("3051020101", "hex"),
      pkcs8(mine).subarray(5),
      Buffer.from("812100", "hex"),
      Buffer.from(jwk(publicOf)["x"] ?? "", "base64url"),
    ]);
  accepts("Ed25519", "pkcs8", v2(mine), mine);
  refuses("Ed25519", "pkcs8", v2(theirs), /public half/);
  const attribute = Buffer.concat([v2(mine).subarray(0, 48), Buffer.from("a02100", "hex"), v2(mine).subarray(51)]);
  refuses("Ed25519", "pkcs8", attribute);
  const noAttributes = Buffer.concat([Buffer.from("3030", "hex"), pkcs8(mine).subarray(2), Buffer.from("a000", "hex")]);
  refuses("Ed25519", "pkcs8", noAttributes, /attributes/);
  refuses("Ed25519", "raw", Buffer.alloc(31), /32 bytes/);
  refuses("Ed25519", "pkcs8", pkcs8(generateKeyPairSync("x25519").privateKey));
});

test("Ed448: a version 2 PKCS#8 is accepted with its own public key and refused with another", () => {
  const [mine, theirs] = pairOf("Ed448");
  const v2 = (publicOf: KeyObject): Buffer =>
    Buffer.concat([
      Buffer.from("308183020101", "hex"),
      pkcs8(mine).subarray(5),
      Buffer.from("813a00", "hex"),
      Buffer.from(jwk(publicOf)["x"] ?? "", "base64url"),
    ]);
  accepts("Ed448", "pkcs8", v2(mine), mine);
  refuses("Ed448", "pkcs8", v2(theirs), /public half/);
  refuses("Ed448", "raw", Buffer.alloc(56), /57 bytes/);
});

test("RSA: refuses RSA-PSS keys, small and even exponents, odd sizes and numbers that do not belong together", () => {
  const pss = generateKeyPairSync("rsa-pss", { modulusLength: 2048 }).privateKey;
  refuses("RSA-2048", "pkcs8", pkcs8(pss), /rsaEncryption/);
  for (const publicExponent of [3, 17, 257]) {
    refuses("RSA-2048", "pkcs8", pkcs8(generateKeyPairSync("rsa", { modulusLength: 2048, publicExponent }).privateKey), /exponent/);
  }
  refuses("RSA-2048", "pkcs8", pkcs8(generateKeyPairSync("rsa", { modulusLength: 2056 }).privateKey), /2048 bits/);
  const [mine, theirs] = pairOf("RSA-2048").map(jwk);
  refuses("RSA-2048", "jwk", json({ ...mine, e: "AQAC" }), /exponent must be odd/);
  for (const member of ["d", "p", "q", "dp", "dq", "qi"]) refuses("RSA-2048", "jwk", json({ ...mine, [member]: theirs?.[member] }));
  refuses("RSA-2048", "raw", Buffer.alloc(256, 1), /pkcs8, jwk or pem/);
});

test("RSA: refuses a key whose p is composite, although all its numbers agree", () => {
  const prime = (bits: number): bigint => generatePrimeSync(bits, { bigint: true });
  const e = 65537n;
  for (;;) {
    const [p, q] = [prime(512) * prime(512), prime(1024)];
    if (p >> 1023n !== 1n || (p * q) >> 2047n !== 1n || (p - 1n) % e === 0n) continue;
    const d = inverse(e, (p - 1n) * (q - 1n));
    if (d === undefined) continue;
    const numbers = { n: p * q, e, d, p, q, dp: d % (p - 1n), dq: d % (q - 1n), qi: inverse(q, p) ?? 0n };
    const text = Object.entries(numbers).map(([name, value]) => [name, toBytes(value).toString("base64url")]);
    refuses("RSA-2048", "jwk", json({ kty: "RSA", ...Object.fromEntries(text) }), /does not sign/);
    break;
  }
});

function toBytes(value: bigint): Buffer {
  const text = value.toString(16);
  return Buffer.from(text.padStart(text.length + (text.length % 2), "0"), "hex");
}

function inverse(value: bigint, modulus: bigint): bigint | undefined {
  let [a, b, x, y] = [value % modulus, modulus, 1n, 0n];
  while (b !== 0n) [a, b, x, y] = [b, a % b, y, x - (a / b) * y];
  return a === 1n ? ((x % modulus) + modulus) % modulus : undefined;
}

test("RSA: accepts a larger odd exponent", () => {
  const { privateKey } = generateKeyPairSync("rsa", { modulusLength: 2048, publicExponent: 0x1000001 + 2 });
  accepts("RSA-2048", "pkcs8", pkcs8(privateKey), privateKey);
});

for (const name of SECRET.filter((each) => keyBytes(each).least === keyBytes(each).most)) {
  const sizeBytes = ALGORITHMS[name].sizeBits / 8;
  test(`${name}: imports exactly ${sizeBytes} bytes, raw or as a JWK`, () => {
    const secret = randomBytes(sizeBytes);
    const k = secret.toString("base64url");
    const alg = ALGORITHMS[name].jose;
    const imported = mechanismOf(name).importKey("raw", secret);
    assert.deepEqual(imported.export(), secret);
    accepts(name, "jwk", json({ kty: "oct", k }), imported);
    if (alg !== undefined) accepts(name, "jwk", json({ kty: "oct", k, alg }), imported);
    for (const length of [0, sizeBytes - 1, sizeBytes + 1, 2 * sizeBytes]) {
      refuses(name, "raw", Buffer.alloc(length, 1), /must be/);
      refuses(name, "jwk", json({ kty: "oct", k: Buffer.alloc(length, 1).toString("base64url") }));
    }
    refuses(name, "jwk", json({ kty: "oct", k, alg: "none" }), /alg/);
    refuses(name, "jwk", json({ kty: "OKP", k }), /oct/);
    refuses(name, "jwk", json({ kty: "oct" }), /oct/);
    refuses(name, "jwk", json({ kty: "oct", k: `${k} ` }));
    refuses(name, "jwk", json({ kty: "oct", k: `${k}=` }));
    for (const format of ["pkcs8", "sec1", "pem"] as const) refuses(name, format, secret, /raw or jwk/);
  });
}

for (const name of ["AES-128-XTS", "AES-256-XTS"] as const) {
  test(`${name}: refuses a key whose halves are one key twice`, () => {
    const half = randomBytes(ALGORITHMS[name].sizeBits / 16);
    const [twice, almost] = [Buffer.concat([half, half]), Buffer.concat([half, half])];
    almost[almost.length - 1] = (almost.at(-1) ?? 0) ^ 1;
    refuses(name, "raw", twice, /halves/);
    refuses(name, "jwk", json({ kty: "oct", k: twice.toString("base64url") }), /halves/);
    assert.deepEqual(mechanismFor(name).store(mechanismFor(name).importKey("raw", almost)), almost);
  });
}

for (const name of SECRET.filter((each) => keyBytes(each).least !== keyBytes(each).most)) {
  const { usual, least, most } = keyBytes(name);
  const alg = ALGORITHMS[name].jose;
  test(`${name}: imports ${least} to ${most} bytes, raw or as a JWK, and makes as many as are wanted`, async () => {
    for (const length of [least, least + 1, usual - 1, usual, usual + 1, most]) {
      const secret = randomBytes(length);
      const imported = mechanismOf(name).importKey("raw", secret);
      assert.deepEqual(imported.export(), secret);
      const jwk = { kty: "oct", k: secret.toString("base64url") };
      accepts(name, "jwk", json(jwk), imported);
      if (alg !== undefined && length >= usual) accepts(name, "jwk", json({ ...jwk, alg }), imported);
      if (alg !== undefined && length < usual) refuses(name, "jwk", json({ ...jwk, alg }), /at least/);
      const made = await mechanismFor(name).generate(length);
      assert.equal(mechanismFor(name).store(made).byteLength, length);
      assert.ok(
        mechanismFor(name)
          .load(mechanismFor(name).store(made))
          .equals(made as KeyObject),
      );
    }
    for (const length of [0, least - 1, most + 1]) {
      refuses(name, "raw", Buffer.alloc(length, 1), new RegExp(`${least} to ${most}`));
      assert.throws(() => mechanismFor(name).load(Buffer.alloc(length, 1)), { code: "INTEGRITY_FAILURE" });
    }
    refuses(name, "jwk", json({ kty: "oct", k: "A".repeat(43), alg: "none" }), /alg/);
    for (const format of ["pkcs8", "sec1", "pem"] as const) refuses(name, format, randomBytes(32), /raw or jwk/);
  });
}
