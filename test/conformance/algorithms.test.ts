/**
 * Every algorithm, through every door, against strangers: what is signed, encrypted, computed or imported through one
 * surface is verified, decrypted, checked or exported through the others, and by the `openssl` command or node:crypto.
 *
 * Long, because what the strangers are asked differs by family, and all of it stands on the same keys and surfaces.
 */
import assert from "node:assert/strict";
import { createCipheriv, createDecipheriv, createHash, createHmac, createPrivateKey, createPublicKey, randomBytes } from "node:crypto";
import { test } from "node:test";
import type { MessageInitShape } from "@bufbuild/protobuf";
import {
  ALGORITHMS,
  ALGORITHM_NAMES,
  DIGESTS,
  DIGEST_NAMES,
  type AlgorithmName,
  type AlgorithmRow,
  type DigestName,
} from "@keystead/contract/algorithms";
import { algorithmNumber, digestNumber } from "@keystead/contract/enum-names";
import {
  CiphertextFormat,
  EncryptionScheme,
  KeyMaterialFormat,
  PublicKeyFormat,
  SignatureFormat,
  SignatureScheme,
} from "@keystead/contract/generated/hsm/hsm_pb";
import { decrypt } from "@keystead/contract/operations/decrypt";
import { deleteKey } from "@keystead/contract/operations/delete-key";
import { encrypt } from "@keystead/contract/operations/encrypt";
import { generateDataKey } from "@keystead/contract/operations/generate-data-key";
import { generateKey } from "@keystead/contract/operations/generate-key";
import { generateMac } from "@keystead/contract/operations/generate-mac";
import { getKey } from "@keystead/contract/operations/get-key";
import { getPublicKey } from "@keystead/contract/operations/get-public-key";
import { hash } from "@keystead/contract/operations/hash";
import { importKey } from "@keystead/contract/operations/import-key";
import { rotateKey } from "@keystead/contract/operations/rotate-key";
import { sign } from "@keystead/contract/operations/sign";
import { verify } from "@keystead/contract/operations/verify";
import { verifyMac } from "@keystead/contract/operations/verify-mac";
import { derSignature, openssl, opensslAccepts, rawSignature } from "./openssl.ts";
import { served } from "./served.ts";
import { SURFACES, ask, type Answer, type Reply, type Surface } from "./surfaces.ts";

const here = served();
const given: typeof here.given = (...asked) => here.given(...asked);

const bytesOf = (value: unknown): Buffer => Buffer.from(String(value), "base64");
const MESSAGE = Buffer.from("the same key through every door: the same result");

/** One byte of each part of `bytes` changed, one missing, one too many. */
function* damaged(bytes: Buffer): Generator<Buffer> {
  for (const at of new Set([0, 1, bytes.length >> 1, bytes.length - 1])) yield Buffer.from(bytes.with(at, (bytes[at] ?? 0) ^ 0x01));
  yield bytes.subarray(0, -1);
  yield Buffer.concat([bytes, Buffer.alloc(1)]);
  yield Buffer.alloc(0);
}

/** One way to sign, as the request says it and as the openssl command is told. */
interface Scheme {
  readonly name: string;
  readonly choice: MessageInitShape<typeof sign.method.input>;
  readonly der: boolean;
  /** Arguments of `openssl dgst`, or of `pkeyutl` when the message is not hashed first. */
  readonly dgst: readonly string[] | undefined;
}

const SIGNING_DIGESTS: readonly DigestName[] = ["SHA-256", "SHA-384", "SHA-512", "SHA3-256", "SHA3-384", "SHA3-512"];

function schemesOf(algorithm: AlgorithmName): Scheme[] {
  const { family, sizeBits } = ALGORITHMS[algorithm];
  if (family.startsWith("ed"))
    return [
      { name: "as it is", choice: {}, der: false, dgst: undefined },
      { name: "raw, by name", choice: { format: SignatureFormat.RAW }, der: false, dgst: undefined },
    ];
  if (family === "ec") {
    const own: DigestName = sizeBits === 256 ? "SHA-256" : sizeBits === 384 ? "SHA-384" : "SHA-512";
    const choices: [string, DigestName, MessageInitShape<typeof sign.method.input>][] = [
      ["by default", own, {}],
      ["raw by default", own, { format: SignatureFormat.RAW }],
      ["deterministic", own, { deterministic: true }],
      ["deterministic raw", own, { deterministic: true, format: SignatureFormat.RAW }],
    ];
    for (const digest of SIGNING_DIGESTS)
      choices.push(
        [`${digest} DER`, digest, { digest: digestNumber(digest), format: SignatureFormat.DER }],
        [`${digest} raw`, digest, { digest: digestNumber(digest), format: SignatureFormat.RAW }],
      );
    return choices.map(([name, digest, choice]) => ({
      name,
      choice,
      der: choice.format !== SignatureFormat.RAW,
      dgst: [`-${DIGESTS[digest].node}`],
    }));
  }
  const pss = ["-sigopt", "rsa_padding_mode:pss", "-sigopt", "rsa_pss_saltlen:digest"];
  const salt = (bytes: number): string[] => ["-sigopt", "rsa_padding_mode:pss", "-sigopt", `rsa_pss_saltlen:${bytes}`];
  const schemes: Scheme[] = [
    { name: "by default", choice: {}, der: false, dgst: ["-sha256", ...pss] },
    { name: "PSS without a salt", choice: { saltBytes: 0 }, der: false, dgst: ["-sha256", ...salt(0)] },
    { name: "PSS with a salt of 20", choice: { saltBytes: 20 }, der: false, dgst: ["-sha256", ...salt(20)] },
    {
      name: "PSS with the longest salt",
      choice: { saltBytes: sizeBits / 8 - 66, digest: digestNumber("SHA-512") },
      der: false,
      dgst: ["-sha512", ...salt(sizeBits / 8 - 66)],
    },
  ];
  for (const digest of SIGNING_DIGESTS) {
    schemes.push(
      {
        name: `PSS ${digest}`,
        choice: { digest: digestNumber(digest), scheme: SignatureScheme.PSS },
        der: false,
        dgst: [`-${DIGESTS[digest].node}`, ...pss],
      },
      {
        name: `PKCS#1 ${digest}`,
        choice: { digest: digestNumber(digest), scheme: SignatureScheme.PKCS1 },
        der: false,
        dgst: [`-${DIGESTS[digest].node}`],
      },
    );
  }
  return schemes;
}

const isRawEc = (algorithm: AlgorithmName, scheme: Scheme): boolean => ALGORITHMS[algorithm].family === "ec" && !scheme.der;
const scalarBytes = (algorithm: AlgorithmName): number => Math.ceil(ALGORITHMS[algorithm].sizeBits / 8);

function opensslVerifies(algorithm: AlgorithmName, scheme: Scheme, publicKey: string, data: Buffer, signature: Buffer): boolean {
  const files = { public: publicKey, data, signature: isRawEc(algorithm, scheme) ? derSignature(signature) : signature };
  if (scheme.dgst === undefined)
    return opensslAccepts(
      ["pkeyutl", "-verify", "-rawin", "-pubin", "-inkey", "{public}", "-in", "{data}", "-sigfile", "{signature}"],
      files,
    );
  return opensslAccepts(["dgst", ...scheme.dgst, "-verify", "{public}", "-signature", "{signature}", "{data}"], files);
}

function opensslSigns(algorithm: AlgorithmName, scheme: Scheme, privateKey: Buffer, data: Buffer): Buffer {
  const files = { private: privateKey, data };
  const signature =
    scheme.dgst === undefined
      ? openssl(["pkeyutl", "-sign", "-rawin", "-inkey", "{private}", "-in", "{data}"], files)
      : openssl(["dgst", ...scheme.dgst, "-sign", "{private}", "{data}"], files);
  if (algorithm === "ECDSA-secp256k1") {
    const low = withLowS(rawSignature(signature, scalarBytes(algorithm)));
    return isRawEc(algorithm, scheme) ? low : derSignature(low);
  }
  return isRawEc(algorithm, scheme) ? rawSignature(signature, scalarBytes(algorithm)) : signature;
}

/** openssl makes either of the two values of s; on secp256k1 only the lower is a signature here. */
function withLowS(raw: Buffer): Buffer {
  const n = 0xfffffffffffffffffffffffffffffffebaaedce6af48a03bbfd25e8cd0364141n;
  const s = BigInt(`0x${raw.subarray(32).toString("hex")}`);
  const low = s > n / 2n ? n - s : s;
  return Buffer.concat([raw.subarray(0, 32), Buffer.from(low.toString(16).padStart(64, "0"), "hex")]);
}

/** A private key that openssl made, PEM. */
function opensslKey(algorithm: AlgorithmName): Buffer {
  const { family, sizeBits } = ALGORITHMS[algorithm];
  if (family === "ed25519" || family === "ed448") return openssl(["genpkey", "-algorithm", family]);
  if (algorithm === "ECDSA-secp256k1") return openssl(["genpkey", "-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:secp256k1"]);
  if (family === "rsa") return openssl(["genpkey", "-algorithm", "RSA", "-pkeyopt", `rsa_keygen_bits:${sizeBits}`]);
  return openssl(["genpkey", "-algorithm", "EC", "-pkeyopt", `ec_paramgen_curve:P-${sizeBits}`]);
}

const withUsage = (usage: string): AlgorithmName[] =>
  ALGORITHM_NAMES.filter((name) => (ALGORITHMS[name].usages as readonly string[]).includes(usage));
const idOf = (what: string, algorithm: AlgorithmName): string => `${what}-${algorithm}`;

/** The openssl command of today's systems knows no post-quantum signatures: post-quantum-signatures.test.ts has them. */
const CLASSICAL = withUsage("sign").filter((name) => ["ed25519", "ed448", "ec", "rsa"].includes(ALGORITHMS[name].family));

for (const algorithm of CLASSICAL) {
  test(`${algorithm}: a signature made through REST verifies on every surface and with openssl, in every scheme, digest and format`, async () => {
    const keyId = idOf("sign", algorithm);
    const { public_key: publicKey } = await given("REST", generateKey, { keyId, algorithm: algorithmNumber(algorithm) });
    for (const [index, scheme] of schemesOf(algorithm).entries()) {
      const { signature: text, version } = await given("REST", sign, { keyId, data: MESSAGE, ...scheme.choice });
      assert.equal(version, 1);
      const signature = bytesOf(text);
      const { digest, scheme: padding, format, saltBytes } = scheme.choice;
      const choice = { digest, scheme: padding, format, saltBytes };
      for (const surface of SURFACES)
        assert.deepEqual(
          await given(surface, verify, { keyId, data: MESSAGE, signature, ...choice }),
          { valid: true, version: 1 },
          `${scheme.name} over ${surface}`,
        );
      assert.ok(opensslVerifies(algorithm, scheme, publicKey, MESSAGE, signature), `${scheme.name}: openssl`);
      assert.ok(
        !opensslVerifies(algorithm, scheme, publicKey, Buffer.concat([MESSAGE, MESSAGE]), signature),
        `${scheme.name}: openssl accepts anything`,
      );
      const surface = SURFACES[index % SURFACES.length] as Surface;
      for (const wrong of damaged(signature))
        assert.equal(
          (await given(surface, verify, { keyId, data: MESSAGE, signature: wrong, ...choice }))["valid"],
          false,
          `${scheme.name}: changed signature over ${surface}`,
        );
      for (const wrong of damaged(MESSAGE))
        assert.equal(
          (await given(surface, verify, { keyId, data: wrong, signature, ...choice }))["valid"],
          false,
          `${scheme.name}: changed data over ${surface}`,
        );
    }
  });

  test(`${algorithm}: what every other surface signs, REST and openssl verify`, async () => {
    const keyId = idOf("others", algorithm);
    const { public_key: publicKey } = await given("gRPC", generateKey, { keyId, algorithm: algorithmNumber(algorithm) });
    const [scheme] = schemesOf(algorithm) as [Scheme];
    for (const surface of SURFACES) {
      const signature = bytesOf((await given(surface, sign, { keyId, data: MESSAGE }))["signature"]);
      assert.equal((await given("REST", verify, { keyId, data: MESSAGE, signature }))["valid"], true, surface);
      assert.ok(opensslVerifies(algorithm, scheme, publicKey, MESSAGE, signature), `${surface}: openssl`);
    }
  });

  test(`${algorithm}: what openssl signs with its own key verifies here once the key is imported, in every scheme, digest and format`, async () => {
    const pem = opensslKey(algorithm);
    const keyId = idOf("theirs", algorithm);
    const { public_key: publicKey } = await given("Connect JSON", importKey, {
      keyId,
      algorithm: algorithmNumber(algorithm),
      keyMaterial: pem,
      format: KeyMaterialFormat.PEM,
    });
    assert.ok(createPublicKey(publicKey).equals(createPublicKey(createPrivateKey(pem))));
    for (const [index, scheme] of schemesOf(algorithm).entries()) {
      const signature = opensslSigns(algorithm, scheme, pem, MESSAGE);
      const surface = SURFACES[index % SURFACES.length] as Surface;
      const { digest, scheme: padding, format, saltBytes } = scheme.choice;
      const choice = { digest, scheme: padding, format, saltBytes };
      assert.equal(
        (await given(surface, verify, { keyId, data: MESSAGE, signature, ...choice }))["valid"],
        true,
        `${scheme.name} over ${surface}`,
      );
      for (const wrong of damaged(signature))
        assert.equal(
          (await given(surface, verify, { keyId, data: MESSAGE, signature: wrong, ...choice }))["valid"],
          false,
          `${scheme.name}: changed`,
        );
    }
  });

  test(`${algorithm}: keys that openssl made come in by every format, keep their public half, and go out as PEM and JWK`, async () => {
    const pem = opensslKey(algorithm);
    const { family } = ALGORITHMS[algorithm];
    const pkcs8 = openssl(["pkcs8", "-topk8", "-nocrypt", "-outform", "DER", "-in", "{key}"], { key: pem });
    const jwk = createPrivateKey(pem).export({ format: "jwk" }) as { d: string };
    const forms: [string, KeyMaterialFormat, Buffer][] = [
      ["pkcs8", KeyMaterialFormat.PKCS8, pkcs8],
      ["pem", KeyMaterialFormat.PEM, pem],
      ["jwk", KeyMaterialFormat.JWK, Buffer.from(JSON.stringify(jwk))],
    ];
    if (family === "ec")
      forms.push(
        ["sec1", KeyMaterialFormat.SEC1, openssl(["ec", "-outform", "DER", "-in", "{key}"], { key: pem })],
        ["sec1-pem", KeyMaterialFormat.PEM, openssl(["ec", "-in", "{key}"], { key: pem })],
      );
    if (family === "rsa") forms.push(["pkcs1-pem", KeyMaterialFormat.PEM, openssl(["rsa", "-traditional", "-in", "{key}"], { key: pem })]);
    else forms.push(["raw", KeyMaterialFormat.RAW, Buffer.from(jwk.d, "base64url")]);
    const theirs = createPublicKey(createPrivateKey(pem));
    for (const [index, [name, format, keyMaterial]] of forms.entries()) {
      const surface = SURFACES[index % SURFACES.length] as Surface;
      const keyId = `${idOf("form", algorithm)}-${name}`;
      const { key, public_key: publicKey } = await given(surface, importKey, {
        keyId,
        algorithm: algorithmNumber(algorithm),
        keyMaterial,
        format,
      });
      assert.ok(createPublicKey(publicKey).equals(theirs), name);
      assert.equal(key.versions[0].local ?? false, false, `${name}: imported keys were not made here`);
      for (const reader of SURFACES) {
        const asPem = await given(reader, getPublicKey, { keyId, format: PublicKeyFormat.PEM });
        assert.ok(createPublicKey(asPem["public_key"]).equals(theirs), `${name} as PEM over ${reader}`);
        const asJwk = JSON.parse((await given(reader, getPublicKey, { keyId, format: PublicKeyFormat.JWK }))["public_key"]) as Record<
          string,
          string
        >;
        assert.ok(createPublicKey({ key: asJwk as never, format: "jwk" }).equals(theirs), `${name} as JWK over ${reader}`);
        assert.equal("d" in asJwk, false);
      }
      const signature = bytesOf((await given(surface, sign, { keyId, data: MESSAGE }))["signature"]);
      assert.ok(
        opensslVerifies(
          algorithm,
          schemesOf(algorithm)[0] as Scheme,
          theirs.export({ format: "pem", type: "spki" }) as string,
          MESSAGE,
          signature,
        ),
        name,
      );
    }
    // Broken material is refused; only a seed has no redundancy, and another seed is another key.
    for (const wrong of damaged(pkcs8)) {
      if (family.startsWith("ed") && wrong.length === pkcs8.length && wrong.subarray(0, 16).equals(pkcs8.subarray(0, 16))) continue;
      assertRefused(
        await ask("REST", here.door, importKey, {
          algorithm: algorithmNumber(algorithm),
          keyMaterial: wrong,
          format: KeyMaterialFormat.PKCS8,
        }),
        "INVALID_REQUEST",
      );
    }
  });
}

function assertRefused(answer: Answer, ...codes: string[]): void {
  assert.ok(
    !answer.ok && codes.includes(answer.code ?? ""),
    `expected ${codes.join(" or ")}, got ${answer.ok ? "success" : answer.code}: ${answer.detail ?? answer.text.slice(0, 300)}`,
  );
}

// The other symmetric ciphers are in ciphers.test.ts.
const GCM = withUsage("encrypt").filter((name) => name.endsWith("GCM"));
const CBC = withUsage("encrypt").filter((name) => name.endsWith("CBC"));
const RSA = withUsage("encrypt").filter((name) => name.startsWith("RSA"));
const PLAINTEXTS = [Buffer.alloc(0), Buffer.from("x"), Buffer.alloc(16, 7), randomBytes(100_000)];

for (const algorithm of [...GCM, ...CBC]) {
  const gcm = algorithm.endsWith("GCM");
  const cipher = `aes-${ALGORITHMS[algorithm].sizeBits}-${gcm ? "gcm" : "cbc"}`;

  test(`${algorithm}: what one surface encrypts, every other decrypts, and a changed byte anywhere is refused`, async () => {
    const keyId = idOf("seal", algorithm);
    await given("REST", generateKey, { keyId, algorithm: algorithmNumber(algorithm) });
    const associatedData = gcm ? Buffer.from("context") : Buffer.alloc(0);
    for (const [index, surface] of SURFACES.entries()) {
      for (const plaintext of PLAINTEXTS) {
        const ciphertext = bytesOf((await given(surface, encrypt, { keyId, plaintext, associatedData }))["ciphertext"]);
        const other = SURFACES[(index + 1) % SURFACES.length] as Surface;
        assert.deepEqual(
          bytesOf((await given(other, decrypt, { keyId, ciphertext, associatedData }))["plaintext"]),
          plaintext,
          `${surface} to ${other}`,
        );
      }
      const ciphertext = bytesOf((await given(surface, encrypt, { keyId, plaintext: MESSAGE, associatedData }))["ciphertext"]);
      if (gcm)
        for (const wrong of damaged(ciphertext))
          assertRefused(await ask(surface, here.door, decrypt, { keyId, ciphertext: wrong, associatedData }), "DECRYPTION_FAILED");
      if (gcm)
        for (const wrong of damaged(associatedData))
          assertRefused(await ask(surface, here.door, decrypt, { keyId, ciphertext, associatedData: wrong }), "DECRYPTION_FAILED");
    }
    if (gcm) {
      const ciphertext = bytesOf((await given("gRPC", encrypt, { keyId, plaintext: MESSAGE, associatedData }))["ciphertext"]);
      for (let at = 0; at < ciphertext.length; at += 1)
        assertRefused(
          await ask("gRPC", here.door, decrypt, { keyId, ciphertext: ciphertext.with(at, (ciphertext[at] ?? 0) ^ 0x80), associatedData }),
          "DECRYPTION_FAILED",
        );
    }
  });

  test(`${algorithm}: with an imported key, node:crypto and openssl open the raw format, and we open theirs`, async () => {
    const keyMaterial = randomBytes(ALGORITHMS[algorithm].sizeBits / 8);
    const keyId = idOf("raw", algorithm);
    const jwk = Buffer.from(JSON.stringify({ kty: "oct", k: keyMaterial.toString("base64url") }));
    await given("REST", importKey, { keyId, algorithm: algorithmNumber(algorithm), keyMaterial, format: KeyMaterialFormat.RAW });
    await given("gRPC", importKey, {
      keyId: `${keyId}-jwk`,
      algorithm: algorithmNumber(algorithm),
      keyMaterial: jwk,
      format: KeyMaterialFormat.JWK,
    });
    const associatedData = gcm ? Buffer.from("context") : Buffer.alloc(0);
    for (const [index, surface] of SURFACES.entries()) {
      const reply = await given(surface, encrypt, {
        keyId: index % 2 === 0 ? keyId : `${keyId}-jwk`,
        plaintext: MESSAGE,
        associatedData,
        format: CiphertextFormat.RAW,
      });
      const [ciphertext, nonce] = [bytesOf(reply["ciphertext"]), bytesOf(reply["nonce"])];
      if (gcm) {
        assert.equal(nonce.length, 12);
        const opener = createDecipheriv(cipher as "aes-256-gcm", keyMaterial, nonce)
          .setAAD(associatedData)
          .setAuthTag(ciphertext.subarray(-16));
        assert.deepEqual(Buffer.concat([opener.update(ciphertext.subarray(0, -16)), opener.final()]), MESSAGE);
        const sealer = createCipheriv(cipher as "aes-256-gcm", keyMaterial, nonce).setAAD(associatedData);
        assert.deepEqual(Buffer.concat([sealer.update(MESSAGE), sealer.final(), sealer.getAuthTag()]), ciphertext);
      } else {
        assert.equal(nonce.length, 16);
        assert.deepEqual(
          openssl(["enc", "-d", `-${cipher}`, "-K", keyMaterial.toString("hex"), "-iv", nonce.toString("hex")], {}, ciphertext),
          MESSAGE,
        );
      }
      const iv = randomBytes(nonce.length);
      const theirs = gcm
        ? gcmSealed(cipher, keyMaterial, iv, associatedData)
        : openssl(["enc", "-e", `-${cipher}`, "-K", keyMaterial.toString("hex"), "-iv", iv.toString("hex")], {}, MESSAGE);
      const opened = await given(surface, decrypt, { keyId, ciphertext: theirs, nonce: iv, associatedData, format: CiphertextFormat.RAW });
      assert.deepEqual(bytesOf(opened["plaintext"]), MESSAGE);
      if (!gcm) continue;
      for (const wrong of damaged(iv))
        assertRefused(
          await ask(surface, here.door, decrypt, { keyId, ciphertext: theirs, nonce: wrong, associatedData, format: CiphertextFormat.RAW }),
          "DECRYPTION_FAILED",
          "INVALID_REQUEST",
        );
    }
    for (const wrong of [keyMaterial.subarray(1), Buffer.concat([keyMaterial, Buffer.alloc(8)])]) {
      assertRefused(
        await ask("REST", here.door, importKey, {
          algorithm: algorithmNumber(algorithm),
          keyMaterial: wrong,
          format: KeyMaterialFormat.RAW,
        }),
        "INVALID_REQUEST",
      );
    }
  });
}

function gcmSealed(cipher: string, key: Buffer, iv: Buffer, aad: Buffer): Buffer {
  const sealer = createCipheriv(cipher as "aes-256-gcm", key, iv).setAAD(aad);
  return Buffer.concat([sealer.update(MESSAGE), sealer.final(), sealer.getAuthTag()]);
}

for (const algorithm of GCM) {
  test(`${algorithm}: a data key comes in plain and wrapped, and Decrypt unwraps it on every surface`, async () => {
    const keyId = idOf("wrap", algorithm);
    await given("REST", generateKey, { keyId, algorithm: algorithmNumber(algorithm) });
    for (const surface of SURFACES) {
      for (const sizeBytes of [0, 16, 24, 32]) {
        const { plaintext, ciphertext } = await given(surface, generateDataKey, { keyId, sizeBytes, associatedData: MESSAGE });
        assert.equal(bytesOf(plaintext).length, sizeBytes === 0 ? 32 : sizeBytes);
        assert.equal(
          (await given("gRPC", decrypt, { keyId, ciphertext: bytesOf(ciphertext), associatedData: MESSAGE }))["plaintext"],
          plaintext,
        );
        assertRefused(await ask(surface, here.door, decrypt, { keyId, ciphertext: bytesOf(ciphertext) }), "DECRYPTION_FAILED");
      }
    }
  });
}

for (const algorithm of RSA) {
  test(`${algorithm}: OAEP with every digest goes both ways between the surfaces and openssl, and PKCS#1 v1.5 is decrypted by openssl alone`, async () => {
    const pem = opensslKey(algorithm);
    const keyId = idOf("oaep", algorithm);
    const { public_key: publicKey } = await given("REST", importKey, {
      keyId,
      algorithm: algorithmNumber(algorithm),
      keyMaterial: pem,
      format: KeyMaterialFormat.PEM,
    });
    const label = Buffer.from("label");
    for (const [index, digest] of [undefined, ...SIGNING_DIGESTS].entries()) {
      const surface = SURFACES[index % SURFACES.length] as Surface;
      const other = SURFACES[(index + 1) % SURFACES.length] as Surface;
      const name = DIGESTS[digest ?? "SHA-256"].node ?? "";
      const options = ["-pkeyopt", "rsa_padding_mode:oaep", "-pkeyopt", `rsa_oaep_md:${name}`, "-pkeyopt", `rsa_mgf1_md:${name}`];
      const choice = digest === undefined ? {} : { digest: digestNumber(digest), scheme: EncryptionScheme.OAEP };
      for (const associatedData of [Buffer.alloc(0), label]) {
        const labelled =
          associatedData.length === 0 ? options : [...options, "-pkeyopt", `rsa_oaep_label:${associatedData.toString("hex")}`];
        const ciphertext = bytesOf((await given(surface, encrypt, { keyId, plaintext: MESSAGE, associatedData, ...choice }))["ciphertext"]);
        const raw = await given(surface, encrypt, { keyId, plaintext: MESSAGE, associatedData, ...choice, format: CiphertextFormat.RAW });
        assert.deepEqual(
          openssl(["pkeyutl", "-decrypt", "-inkey", "{key}", "-in", "{data}", ...labelled], { key: pem, data: bytesOf(raw["ciphertext"]) }),
          MESSAGE,
          `${name} over ${surface}`,
        );
        assert.deepEqual(bytesOf((await given(other, decrypt, { keyId, ciphertext, associatedData, ...choice }))["plaintext"]), MESSAGE);
        const theirs = openssl(["pkeyutl", "-encrypt", "-pubin", "-inkey", "{key}", "-in", "{data}", ...labelled], {
          key: publicKey,
          data: MESSAGE,
        });
        assert.deepEqual(
          bytesOf(
            (await given(other, decrypt, { keyId, ciphertext: theirs, associatedData, ...choice, format: CiphertextFormat.RAW }))[
              "plaintext"
            ],
          ),
          MESSAGE,
        );
        for (const wrong of damaged(theirs))
          assertRefused(
            await ask(surface, here.door, decrypt, { keyId, ciphertext: wrong, associatedData, ...choice, format: CiphertextFormat.RAW }),
            "DECRYPTION_FAILED",
          );
        for (const wrong of damaged(ciphertext))
          assertRefused(await ask(other, here.door, decrypt, { keyId, ciphertext: wrong, associatedData, ...choice }), "DECRYPTION_FAILED");
      }
    }
    const old = await given("Connect proto", encrypt, {
      keyId,
      plaintext: MESSAGE,
      scheme: EncryptionScheme.PKCS1,
      format: CiphertextFormat.RAW,
    });
    assert.deepEqual(
      openssl(["pkeyutl", "-decrypt", "-inkey", "{key}", "-in", "{data}"], { key: pem, data: bytesOf(old["ciphertext"]) }),
      MESSAGE,
    );
    for (const surface of SURFACES)
      assertRefused(
        await ask(surface, here.door, decrypt, {
          keyId,
          ciphertext: bytesOf(old["ciphertext"]),
          scheme: EncryptionScheme.PKCS1,
          format: CiphertextFormat.RAW,
        }),
        "MECHANISM_NOT_SUPPORTED",
      );
  });
}

// The other MACs are in macs.test.ts.
for (const algorithm of withUsage("mac").filter((name) => name.startsWith("HMAC-SHA-"))) {
  const digest = algorithm.replace("HMAC-SHA-", "sha");

  test(`${algorithm}: openssl and node:crypto compute the same code, every surface verifies it, and a changed byte is not valid`, async () => {
    const { sizeBits } = ALGORITHMS[algorithm];
    const keyMaterial = randomBytes(sizeBits / 8);
    const keyId = idOf("mac", algorithm);
    await given("gRPC-Web", importKey, { keyId, algorithm: algorithmNumber(algorithm), keyMaterial, format: KeyMaterialFormat.RAW });
    const theirs = openssl(
      ["mac", "-digest", digest.toUpperCase(), "-macopt", `hexkey:${keyMaterial.toString("hex")}`, "-binary", "-in", "{data}", "HMAC"],
      { data: MESSAGE },
    );
    assert.deepEqual(theirs, createHmac(digest, keyMaterial).update(MESSAGE).digest());
    for (const surface of SURFACES) {
      assert.deepEqual(bytesOf((await given(surface, generateMac, { keyId, data: MESSAGE }))["mac"]), theirs, surface);
      assert.deepEqual(await given(surface, verifyMac, { keyId, data: MESSAGE, mac: theirs }), { valid: true, version: 1 });
      for (const wrong of damaged(theirs))
        assert.equal((await given(surface, verifyMac, { keyId, data: MESSAGE, mac: wrong }))["valid"], false);
      for (const wrong of damaged(MESSAGE))
        assert.equal((await given(surface, verifyMac, { keyId, data: wrong, mac: theirs }))["valid"], false);
    }
  });
}

for (const name of DIGEST_NAMES) {
  test(`${name}: every surface hashes like ${DIGESTS[name].node === undefined ? "the published vector" : "openssl"}`, async () => {
    for (const data of [Buffer.alloc(0), Buffer.from("abc"), randomBytes(200_000)]) {
      // BLAKE3 is not OpenSSL's: test_vectors.json of the reference implementation (input_len 0), and "abc".
      const expected =
        DIGESTS[name].node === undefined
          ? {
              0: "af1349b9f5f9a1a6a0404dea36dcc9499bcb25c9adc112b7cc9a93cae41f3262",
              3: "6437b3ac38465133ffb63b75273a8db548c558465d79db03fd359c6cd5bd9d85",
            }[data.length]
          : openssl(["dgst", `-${DIGESTS[name].node}`, "-binary"], {}, data).toString("hex");
      const answers = new Set<string>();
      for (const surface of SURFACES)
        answers.add(bytesOf((await given(surface, hash, { algorithm: digestNumber(name), data }))["digest"]).toString("hex"));
      assert.equal(answers.size, 1);
      if (expected !== undefined) assert.deepEqual([...answers], [expected]);
      if (DIGESTS[name].node !== undefined)
        assert.deepEqual(
          [...answers],
          [
            createHash(DIGESTS[name].node ?? "")
              .update(data)
              .digest("hex"),
          ],
        );
    }
  });
}

/** A second and more for each signature. What a key's life is does not depend on the parameter set; every fast one is led through it. */
const isSlow = (algorithm: AlgorithmName): boolean => /^SLH-DSA-.*s$/.test(algorithm);
const LED_THROUGH = ALGORITHM_NAMES.filter(
  (name) => process.env["KEYSTEAD_SOAK"] === "true" || !isSlow(name) || name === "SLH-DSA-SHA2-128s",
);

for (const algorithm of LED_THROUGH) {
  test(`${algorithm}: after a rotation old results hold, new ones carry the new version, and after a deletion nothing is done`, async () => {
    const keyId = idOf("life", algorithm);
    const { usages: all, onlyWhenAsked = [] }: AlgorithmRow = ALGORITHMS[algorithm];
    const usages: readonly string[] = all.filter((usage) => !onlyWhenAsked.includes(usage));
    const [first, second, third] = [SURFACES[0], SURFACES[1], SURFACES[4]] as [Surface, Surface, Surface];
    const { key } = await given(first, generateKey, { keyId, algorithm: algorithmNumber(algorithm) });
    assert.equal(key.version, 1);
    assert.equal(key.versions[0].local, true);
    const old: Record<string, Reply> = {};
    if (usages.includes("sign")) old["sign"] = await given(first, sign, { keyId, data: MESSAGE });
    if (usages.includes("encrypt")) old["encrypt"] = await given(first, encrypt, { keyId, plaintext: MESSAGE });
    if (usages.includes("mac")) old["mac"] = await given(first, generateMac, { keyId, data: MESSAGE });
    const oldPublic = usages.includes("sign") ? (await given(first, getPublicKey, { keyId }))["public_key"] : undefined;

    const rotated = await given(second, rotateKey, { keyId });
    assert.equal(rotated["new_key_id"], `${keyId}@v2`);
    const described = await given(third, getKey, { keyId });
    assert.deepEqual(described["key"].versions.map(({ version }: { version: number }) => version).sort(), [1, 2]);

    if (old["sign"] !== undefined) {
      assert.deepEqual(await given(third, verify, { keyId, data: MESSAGE, signature: bytesOf(old["sign"]["signature"]) }), {
        valid: true,
        version: 1,
      });
      assert.deepEqual(await given(third, verify, { keyId, data: MESSAGE, signature: bytesOf(old["sign"]["signature"]), version: 2 }), {
        valid: false,
        version: 2,
      });
      assert.equal((await given(second, sign, { keyId, data: MESSAGE }))["version"], 2);
      assert.equal((await given(second, getPublicKey, { keyId, version: 1 }))["public_key"], oldPublic);
      assert.notEqual((await given(second, getPublicKey, { keyId }))["public_key"], oldPublic);
    }
    if (old["encrypt"] !== undefined) {
      const opened = await given(third, decrypt, { keyId, ciphertext: bytesOf(old["encrypt"]["ciphertext"]) });
      assert.deepEqual([bytesOf(opened["plaintext"]), opened["version"]], [MESSAGE, 1]);
      assert.equal((await given(second, encrypt, { keyId, plaintext: MESSAGE }))["version"], 2);
    }
    if (old["mac"] !== undefined) {
      const { mac, nonce } = old["mac"];
      assert.deepEqual(await given(third, verifyMac, { keyId, data: MESSAGE, mac: bytesOf(mac), nonce: bytesOf(nonce) }), {
        valid: true,
        version: 1,
      });
      assert.equal((await given(second, generateMac, { keyId, data: MESSAGE }))["version"], 2);
    }

    await given(second, deleteKey, { keyId });
    for (const surface of SURFACES) {
      if (old["sign"] !== undefined) {
        assertRefused(await ask(surface, here.door, sign, { keyId, data: MESSAGE }), "KEY_STATE_FORBIDS");
        assertRefused(
          await ask(surface, here.door, verify, { keyId, data: MESSAGE, signature: bytesOf(old["sign"]["signature"]) }),
          "KEY_STATE_FORBIDS",
        );
        assertRefused(await ask(surface, here.door, getPublicKey, { keyId }), "KEY_STATE_FORBIDS");
      }
      if (old["encrypt"] !== undefined) {
        assertRefused(await ask(surface, here.door, encrypt, { keyId, plaintext: MESSAGE }), "KEY_STATE_FORBIDS");
        assertRefused(
          await ask(surface, here.door, decrypt, { keyId, ciphertext: bytesOf(old["encrypt"]["ciphertext"]) }),
          "KEY_STATE_FORBIDS",
        );
      }
      if (old["mac"] !== undefined)
        assertRefused(await ask(surface, here.door, generateMac, { keyId, data: MESSAGE }), "KEY_STATE_FORBIDS");
      assertRefused(await ask(surface, here.door, rotateKey, { keyId }), "KEY_STATE_FORBIDS");
      assertRefused(await ask(surface, here.door, generateKey, { keyId, algorithm: algorithmNumber(algorithm) }), "OBJECT_EXISTS");
    }
  });
}
