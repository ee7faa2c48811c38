/**
 * SignDigest through every door: openssl verifies what it signs, it needs a permission that most roles lack, and the
 * audit log tells it from Sign.
 */
import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { test } from "node:test";
import { algorithmNumber, digestNumber } from "@keystead/contract/enum-names";
import { SignatureFormat, SignatureScheme } from "@keystead/contract/generated/hsm/hsm_pb";
import { batch } from "@keystead/contract/operations/batch";
import { generateKey } from "@keystead/contract/operations/generate-key";
import { getAuditLog } from "@keystead/contract/operations/get-audit-log";
import { signDigest } from "@keystead/contract/operations/sign-digest";
import { verify } from "@keystead/contract/operations/verify";
import { derSignature, opensslAccepts } from "./openssl.ts";
import { served } from "./served.ts";
import { SURFACES, ask, type Door } from "./surfaces.ts";
import { mint } from "./tokens.ts";

const here = served();
const given: typeof here.given = (...asked) => here.given(...asked);

const DATA = Buffer.from("signed by its digest");
const CASES = [
  ["ECDSA-P256", "SHA-256", {}, []],
  ["ECDSA-P256", "SHA-256", { format: SignatureFormat.RAW, deterministic: true }, []],
  ["ECDSA-P384", "SHA-384", {}, []],
  ["ECDSA-P521", "SHA-512", {}, []],
  ["ECDSA-secp256k1", "SHA-256", {}, []],
  ["RSA-2048", "SHA-256", { scheme: SignatureScheme.PKCS1 }, ["-pkeyopt", "rsa_padding_mode:pkcs1", "-pkeyopt", "digest:sha256"]],
  [
    "RSA-2048",
    "SHA-512",
    { digest: digestNumber("SHA-512") },
    ["-pkeyopt", "rsa_padding_mode:pss", "-pkeyopt", "rsa_pss_saltlen:64", "-pkeyopt", "digest:sha512"],
  ],
  [
    "RSA-3072",
    "SHA-256",
    { saltBytes: 20 },
    ["-pkeyopt", "rsa_padding_mode:pss", "-pkeyopt", "rsa_pss_saltlen:20", "-pkeyopt", "digest:sha256"],
  ],
] as const;

for (const [index, [algorithm, digest, choice, options]] of CASES.entries()) {
  test(`${algorithm} ${JSON.stringify(choice)}: openssl verifies the digest's signature, and Verify the message's`, async () => {
    const keyId = `digest-${index}`;
    const { public_key: publicKey } = await given("gRPC", generateKey, { keyId, algorithm: algorithmNumber(algorithm) });
    const digestValue = createHash(digest.toLowerCase().replace("-", "")).update(DATA).digest();
    for (const surface of SURFACES) {
      const { signature: text, version } = await given(surface, signDigest, { keyId, digestValue, ...choice });
      const signature = Buffer.from(text as string, "base64");
      assert.equal(version, 1);
      const isRaw = "format" in choice;
      const files = { public: publicKey as string, digest: digestValue, signature: isRaw ? derSignature(signature) : signature };
      const command = ["pkeyutl", "-verify", "-pubin", "-inkey", "{public}", "-in", "{digest}", "-sigfile", "{signature}", ...options];
      assert.ok(opensslAccepts(command, files), `${surface}: openssl`);
      const changed = Buffer.from(digestValue.with(0, (digestValue[0] ?? 0) ^ 1));
      assert.ok(!opensslAccepts(command, { ...files, digest: changed }), `${surface}: openssl accepts anything`);
      const { deterministic: _, ...same } = choice as { deterministic?: boolean };
      assert.deepEqual(await given(surface, verify, { keyId, data: DATA, signature, ...same }), { valid: true, version: 1 });
    }
  });
}

test("in a batch every digest has its own decision, result and line in the log", async () => {
  const digests = [1, 2, 3].map((value) => createHash("sha256").update(`${value}`).digest());
  const item = (keyId: string, digestValue: Buffer) => ({ operation: { case: "signDigest", value: { keyId, digestValue } } });
  for (const surface of SURFACES) {
    const items = [...digests.map((digest) => item("digest-0", digest)), item("missing", digests[0] as Buffer)];
    const { results } = await given(surface, batch, { items });
    for (const [at] of digests.entries()) {
      const signature = Buffer.from(results[at].sign_digest.signature as string, "base64");
      const asked = { keyId: "digest-0", data: Buffer.from(`${at + 1}`), signature };
      assert.equal((await given(surface, verify, asked))["valid"], true, `${at} over ${surface}`);
    }
    assert.equal(results[3].error.code, "OBJECT_NOT_FOUND");
  }
});

test("a key that signs no digests, a digest of another length and a caller without the permission are refused, and recorded", async () => {
  await given("REST", generateKey, { keyId: "edwards", algorithm: algorithmNumber("Ed25519") });
  const digestValue = Buffer.alloc(32, 1);
  for (const surface of SURFACES) {
    assert.equal((await ask(surface, here.door, signDigest, { keyId: "edwards", digestValue })).code, "MECHANISM_NOT_SUPPORTED");
    assert.equal(
      (await ask(surface, here.door, signDigest, { keyId: "digest-0", digestValue: Buffer.alloc(48, 1) })).code,
      "MECHANISM_PARAM_INVALID",
    );
    assert.equal(
      (await ask(surface, here.door, signDigest, { keyId: "digest-0", digestValue: Buffer.alloc(20, 1) })).code,
      "INVALID_REQUEST",
    );
  }
  const { origin, ca } = here.door as { origin: string; ca: string };
  const as = async (role: string): Promise<Door> => ({
    origin,
    ca,
    token: await mint(here.server.credential("token-key.pem"), { roles: [role] }),
  });
  for (const role of ["KeyUser", "Operator", "NamespaceAdmin", "KeyAdmin", "Auditor"])
    assert.equal((await ask("REST", await as(role), signDigest, { keyId: "digest-0", digestValue })).code, "PERMISSION_DENIED", role);
  assert.ok((await ask("REST", await as("Service"), signDigest, { keyId: "digest-0", digestValue })).ok);
  const { events } = await given("REST", getAuditLog, { action: "SignDigest", pageSize: 1000 });
  const outcomes = new Set((events as { outcome: string }[]).map(({ outcome }) => outcome));
  assert.deepEqual([...outcomes].sort(), [
    "INVALID_REQUEST",
    "MECHANISM_NOT_SUPPORTED",
    "MECHANISM_PARAM_INVALID",
    "OK",
    "PERMISSION_DENIED",
  ]);
});
