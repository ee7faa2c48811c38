/** A key that is held to some mechanisms is used in these ways alone, whichever algorithm it is of. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { ALGORITHMS, ALGORITHM_NAMES, DIGEST_NAMES, type AlgorithmName } from "@keystead/contract/algorithms";
import { Algorithm, Digest, SignatureScheme } from "@keystead/contract/generated/hsm/hsm_pb";
import { KDF_NAMES } from "@keystead/contract/kdfs";
import { CIPHER_MODES, MAC_MODES, WRAP_MODES, modesOf } from "@keystead/contract/key-modes";
import { NAMED_ONLY, findMechanism, mechanismsOf } from "@keystead/contract/mechanism-names";
import { findObjects } from "@keystead/contract/operations/find-objects";
import { generateKey } from "@keystead/contract/operations/generate-key";
import { getKey } from "@keystead/contract/operations/get-key";
import { rotateKey } from "@keystead/contract/operations/rotate-key";
import { setAttributes } from "@keystead/contract/operations/set-attributes";
import { sign } from "@keystead/contract/operations/sign";
import { signDigest } from "@keystead/contract/operations/sign-digest";
import { verify } from "@keystead/contract/operations/verify";
import type { Key } from "@keystead/crypto/composite-key";
import { mechanismFor } from "@keystead/crypto/mechanisms/register";
import type { OpenKey } from "../objects/key-shapes.ts";
import { ClockedVault } from "../testing/clocked-vault.ts";
import { SoftwareProvider } from "./software.ts";

const RUN = { principal: "p", batch: false };
const BYTES = Buffer.alloc(64, 1);
const provider = new SoftwareProvider(1);

const keyOf = (algorithm: AlgorithmName, allowed: readonly string[] | undefined): OpenKey => ({
  keyId: "k",
  algorithm,
  version: 1,
  mechanism: mechanismFor(algorithm),
  key: undefined as unknown as Key,
  publicKey: undefined,
  ...(allowed === undefined ? {} : { allowed }),
});

/** Everything that can be done with an open key, in every way that a request can choose. */
function* usesOf(algorithm: AlgorithmName, key: OpenKey): Generator<() => unknown> {
  const { usages } = ALGORITHMS[algorithm] as { usages: readonly string[] };
  const can = (usage: string): boolean => usages.includes(usage);
  const digests = DIGEST_NAMES.filter((name) => name !== "BLAKE3");
  if (can("sign"))
    for (const scheme of [undefined, "pss", "pkcs1", "prehash"] as const)
      for (const digest of [undefined, ...digests]) {
        const params = { ...(scheme && { scheme }), ...(digest && { digest }) };
        yield () => provider.sign(key, BYTES, params, RUN);
        yield () => provider.verify(key, BYTES, BYTES, params, RUN);
        yield () => provider.signDigest(key, BYTES, params, RUN);
      }
  if (ALGORITHMS[algorithm].family === "rsa")
    for (const padding of ["pkcs1", "none"] as const) yield () => provider.signRaw(key, BYTES, padding, RUN);
  if (can("encrypt"))
    for (const scheme of [undefined, "oaep", "pkcs1"] as const)
      for (const digest of [undefined, ...digests]) {
        const params = { ...(scheme && { scheme }), ...(digest && { digest }) };
        yield () => provider.encrypt(key, BYTES, params);
        yield () => provider.encryptBehind(key, BYTES, params, 8);
        yield () => provider.decrypt(key, { ciphertext: BYTES, nonce: BYTES }, params);
      }
  const modes: readonly string[] = modesOf(algorithm);
  for (const mode of CIPHER_MODES.filter((name) => modes.includes(name))) {
    yield () => provider.encrypt(key, BYTES, { mode });
    yield () => provider.encryptBehind(key, BYTES, { mode }, 8);
    yield () => provider.decrypt(key, { ciphertext: BYTES, nonce: BYTES }, { mode });
  }
  for (const mode of MAC_MODES.filter((name) => modes.includes(name))) {
    yield () => provider.mac(key, BYTES, { mode });
    yield () => provider.verifyMac(key, BYTES, BYTES, { mode });
  }
  for (const mode of WRAP_MODES.filter((name) => modes.includes(name) && can("wrap"))) {
    yield () => provider.wrap(key, BYTES, { mode });
    yield () => provider.unwrap(key, BYTES, { mode });
  }
  if (can("wrap"))
    for (const scheme of [undefined, "rsa-aes-kwp", "rsa-oaep", "hpke"] as const)
      for (const digest of [undefined, ...digests]) {
        const params = { ...(scheme && { scheme }), ...(digest && { digest }) };
        yield () => provider.wrap(key, BYTES, params);
        yield () => provider.unwrap(key, BYTES, params);
      }
  if (can("mac")) {
    yield () => provider.mac(key, BYTES, {});
    yield () => provider.verifyMac(key, BYTES, BYTES, {});
  }
  if (can("encapsulate")) {
    yield () => provider.encapsulate(key, RUN);
    yield () => provider.decapsulate(key, BYTES, RUN);
    yield () => provider.hpkeSeal(key, BYTES, { info: BYTES, additionalData: BYTES }, RUN);
    yield () => provider.hpkeOpen(key, { encapsulatedKey: BYTES, ciphertext: BYTES }, { info: BYTES, additionalData: BYTES }, RUN);
  }
  if (can("derive") && algorithm !== "Generic-Secret") yield () => provider.agree(key, BYTES, RUN);
  if (can("derive") && algorithm === "Generic-Secret") {
    for (const name of KDF_NAMES) yield () => provider.deriveFrom(key, { name, params: {} }, 32, RUN);
    const psk = { info: BYTES, additionalData: BYTES, pskKey: key, pskId: BYTES };
    yield () => provider.hpkeSeal(keyOf("X25519", undefined), BYTES, psk, RUN);
    yield () => provider.hpkeOpen(keyOf("X25519", undefined), { encapsulatedKey: BYTES, ciphertext: BYTES }, psk, RUN);
  }
}

/** The mechanism that a use is refused for, or undefined when it is not refused for one. */
async function refusedFor(use: () => unknown): Promise<string | undefined> {
  try {
    await use();
    return undefined;
  } catch (error) {
    const { code, detail } = error as { code?: string; detail?: string };
    return code === "KEY_USAGE_FORBIDS" ? /is not allowed to be used by (\S+)$/.exec(detail ?? "")?.[1] : undefined;
  }
}

test("every use of every algorithm's keys is one that has a name, and is refused unless the key allows that name", async () => {
  for (const algorithm of ALGORITHM_NAMES) {
    const names = mechanismsOf(algorithm);
    const met = new Set<string>();
    const held = [...usesOf(algorithm, keyOf(algorithm, []))];
    assert.ok(held.length > 0, algorithm);
    for (const [at, use] of held.entries()) {
      const name = await refusedFor(use);
      assert.ok(name !== undefined, `${algorithm}: use ${at} of a key that allows nothing`);
      met.add(name);
      const others = names.filter((other) => other !== name);
      const again = (allowed: readonly string[] | undefined): (() => unknown) =>
        [...usesOf(algorithm, keyOf(algorithm, allowed))][at] as () => unknown;
      assert.equal(await refusedFor(again(others)), name, `${algorithm}: everything but ${name}`);
      assert.equal(await refusedFor(again([name])), undefined, `${algorithm}: ${name} alone`);
      assert.equal(await refusedFor(again(undefined)), NAMED_ONLY.includes(name) ? name : undefined, `${algorithm}: no list`);
    }
    for (const name of names) assert.ok(met.has(name), `${algorithm}: no request uses ${name}`);
  }
});

test("names are found in any spelling, and only for the algorithm that has them", () => {
  assert.equal(findMechanism("RSA-2048", "rsa pss sha256"), "RSA-PSS-SHA-256");
  assert.equal(findMechanism("Ed25519", "ED25519PH"), "Ed25519ph");
  assert.equal(findMechanism("Ed25519", "RSA-PSS-SHA-256"), undefined);
  for (const algorithm of ALGORITHM_NAMES) assert.equal(new Set(mechanismsOf(algorithm)).size, mechanismsOf(algorithm).length);
});

test("what is listed when a key is made holds for every version, can be narrowed and never widened", async () => {
  const vault = await ClockedVault.open();
  const data = Buffer.from("x");
  const make = (allowedMechanisms: string[]): Promise<unknown> =>
    vault.ask(generateKey, { keyId: "k", algorithm: Algorithm.Rsa2048, attributes: { allowedMechanisms } });
  const narrow = (allowedMechanisms: string[]): Promise<string> =>
    vault.codeOf(vault.ask(setAttributes, { keyId: "k", attributes: { allowedMechanisms } }));
  const listed = async (): Promise<string[]> => (await vault.ask(getKey, { keyId: "k" })).key?.attributes?.allowedMechanisms ?? [];
  assert.equal(await vault.codeOf(make(["Ed25519"])), "INVALID_REQUEST");
  await make(["rsa-pss-sha256", "RSA-PSS-SHA-512", "RSA-PSS-SHA-512"]);
  assert.deepEqual(await listed(), ["RSA-PSS-SHA-256", "RSA-PSS-SHA-512"]);

  const { signature } = await vault.ask(sign, { keyId: "k", data });
  assert.equal((await vault.ask(verify, { keyId: "k", data, signature })).valid, true);
  const codes = async (): Promise<string[]> =>
    Promise.all(
      [
        vault.ask(sign, { keyId: "k", data, digest: Digest.Sha512 }),
        vault.ask(sign, { keyId: "k", data, digest: Digest.Sha384 }),
        vault.ask(sign, { keyId: "k", data, scheme: SignatureScheme.PKCS1 }),
        vault.ask(verify, { keyId: "k", data, signature, scheme: SignatureScheme.PKCS1 }),
        vault.ask(signDigest, { keyId: "k", digestValue: Buffer.alloc(32, 1) }),
      ].map((asked) => vault.codeOf(asked)),
    );
  const no = "KEY_USAGE_FORBIDS";
  assert.deepEqual(await codes(), ["OK", no, no, no, no]);
  await vault.ask(rotateKey, { keyId: "k" });
  assert.deepEqual(await codes(), ["OK", no, no, no, no]);

  assert.equal(await narrow(["RSA-PSS-SHA-256", "RSA-PKCS1-SHA-256"]), "INVALID_REQUEST");
  assert.equal(await narrow(["ECDSA-SHA-256"]), "INVALID_REQUEST");
  assert.equal(await narrow(["RSA-PSS-SHA-256"]), "OK");
  assert.equal(await narrow(["RSA-PSS-SHA-512"]), "INVALID_REQUEST");
  assert.deepEqual(await codes(), [no, no, no, no, no]);
  assert.equal((await vault.ask(verify, { keyId: "k", data, signature })).valid, true);
  await vault.reopen();
  assert.deepEqual([await codes(), await listed()], [[no, no, no, no, no], ["RSA-PSS-SHA-256"]]);
});

test("a key without a list can be given one, and keys are found by what they allow", async () => {
  const vault = await ClockedVault.open();
  await vault.ask(generateKey, { keyId: "any", algorithm: Algorithm.EcdsaP256 });
  await vault.ask(generateKey, { keyId: "few", algorithm: Algorithm.EcdsaP256 });
  await vault.ask(setAttributes, { keyId: "few", attributes: { allowedMechanisms: ["ECDSA-SHA-256"] } });
  const find = async (...allowedMechanisms: string[]): Promise<string[]> =>
    (await vault.ask(findObjects, { match: { allowedMechanisms } })).keys.map(({ keyId }) => keyId);
  assert.deepEqual(await find("ECDSA-SHA-256"), ["any", "few"]);
  assert.deepEqual(await find("ECDSA-SHA-256", "ECDSA-DIGEST"), ["any"]);
  assert.deepEqual(await find("RSA-AES-KWP"), []);
});
