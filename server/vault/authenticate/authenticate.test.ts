import "reflect-metadata";
import assert from "node:assert/strict";
import {
  createHash,
  createHmac,
  createPublicKey,
  generateKeyPairSync,
  randomBytes,
  sign as signBytes,
  webcrypto,
  type KeyObject,
} from "node:crypto";
import { test } from "node:test";
import * as x509 from "@peculiar/x509";
import { LISTENER, decodeCall, encodeCall, type DecodedCall, type Evidence } from "@keystead/channel/call";
import type { CertificateBinding, JwtKeySet } from "@keystead/contract/config";
import { HsmError } from "@keystead/contract/errors";
import { Authenticator, ceremonyPrincipal, type AuthenticatorOptions } from "./authenticate.ts";
import { parseAuthorities } from "./certificate.ts";
import type { Principal } from "./principal.ts";
import { type LoadedKeySet, parseKeySet } from "./token.ts";

const NOW = Date.parse("2026-06-01T12:00:00Z");
const NOW_SECONDS = NOW / 1000;
const DAY = 86_400;

const rsa = generateKeyPairSync("rsa", { modulusLength: 2048 });
const ec = generateKeyPairSync("ec", { namedCurve: "P-256" });
const ed = generateKeyPairSync("ed25519");
const secret = randomBytes(32);
const stranger = generateKeyPairSync("ed25519");

const SET: JwtKeySet = {
  path: "/keys.json",
  issuer: "https://idp.example",
  audience: "keystead",
  leewaySeconds: 5,
  allowedRoles: ["KeyUser", "auditor"],
  namespaces: ["default", "team"],
};
const jwk = (key: KeyObject, kid: string): object => ({ ...key.export({ format: "jwk" }), kid });
const KEYS = JSON.stringify({
  keys: [
    jwk(rsa.publicKey, "rsa"),
    jwk(ec.publicKey, "ec"),
    jwk(ed.publicKey, "ed"),
    { kty: "oct", k: secret.toString("base64url"), kid: "mac" },
  ],
});
const keySet = (more: Partial<JwtKeySet> = {}, keys = KEYS): ReturnType<typeof parseKeySet> => parseKeySet(keys, { ...SET, ...more });

const b64 = (value: object | string): string =>
  Buffer.from(typeof value === "string" ? value : JSON.stringify(value), "utf8").toString("base64url");
type Signer = (input: string) => Buffer;
const byEd: Signer = (input) => signBytes(undefined, Buffer.from(input), ed.privateKey);
const byRsa: Signer = (input) => signBytes("sha256", Buffer.from(input), rsa.privateKey);
const byEc: Signer = (input) => signBytes("sha256", Buffer.from(input), { key: ec.privateKey, dsaEncoding: "ieee-p1363" });
const byMac =
  (key: Buffer): Signer =>
  (input) =>
    createHmac("sha256", key).update(input).digest();
const CLAIMS = { iss: SET.issuer, aud: SET.audience, sub: "alice", jti: "1", exp: NOW_SECONDS + 60, roles: ["KeyUser"] };

function token(claims: object | string = {}, header: object | string = {}, sign: Signer = byEd): string {
  const head = typeof header === "string" ? header : JSON.stringify({ alg: "EdDSA", kid: "ed", ...header });
  const body = typeof claims === "string" ? claims : JSON.stringify({ ...CLAIMS, ...claims });
  const input = `${b64(head)}.${b64(body)}`;
  return `${input}.${sign(input).toString("base64url")}`;
}

const call = (more: Partial<Evidence>): DecodedCall =>
  decodeCall(
    encodeCall(
      { listener: LISTENER.tls, address: "::1", requestId: "r", trace: "", token: "", certificate: Buffer.alloc(0), ...more },
      Buffer.alloc(0),
    ) as Buffer,
  );
const authenticator = (more: Partial<AuthenticatorOptions> = {}): Authenticator =>
  new Authenticator({ authorities: [], certificates: [], keySets: [keySet()], developmentPrincipal: undefined, now: () => NOW, ...more });
const by = (bearer: string, more: Partial<AuthenticatorOptions> = {}): Promise<Principal> =>
  authenticator(more).authenticate(call({ token: bearer }));

async function refused(attempt: Promise<Principal>, what: string): Promise<void> {
  const error = await attempt.then(
    () => assert.fail(`${what} was let in`),
    (thrown: unknown) => thrown,
  );
  assert.ok(error instanceof HsmError, `${what}: ${String(error)}`);
  assert.deepEqual(
    [error.code, error.detail, error.cause, error.retryAfterSeconds],
    ["UNAUTHENTICATED", "authentication failed", undefined, undefined],
    what,
  );
}

test("a good token of every algorithm says who it is, and what its key set lets it do", async () => {
  for (const bearer of [
    token(),
    token({}, { alg: "RS256", kid: "rsa" }, byRsa),
    token({}, { alg: "ES256", kid: "ec" }, byEc),
    token({}, { alg: "HS256", kid: "mac" }, byMac(secret)),
    token({}, '{"alg":"EdDSA"}'),
    token({ aud: ["other", SET.audience] }),
    token({ nbf: NOW_SECONDS }),
  ]) {
    const principal = await by(bearer);
    assert.deepEqual(
      [principal.id, principal.method, principal.roles, principal.defaultNamespace, principal.validUntil],
      ["jwt:https://idp.example:alice", "token", ["KeyUser"], "default", NOW + 65_000],
    );
    assert.deepEqual(principal.namespaces, new Set(["default", "team"]));
    assert.ok(principal.permissions.has("crypto:sign") && !principal.permissions.has("key:create"));
  }
});

const without = (name: keyof typeof CLAIMS): string => {
  const { [name]: _gone, ...rest } = CLAIMS;
  return JSON.stringify(rest);
};
const pemOf = (key: KeyObject): Buffer => Buffer.from(key.export({ format: "pem", type: "spki" }));
const derOf = (key: KeyObject): Buffer => key.export({ format: "der", type: "spki" });
const flipped = (bearer: string, part: number): string =>
  bearer
    .split(".")
    .map((text, index) => (index === part ? `${text.slice(0, 5)}${text[5] === "A" ? "B" : "A"}${text.slice(6)}` : text))
    .join(".");
const claimsTwice = (text: string): string => `${JSON.stringify(CLAIMS).slice(0, -1)},${text}}`;

const FORGED: readonly (readonly [string, () => string])[] = [
  ["alg none", () => token({}, { alg: "none" }, () => Buffer.alloc(0))],
  ["alg None, with a kid", () => token({}, { alg: "None", kid: "ed" }, () => Buffer.alloc(0))],
  ["no alg", () => token({}, '{"kid":"ed"}')],
  ["HS256 with the RSA public key as secret (PEM)", () => token({}, { alg: "HS256", kid: "rsa" }, byMac(pemOf(rsa.publicKey)))],
  ["HS256 with the RSA public key as secret (DER)", () => token({}, { alg: "HS256", kid: "rsa" }, byMac(derOf(rsa.publicKey)))],
  ["HS256 with the RSA public key as secret, no kid", () => token({}, '{"alg":"HS256"}', byMac(pemOf(rsa.publicKey)))],
  ["HS256 with an empty secret", () => token({}, { alg: "HS256", kid: "mac" }, byMac(Buffer.alloc(0)))],
  [
    "HS384 with the right secret",
    () => token({}, { alg: "HS384", kid: "mac" }, (input) => createHmac("sha384", secret).update(input).digest()),
  ],
  [
    "RS512 by the right key",
    () => token({}, { alg: "RS512", kid: "rsa" }, (input) => signBytes("sha512", Buffer.from(input), rsa.privateKey)),
  ],
  ["an algorithm that is not the key's", () => token({}, { alg: "RS256", kid: "ed" })],
  [
    "a DER signature for ES256",
    () => token({}, { alg: "ES256", kid: "ec" }, (input) => signBytes("sha256", Buffer.from(input), ec.privateKey)),
  ],
  ["an all-zero ES256 signature", () => token({}, { alg: "ES256", kid: "ec" }, () => Buffer.alloc(64))],
  ["another key's signature", () => token({}, {}, (input) => signBytes(undefined, Buffer.from(input), stranger.privateKey))],
  [
    "its own key in the header",
    () =>
      token({}, { jwk: stranger.publicKey.export({ format: "jwk" }) }, (input) =>
        signBytes(undefined, Buffer.from(input), stranger.privateKey),
      ),
  ],
  ["a wrong audience", () => token({ aud: "keystead2" })],
  ["no audience", () => token(without("aud"))],
  ["an audience list without ours", () => token({ aud: ["a", "b"] })],
  ["a wrong issuer", () => token({ iss: "https://idp.example/" })],
  ["no issuer", () => token(without("iss"))],
  ["an issuer list", () => token({ iss: [SET.issuer] })],
  ["expired", () => token({ exp: NOW_SECONDS - 6 })],
  ["no expiry", () => token(without("exp"))],
  ["an expiry that is text", () => token({ exp: String(NOW_SECONDS + 60) })],
  ["an expiry in the far future", () => token({ exp: NOW_SECONDS + DAY + 6 })],
  ["an expiry in milliseconds", () => token({ exp: NOW + 60_000 })],
  ["an infinite expiry", () => token(JSON.stringify(CLAIMS).replace(String(CLAIMS.exp), "1e999"))],
  ["not yet valid", () => token({ nbf: NOW_SECONDS + 60 })],
  ["no jti", () => token(without("jti"))],
  ["an empty jti", () => token({ jti: "" })],
  ["a jti that is a number", () => token({ jti: 1 })],
  ["a jti without end", () => token({ jti: "x".repeat(257) })],
  ["no subject", () => token(without("sub"))],
  ["an empty subject", () => token({ sub: "" })],
  ["a subject that is an object", () => token({ sub: { toString: "alice" } })],
  ["a subject without end", () => token({ sub: "x".repeat(257) })],
  ["a crit header", () => token({}, { crit: ["exp"] })],
  ["an empty crit header", () => token({}, { crit: [] })],
  ["a crit header of b64", () => token({}, { crit: ["b64"], b64: false })],
  ["an unknown kid", () => token({}, { kid: "none" })],
  ["a kid that is a number", () => token({}, { kid: 7 })],
  ["a kid of the prototype", () => token({}, { kid: "__proto__" })],
  ["the expiry twice", () => token(claimsTwice(`"exp":${NOW_SECONDS + 120}`))],
  ["the subject twice", () => token(claimsTwice('"sub":"root"'))],
  ["the roles twice", () => token(claimsTwice('"roles":["KeyUser"]'))],
  ["the algorithm twice", () => token({}, '{"alg":"none","alg":"EdDSA","kid":"ed"}')],
  ["a changed header", () => flipped(token(), 0)],
  ["changed claims", () => flipped(token(), 1)],
  ["a changed signature", () => flipped(token(), 2)],
  ["no signature", () => `${token().split(".").slice(0, 2).join(".")}.`],
  ["two parts", () => token().split(".").slice(0, 2).join(".")],
  ["four parts", () => `${token()}.x`],
  ["five parts, as if encrypted", () => `${token()}.x.y`],
  ["claims that are an array", () => token("[]")],
  ["claims that are null", () => token("null")],
  ["claims that are no JSON", () => token("{")],
  ["a header that is null", () => token({}, "null")],
  ["a header that is a number", () => token({}, "1")],
  ["nothing but dots", () => ".."],
  ["one word", () => "unusable"],
  ["16 KiB of letters", () => "a".repeat(16 * 1024)],
  ["bytes", () => "\u0000\u00ff\u0001.\u00ff.\u00ff"],
];

for (const [what, forge] of FORGED) test(`token refused with the one answer: ${what}`, () => refused(by(forge()), what));

test("a token's roles count only as far as its key set allows them, in any spelling", async () => {
  assert.deepEqual((await by(token({ roles: ["Administrator", "KeyUser", "Auditor", "admin", "__proto__", 7, "nobody"] }))).roles, [
    "KeyUser",
    "Auditor",
  ]);
  assert.deepEqual((await by(token({ roles: undefined, role: "auditor" }))).roles, ["Auditor"]);
  for (const roles of [[], ["Administrator"], "Administrator", 7, null, { 0: "KeyUser" }]) {
    const { permissions } = await by(token({ roles }));
    assert.equal(permissions.size, 0, JSON.stringify(roles));
  }
});

test("a token's namespaces can only narrow its key set's", async () => {
  const reach = async (namespaces: unknown, more: Partial<JwtKeySet> = {}): Promise<unknown> =>
    (await by(token({ namespaces }), { keySets: [keySet(more)] })).namespaces;
  assert.deepEqual(await reach(undefined), new Set(["default", "team"]));
  assert.deepEqual(await reach(["team"]), new Set(["team"]));
  assert.deepEqual(await reach("team"), new Set(["team"]));
  assert.deepEqual(await reach(["team", "other", "*", ""]), new Set(["team"]));
  assert.deepEqual(await reach(["other"], { namespaces: ["*"] }), new Set(["other"]));
  assert.equal(await reach(["*"], { namespaces: ["*"] }), "all");
  assert.equal(await reach(undefined, { namespaces: ["*"] }), "all");
  // A claim that names nothing reaches nothing: it was made to narrow.
  for (const nothing of [["other"], ["*"], [], "", [7], {}, null, 0]) {
    for (const namespaces of [["default", "team"], ["*"]]) {
      if (namespaces[0] === "*" && Array.isArray(nothing) && typeof nothing[0] === "string") continue;
      assert.deepEqual(await reach(nothing, { namespaces }), new Set(), JSON.stringify([nothing, namespaces]));
    }
  }
});

test("two issuers never make one principal, however the words are cut", async () => {
  const sets = [keySet({ issuer: "a" }), keySet({ issuer: "a:b" })];
  const [first, second] = await Promise.all([
    by(token({ iss: "a", sub: "b:c" }), { keySets: sets }),
    by(token({ iss: "a:b", sub: "c" }), { keySets: sets }),
  ]);
  assert.notEqual(first.id, second.id);
});

test("a key set file with anything but public verification keys is refused, and never quoted", () => {
  const small = generateKeyPairSync("rsa", { modulusLength: 1024 });
  for (const keys of [
    "",
    "[]",
    "null",
    '{"keys":1}',
    '{"keys":[{}]}',
    '{"keys":[null]}',
    JSON.stringify({ keys: [ed.privateKey.export({ format: "jwk" })] }),
    JSON.stringify({ keys: [jwk(small.publicKey, "s")] }),
    '{"keys":[{"kty":"oct","k":"c2hvcnQ"}]}',
    '{"keys":[{"kty":"oct"}]}',
    JSON.stringify({ keys: [{ ...jwk(ed.publicKey, "x"), alg: "HS256" }] }),
    JSON.stringify({ keys: [{ ...jwk(ed.publicKey, "x"), use: "enc" }] }),
    JSON.stringify({ keys: [{ ...jwk(ec.publicKey, "x"), x: "AA" }] }),
  ]) {
    assert.throws(
      () => parseKeySet(keys, SET),
      (error: unknown) =>
        error instanceof HsmError &&
        error.code === "INVALID_REQUEST" &&
        error.detail.includes("/keys.json") &&
        !error.detail.includes("c2hvcnQ"),
      keys,
    );
  }
});

test("a verified token is remembered by its exact bytes, until it expires or the key sets change", async () => {
  let now = NOW;
  const subject = authenticator({ now: () => now });
  const asked = call({ token: token() });
  assert.equal(subject.remembered(asked), undefined);
  const principal = await subject.authenticate(asked);
  assert.equal(subject.remembered(call({ token: token() })), principal);
  assert.equal(subject.remembered(call({ token: token({ jti: "2" }) })), undefined);
  assert.equal(subject.remembered(call({ token: flipped(token(), 2) })), undefined);
  now = NOW + 65_000;
  assert.equal(subject.remembered(asked), undefined);
  now = NOW;
  await subject.authenticate(asked);
  assert.ok(subject.remembered(asked));
  subject.replaceKeySets([keySet({}, JSON.stringify({ keys: [jwk(rsa.publicKey, "rsa")] }))]);
  assert.equal(subject.remembered(asked), undefined);
  await refused(subject.authenticate(asked), "a token of a removed key");
});

test("a verdict reached under key sets that were replaced meanwhile is not remembered", async () => {
  const subject = authenticator();
  const asked = call({ token: token() });
  const verdict = subject.authenticate(asked);
  subject.replaceKeySets([]);
  await verdict.catch(() => undefined);
  assert.equal(subject.remembered(asked), undefined);
});

test("the development listener is a principal only where one is configured, and never with a credential", async () => {
  const development = call({ listener: LISTENER.development });
  assert.equal(authenticator().remembered(development), undefined);
  await refused(authenticator().authenticate(development), "development listener");
  const configured = authenticator({ developmentPrincipal: "development" });
  assert.equal(configured.remembered(development)?.id, "development");
  assert.equal(configured.remembered(call({})), undefined);
  await refused(configured.authenticate(call({})), "no credential over TLS");
  const wrong = call({ listener: LISTENER.development, token: "unusable" });
  assert.equal(configured.remembered(wrong), undefined);
  await refused(configured.authenticate(wrong), "a wrong token on the development listener");
});

test("failures are counted", async () => {
  const subject = authenticator();
  await subject.authenticate(call({})).catch(() => undefined);
  await subject.authenticate(call({ token: "x" })).catch(() => undefined);
  assert.deepEqual([subject.counters.failures, subject.counters.tokenFailures.malformed], [2, 1]);
});

// ---- certificates

x509.cryptoProvider.set(webcrypto as never);
const ALG = { name: "ECDSA", namedCurve: "P-256", hash: "SHA-256" } as const;
const CLIENT = "1.3.6.1.5.5.7.3.2";
const SERVER = "1.3.6.1.5.5.7.3.1";
const YEAR = 365 * DAY * 1000;
const at = (offset: number): Date => new Date(NOW + offset);

interface Wanted {
  readonly subject?: string;
  readonly eku?: readonly string[];
  readonly ca?: boolean;
  readonly from?: Date;
  readonly to?: Date;
  readonly uris?: readonly string[];
}

type Pair = Awaited<ReturnType<typeof newPair>>;
const newPair = () =>
  webcrypto.subtle.generateKey(ALG, true, ["sign", "verify"]) as unknown as Promise<{ privateKey: never; publicKey: never }>;

async function certificate(signer: { keys: Pair; name: string }, wanted: Wanted, keys?: Pair): Promise<Buffer> {
  const { subject = "CN=alice", eku = [CLIENT], ca = false, from = at(-YEAR), to = at(YEAR), uris = [] } = wanted;
  const made = await x509.X509CertificateGenerator.create({
    serialNumber: randomBytes(8).toString("hex").replace(/^./, "1"),
    subject,
    issuer: signer.name,
    notBefore: from,
    notAfter: to,
    signingAlgorithm: ALG,
    publicKey: (keys ?? (await newPair())).publicKey,
    signingKey: signer.keys.privateKey,
    extensions: [
      new x509.BasicConstraintsExtension(ca, undefined, true),
      ...(eku.length === 0 ? [] : [new x509.ExtendedKeyUsageExtension([...eku])]),
      ...(uris.length === 0 ? [] : [new x509.SubjectAlternativeNameExtension(uris.map((value) => ({ type: "url" as const, value })))]),
    ],
  });
  return Buffer.from(made.rawData);
}

const pem = (der: Buffer): string =>
  `-----BEGIN CERTIFICATE-----\n${der.toString("base64").replace(/.{64}/g, "$&\n")}\n-----END CERTIFICATE-----\n`;
const authority = async (name: string, wanted: Wanted = {}): Promise<{ keys: Pair; name: string; der: Buffer }> => {
  const signer = { keys: await newPair(), name };
  return { ...signer, der: await certificate(signer, { subject: name, ca: true, eku: [], ...wanted }, signer.keys) };
};

const ca = await authority("CN=CA");
const impostor = await authority("CN=CA");
const deadCa = await authority("CN=Dead", { to: at(-1000) });
const notCa = await authority("CN=Plain", { ca: false });
const byName: CertificateBinding = { match: { commonName: "alice" }, principal: "alice", roles: ["KeyUser"], namespaces: ["default"] };
const byUri: CertificateBinding = { match: { sanUri: "spiffe://x/y" }, principal: "service", roles: ["Service"], namespaces: ["*"] };
const certified = (more: Partial<AuthenticatorOptions> = {}): Authenticator =>
  authenticator({
    authorities: parseAuthorities([ca, deadCa, notCa].map(({ der }) => pem(der)).join("text between\n")),
    certificates: [byName, byUri],
    ...more,
  });
const byCertificate = (der: Buffer, more: Partial<AuthenticatorOptions> = {}): Promise<Principal> =>
  certified(more).authenticate(call({ certificate: der }));

test("a bound certificate of our authority is its principal: fingerprint before URI before common name", async () => {
  const der = await certificate(ca, {});
  const principal = await byCertificate(der);
  assert.deepEqual(
    [principal.id, principal.method, principal.roles, principal.defaultNamespace],
    ["cert:alice", "certificate", ["KeyUser"], "default"],
  );
  assert.equal((await byCertificate(await certificate(ca, { eku: [] }))).id, "cert:alice");
  assert.equal((await byCertificate(await certificate(ca, { eku: [SERVER, CLIENT] }))).id, "cert:alice");
  const both = await certificate(ca, { uris: ["spiffe://x/y"] });
  assert.equal((await byCertificate(both)).id, "cert:service");
  const print = createHash("sha256")
    .update(both)
    .digest("hex")
    .toUpperCase()
    .replace(/..(?=.)/g, "$&:");
  assert.equal(
    (await byCertificate(both, { certificates: [byName, byUri, { ...byUri, match: { fingerprintSha256: print }, principal: "printed" }] }))
      .id,
    "cert:printed",
  );
});

const BAD: readonly (readonly [string, () => Promise<Buffer>])[] = [
  ["expired", () => certificate(ca, { to: at(-1000) })],
  ["not valid yet", () => certificate(ca, { from: at(1000) })],
  ["of another authority with the same name", () => certificate(impostor, {})],
  ["of an authority that has expired", () => certificate(deadCa, {})],
  ["of a trusted certificate that is no authority", () => certificate(notCa, {})],
  ["that is an authority itself", () => certificate(ca, { ca: true })],
  ["the authority's own", async () => ca.der],
  ["for servers only", () => certificate(ca, { eku: [SERVER] })],
  [
    "self-signed",
    async () => {
      const keys = await newPair();
      return certificate({ keys, name: "CN=alice" }, {}, keys);
    },
  ],
  ["with a name nobody is bound to", () => certificate(ca, { subject: "CN=mallory" })],
  ["with two common names", () => certificate(ca, { subject: "CN=alice, CN=mallory" })],
  ["with two common names, the other first", () => certificate(ca, { subject: "CN=mallory, CN=alice" })],
  ["with a second common name beside another attribute", () => certificate(ca, { subject: "CN=alice, OU=x+CN=mallory" })],
  ["whose name only looks the part", () => certificate(ca, { subject: "CN=alice\\0ACN\\=alice" })],
  ["whose organisation says it", () => certificate(ca, { subject: "O=CN\\=alice, CN=mallory" })],
  ["with the name in other letters", () => certificate(ca, { subject: "CN=Alice" })],
  ["with a URI that hides ours", () => certificate(ca, { subject: "CN=mallory", uris: ["http://a, URI:spiffe://x/y"] })],
  ["cut short", async () => (await certificate(ca, {})).subarray(0, 100)],
  ["that is none", async () => Buffer.from("certificate")],
];

for (const [what, make] of BAD)
  test(`certificate refused with the one answer: ${what}`, async () => refused(byCertificate(await make()), what));

test("with changed bytes, a certificate is nobody's", async () => {
  const der = await certificate(ca, {});
  for (let index = 0; index < der.length; index += 7) {
    const changed = Buffer.from(der);
    changed[index] = (changed[index] as number) ^ 1;
    await byCertificate(changed).then(
      () => assert.fail(`byte ${index}`),
      (error: HsmError) => assert.equal(error.code, "UNAUTHENTICATED"),
    );
  }
});

test("token and certificate together must both hold; then the token says who it is, for as long as both do", async () => {
  const der = await certificate(ca, { to: at(30_000) });
  const both = certified();
  const principal = await both.authenticate(call({ token: token(), certificate: der }));
  assert.equal(principal.id, "jwt:https://idp.example:alice");
  assert.ok(principal.validUntil <= NOW + 30_000, "remembered beyond the certificate");
  for (const [what, make] of BAD)
    await refused(certified().authenticate(call({ token: token(), certificate: await make() })), `good token, certificate ${what}`);
  for (const [what, forge] of FORGED.slice(0, 20))
    await refused(certified().authenticate(call({ token: forge(), certificate: der })), `good certificate, token ${what}`);
});

test("a certificate's verdict is looked at again within a minute, and at its end", async () => {
  assert.ok((await byCertificate(await certificate(ca, {}))).validUntil <= NOW + 60_000);
  assert.equal((await byCertificate(await certificate(ca, { to: at(30_000) }))).validUntil, NOW + 30_000);
});

test("no two ways of proving oneself make the same principal", async () => {
  const ids = [
    (await byCertificate(await certificate(ca, {}))).id,
    (await by(token())).id,
    ceremonyPrincipal("alice", []).id,
    authenticator({ developmentPrincipal: "alice" }).remembered(call({ listener: LISTENER.development }))?.id,
  ];
  assert.equal(new Set(ids).size, 4);
  assert.equal(createPublicKey(rsa.privateKey).type, "public");
});

test("who is recalled is who could come in now, with what he had and still has, and never with more", async () => {
  const was = { id: "jwt:https://idp.example:alice", method: "token", roles: ["KeyUser", "Auditor"], namespaces: ["a", "b"] } as const;
  const recalled = (keySets: readonly LoadedKeySet[], more: Partial<typeof was> = {}): readonly unknown[] | undefined => {
    const found = authenticator({ keySets }).recall({ ...was, ...more });
    return found === undefined ? undefined : [found.id, found.roles, found.namespaces === "all" ? "all" : [...found.namespaces]];
  };
  const set = (config: Partial<LoadedKeySet["config"]>): LoadedKeySet => ({ ...keySet(), config: { ...keySet().config, ...config } });
  assert.deepEqual(recalled([set({ allowedRoles: ["KeyUser", "Administrator"], namespaces: ["*"] })]), [was.id, ["KeyUser"], ["a", "b"]]);
  assert.deepEqual(recalled([set({ allowedRoles: ["KeyUser"], namespaces: ["b", "c"] })]), [was.id, ["KeyUser"], ["b"]]);
  assert.deepEqual(recalled([set({ allowedRoles: ["Administrator"], namespaces: [] })]), [was.id, [], []]);
  assert.equal(recalled([set({ issuer: "https://idp.example:alice" })]), undefined);
  assert.deepEqual(recalled([set({ allowedRoles: [], roles: ["Auditor"], namespaces: ["a"] })]), [was.id, ["Auditor"], ["a"]]);
  const provider = {
    ...set({ issuer: "https://op.example", allowedRoles: [] }),
    oidc: {
      issuer: "https://op.example",
      clientId: "c",
      leewaySeconds: 60,
      boundClaims: [],
      mappings: [{ claim: "groups", prefix: "g", roles: ["KeyUser"], namespaces: ["a"] }],
    },
  };
  assert.deepEqual(recalled([provider], { id: "oidc:https://op.example:alice" as never }), [
    "oidc:https://op.example:alice",
    ["KeyUser"],
    ["a"],
  ]);
  assert.equal(recalled([provider], { id: "jwt:https://op.example:alice" as never }), undefined);
  assert.equal(authenticator({ keySets: [set({})] }).recall({ ...was, mfaAt: 5 })?.mfaAt, 5);
  assert.equal(recalled([]), undefined);
  assert.equal(recalled([set({})], { method: "certificate" as never }), undefined);

  const binding = (principal: string, roles: readonly string[], namespaces: readonly string[]) => ({
    match: { commonName: principal },
    principal,
    roles,
    namespaces,
  });
  const certified = authenticator({ certificates: [binding("bob", ["KeyUser"], ["a"]), binding("bob", ["Auditor"], ["*"])] });
  const bob = certified.recall({ id: "cert:bob", method: "certificate", roles: ["Auditor", "KeyAdmin"], namespaces: ["b"] });
  assert.deepEqual([bob?.roles, [...(bob?.namespaces as ReadonlySet<string>)]], [["Auditor"], ["b"]]);
  assert.equal(certified.recall({ id: "cert:eve", method: "certificate", roles: [], namespaces: "all" }), undefined);
  assert.equal(certified.recall({ id: "ceremony:bob", method: "ceremony", roles: [], namespaces: "all" }), undefined);
});
