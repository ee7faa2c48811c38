/**
 * Certification requests and certificates through every door, judged by the openssl command, by Node's own reader and,
 * for what openssl 3.0 does not know, by noble.
 */
import assert from "node:assert/strict";
import { createPublicKey, X509Certificate } from "node:crypto";
import { test } from "node:test";
import { ml_dsa65 } from "@noble/post-quantum/ml-dsa.js";
import { slh_dsa_sha2_128f } from "@noble/post-quantum/slh-dsa.js";
import { ALGORITHMS, type AlgorithmName } from "@keystead/contract/algorithms";
import { algorithmNumber, digestNumber } from "@keystead/contract/enum-names";
import { CertificatePurpose, CertificateUsage, SignatureScheme } from "@keystead/contract/generated/hsm/hsm_pb";
import { deleteKey } from "@keystead/contract/operations/delete-key";
import { generateCertificate } from "@keystead/contract/operations/generate-certificate";
import { generateCsr } from "@keystead/contract/operations/generate-csr";
import { generateKey } from "@keystead/contract/operations/generate-key";
import { getAuditLog } from "@keystead/contract/operations/get-audit-log";
import { getPublicKey } from "@keystead/contract/operations/get-public-key";
import { loadPublicKey, mechanismFor } from "@keystead/crypto/mechanisms/register";
import { readElement } from "@keystead/crypto/formats/der";
import { openssl, opensslAccepts, opensslSays } from "./openssl.ts";
import { served } from "./served.ts";
import { SURFACES, ask, type Door, type Surface } from "./surfaces.ts";
import { mint } from "./tokens.ts";

const here = served();
const given: typeof here.given = (...asked) => here.given(...asked);

/** Algorithm, how it signs, whether openssl 3.0 knows it. */
const WAYS: readonly (readonly [AlgorithmName, object, boolean])[] = [
  ["Ed25519", {}, true],
  ["Ed448", {}, true],
  ["ECDSA-P256", {}, true],
  ["ECDSA-P256", { digest: digestNumber("SHA-512") }, true],
  ["ECDSA-P384", {}, true],
  ["ECDSA-P521", {}, true],
  ["ECDSA-secp256k1", {}, true],
  ["RSA-2048", {}, true],
  ["RSA-2048", { digest: digestNumber("SHA-384") }, true],
  ["RSA-2048", { scheme: SignatureScheme.PKCS1 }, true],
  ["RSA-2048", { scheme: SignatureScheme.PKCS1, digest: digestNumber("SHA-512") }, true],
  ["ML-DSA-65", {}, false],
  ["SLH-DSA-SHA2-128f", {}, false],
  ["ML-DSA-65-Ed25519", {}, false],
];
const SUBJECT = "CN=api.example.com,O=Example\\, Inc.,C=DE";
const NAMES = {
  dnsNames: ["api.example.com"],
  ipAddresses: ["192.0.2.1", "2001:db8::1"],
  emailAddresses: ["ops@example.com"],
  uris: ["urn:example:api"],
};

const derOf = (pem: string): Buffer => Buffer.from(pem.replaceAll(/-----[^-]+-----|\s/g, ""), "base64");

/** What is signed and the signature, out of a signed structure. */
function partsOf(der: Buffer): { toBeSigned: Buffer; signature: Buffer } {
  const outer = readElement(der, 0);
  const first = readElement(der, outer?.start ?? 0);
  const second = readElement(der, first?.end ?? 0);
  const third = readElement(der, second?.end ?? 0);
  if (outer === undefined || first === undefined || third === undefined) throw new Error("not a signed structure");
  return { toBeSigned: der.subarray(outer.start, first.end), signature: der.subarray(third.start + 1, third.end) };
}

/** Whether the structure's signature is of the key, for what neither openssl nor Node's reader can check. */
function otherwiseVerified(algorithm: AlgorithmName, der: Buffer, spki: Buffer): boolean {
  const { toBeSigned, signature } = partsOf(der);
  if (algorithm === "ML-DSA-65-Ed25519")
    return mechanismFor(algorithm).signer?.verify(loadPublicKey(algorithm, spki), toBeSigned, signature, {}) === true;
  const publicKey = createPublicKey({ key: spki, format: "der", type: "spki" }).export({ format: "raw-public" });
  return (algorithm === "ML-DSA-65" ? ml_dsa65 : slh_dsa_sha2_128f).verify(signature, toBeSigned, publicKey);
}

for (const [index, [algorithm, way, known]] of WAYS.entries()) {
  const surface = SURFACES[index % SURFACES.length] as Surface;
  const keyId = `key-${index}`;

  test(`${algorithm} ${JSON.stringify(way)}: a request is the key's own and says what was asked for`, async () => {
    const { public_key: publicKey } = await given(surface, generateKey, { keyId, algorithm: algorithmNumber(algorithm) });
    const { csr, version } = await given(surface, generateCsr, {
      keyId,
      subject: SUBJECT,
      ...NAMES,
      keyUsage: [CertificateUsage.DIGITAL_SIGNATURE],
      purposes: [CertificatePurpose.SERVER_AUTH],
      ...way,
    });
    assert.equal(version, 1);
    if (!known) return assert.ok(otherwiseVerified(algorithm, derOf(csr as string), derOf(publicKey as string)));
    assert.match(opensslSays(["req", "-verify", "-noout", "-in", "{csr}"], { csr }), /verify OK/);
    const text = openssl(["req", "-noout", "-text", "-nameopt", "RFC2253", "-in", "{csr}"], { csr }).toString();
    assert.match(text, /Subject: CN=api\.example\.com,O=Example\\, Inc\.,C=DE/);
    assert.match(text, /DNS:api\.example\.com/);
    assert.match(text, /IP Address:192\.0\.2\.1, IP Address:2001:DB8:0:0:0:0:0:1/);
    assert.match(text, /TLS Web Server Authentication/);
    assert.match(text, /Digital Signature/);
    const pem = openssl(["req", "-noout", "-pubkey", "-in", "{csr}"], { csr }).toString();
    assert.ok(createPublicKey(pem).equals(createPublicKey(publicKey as string)));
    const changed = derOf(csr as string);
    changed[changed.length - 1] = (changed.at(-1) ?? 0) ^ 1;
    assert.doesNotMatch(opensslSays(["req", "-inform", "DER", "-verify", "-noout", "-in", "{csr}"], { csr: changed }), /verify OK/);
  });

  test(`${algorithm} ${JSON.stringify(way)}: its own certificate verifies, and so does one it signs for another key`, async () => {
    const own = await given(surface, generateCertificate, {
      keyId,
      subject: "CN=Root,O=Example",
      isCa: true,
      limitPath: true,
      pathLength: 0,
      keyUsage: [CertificateUsage.KEY_CERT_SIGN, CertificateUsage.CRL_SIGN],
      validityDays: 3650,
      ...way,
    });
    const leafId = `leaf-${index}`;
    const { public_key: leafKey } = await given("gRPC", generateKey, { keyId: leafId, algorithm: algorithmNumber("ECDSA-P256") });
    const leaf = await given(surface, generateCertificate, {
      keyId,
      subjectKeyId: leafId,
      issuer: "CN=Root,O=Example",
      subject: SUBJECT,
      ...NAMES,
      keyUsage: [CertificateUsage.DIGITAL_SIGNATURE],
      purposes: [CertificatePurpose.SERVER_AUTH],
      validityDays: 90,
      ...way,
    });
    const [root, certificate] = [own["certificate"] as string, leaf["certificate"] as string];
    const [readRoot, read] = [new X509Certificate(root), new X509Certificate(certificate)];
    assert.equal(read.serialNumber.toLowerCase(), leaf["serial_number"]);
    assert.equal(readRoot.ca, true);
    assert.equal(read.ca, false);
    assert.equal(
      read.subjectAltName,
      "email:ops@example.com, DNS:api.example.com, URI:urn:example:api, IP Address:192.0.2.1, IP Address:2001:DB8:0:0:0:0:0:1",
    );
    assert.ok(read.publicKey.equals(createPublicKey(leafKey as string)));
    assert.ok(Math.abs(Date.parse(read.validTo) - Date.parse(read.validFrom) - 90 * 86_400_000) < 1000);
    if (ALGORITHMS[algorithm].family === "composite") {
      const spki = derOf((await given("REST", getPublicKey, { keyId }))["public_key"]);
      for (const pem of [root, certificate]) assert.ok(otherwiseVerified(algorithm, derOf(pem), spki));
      const { public_key: another } = await given("REST", generateKey, { algorithm: algorithmNumber(algorithm) });
      assert.ok(!otherwiseVerified(algorithm, derOf(root), derOf(another)), "and not under any key");
    } else {
      assert.ok(read.checkIssued(readRoot));
      assert.ok(readRoot.verify(readRoot.publicKey), "Node verifies the root");
      assert.ok(read.verify(readRoot.publicKey), "Node verifies the leaf");
      assert.ok(!read.verify(read.publicKey), "and not under any key");
    }
    if (!known) return;
    const verify = ["verify", "-x509_strict", "-check_ss_sig", "-purpose", "sslserver", "-CAfile", "{root}", "{certificate}"];
    assert.ok(opensslAccepts(verify, { root, certificate }), "openssl verifies the chain");
    const other = await given("REST", generateCertificate, {
      keyId: leafId,
      subject: "CN=Root,O=Example",
      isCa: true,
      keyUsage: [CertificateUsage.KEY_CERT_SIGN],
      validityDays: 1,
    });
    assert.ok(!opensslAccepts(verify, { root: other["certificate"] as string, certificate }), "under another root it does not");
  });
}

test("under an authority that openssl made, the name and the key identifier are that authority's, and openssl verifies the chain", async () => {
  // The intermediate's key is here; openssl certifies it, with a key identifier of its own making.
  await given("REST", generateKey, { keyId: "intermediate", algorithm: algorithmNumber("ECDSA-P256") });
  await given("REST", generateKey, { keyId: "end", algorithm: algorithmNumber("Ed25519") });
  const { csr } = await given("REST", generateCsr, { keyId: "intermediate", subject: "CN=Intermediate,O=Gr\\C3\\BCn" });
  const rootKey = openssl(["genpkey", "-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:P-256"]);
  const root = openssl(
    ["req", "-x509", "-new", "-key", "{key}", "-subj", "/CN=Outside Root", "-days", "2", "-addext", "keyUsage=critical,keyCertSign"],
    { key: rootKey },
  ).toString();
  const made = (extensions: string): string =>
    openssl(["x509", "-req", "-in", "{csr}", "-CA", "{root}", "-CAkey", "{key}", "-days", "2", "-extfile", "{extensions}"], {
      csr: csr as string,
      root,
      key: rootKey,
      extensions,
    }).toString();
  const intermediate = made(
    "basicConstraints=critical,CA:TRUE\nsubjectKeyIdentifier=hash\nauthorityKeyIdentifier=keyid\nkeyUsage=keyCertSign\n",
  );
  const base = { keyId: "intermediate", subjectKeyId: "end", subject: "CN=end", validityDays: 1 };
  for (const surface of SURFACES) {
    const { certificate } = await given(surface, generateCertificate, { ...base, issuerCertificate: intermediate });
    const [leaf, above] = [new X509Certificate(certificate as string), new X509Certificate(intermediate)];
    assert.ok(leaf.checkIssued(above) && leaf.verify(above.publicKey));
    const files = { root, intermediate, certificate: certificate as string };
    assert.match(
      opensslSays(["verify", "-x509_strict", "-CAfile", "{root}", "-untrusted", "{intermediate}", "{certificate}"], files),
      /: OK\n/,
    );
  }
  const bare = made("basicConstraints=CA:TRUE\nsubjectKeyIdentifier=none\n");
  const underBare = await given("REST", generateCertificate, { ...base, issuerCertificate: bare });
  const files = { root, intermediate: bare, certificate: underBare["certificate"] as string };
  assert.ok(opensslAccepts(["verify", "-CAfile", "{root}", "-untrusted", "{intermediate}", "{certificate}"], files));
  for (const issuerCertificate of [
    root,
    made("basicConstraints=CA:FALSE\n"),
    intermediate + intermediate,
    intermediate.slice(0, -60),
    "nonsense",
  ])
    assert.equal((await ask("REST", here.door, generateCertificate, { ...base, issuerCertificate })).code, "INVALID_REQUEST");
  const both = { ...base, issuerCertificate: intermediate, issuer: "CN=Intermediate" };
  assert.equal((await ask("REST", here.door, generateCertificate, both)).code, "INVALID_REQUEST");
});

test("what is wrong in a request for a certificate is refused on every surface, and recorded", async () => {
  const base = { keyId: "key-0", subject: "CN=x", validityDays: 1 };
  for (const surface of SURFACES) {
    for (const [request, code] of [
      [{ ...base, subject: "no name" }, "INVALID_REQUEST"],
      [{ ...base, validityDays: 0 }, "INVALID_REQUEST"],
      [{ ...base, validityDays: 40_000 }, "INVALID_REQUEST"],
      [{ ...base, issuer: "CN=somebody else" }, "INVALID_REQUEST"],
      [{ ...base, subjectKeyId: "leaf-0" }, "INVALID_REQUEST"],
      [{ ...base, subjectKeyId: "leaf-0", issuer: "nonsense" }, "INVALID_REQUEST"],
      [{ ...base, subjectKeyId: "missing", issuer: "CN=x" }, "OBJECT_NOT_FOUND"],
      [{ ...base, pathLength: 1 }, "INVALID_REQUEST"],
      [{ ...base, keyUsage: [CertificateUsage.KEY_CERT_SIGN] }, "INVALID_REQUEST"],
      [{ ...base, dnsNames: ["a..b"] }, "INVALID_REQUEST"],
      [{ ...base, digest: digestNumber("SHA-256") }, "MECHANISM_PARAM_INVALID"],
      [{ ...base, scheme: SignatureScheme.PREHASH }, "MECHANISM_PARAM_INVALID"],
      [{ ...base, keyId: "missing" }, "OBJECT_NOT_FOUND"],
    ] as const)
      assert.equal(
        (await ask(surface, here.door, generateCertificate, request as never)).code,
        code,
        `${JSON.stringify(request)} over ${surface}`,
      );
  }
  await given("REST", generateKey, { keyId: "secret", algorithm: algorithmNumber("AES-256-GCM") });
  const aboutSecret = { ...base, subjectKeyId: "secret", issuer: "CN=x" };
  assert.equal((await ask("REST", here.door, generateCertificate, aboutSecret)).code, "MECHANISM_NOT_SUPPORTED");
  await given("REST", generateKey, { keyId: "gone", algorithm: algorithmNumber("Ed25519") });
  await given("REST", deleteKey, { keyId: "gone" });
  assert.equal((await ask("REST", here.door, generateCertificate, { ...aboutSecret, subjectKeyId: "gone" })).code, "KEY_STATE_FORBIDS");
  const { events } = await given("REST", getAuditLog, { action: "GenerateCertificate", pageSize: 1000 });
  const outcomes = new Set((events as { outcome: string }[]).map(({ outcome }) => outcome));
  for (const outcome of ["OK", "INVALID_REQUEST", "MECHANISM_PARAM_INVALID", "OBJECT_NOT_FOUND", "KEY_STATE_FORBIDS"])
    assert.ok(outcomes.has(outcome), outcome);
});

test("who may not sign may not certify", async () => {
  const { origin, ca } = here.door as { origin: string; ca: string };
  for (const role of ["KeyAdmin", "NamespaceAdmin", "Auditor"]) {
    const as: Door = { origin, ca, token: await mint(here.server.credential("token-key.pem"), { roles: [role] }) };
    assert.equal((await ask("REST", as, generateCsr, { keyId: "key-0", subject: "CN=x" })).code, "PERMISSION_DENIED", role);
    const request = { keyId: "key-0", subject: "CN=x", validityDays: 1 };
    assert.equal((await ask("REST", as, generateCertificate, request)).code, "PERMISSION_DENIED", role);
  }
});
