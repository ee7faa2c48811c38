import assert from "node:assert/strict";
import { generateKeyPairSync, sign as signBytes } from "node:crypto";
import { test } from "node:test";
import fc from "fast-check";
import { LISTENER, decodeCall, encodeCall } from "@keystead/channel/call";
import type { BoundClaim, JwtKeySet, OidcProvider } from "@keystead/contract/config";
import { Authenticator } from "./authenticate.ts";
import { claimFits } from "../claims.ts";
import { discoveryUrl, keysUrlOf } from "./oidc.ts";
import type { Principal } from "./principal.ts";
import { parseForeignKeySet } from "./token.ts";

const NOW = Date.parse("2026-06-01T12:00:00Z");
const SECONDS = NOW / 1000;
const rsa = generateKeyPairSync("rsa", { modulusLength: 2048 });
const KEYS = JSON.stringify({ keys: [{ ...rsa.publicKey.export({ format: "jwk" }), kid: "k", use: "sig" }] });

type Claims = Readonly<Record<string, unknown>>;
function token(claims: Claims, header: object = {}): string {
  const part = (value: object): string => Buffer.from(JSON.stringify(value)).toString("base64url");
  const input = `${part({ alg: "RS256", kid: "k", typ: "JWT", ...header })}.${part({ iat: SECONDS, exp: SECONDS + 3600, ...claims })}`;
  return `${input}.${signBytes("sha256", Buffer.from(input), rsa.privateKey).toString("base64url")}`;
}

const authenticator = (more: {
  provider?: OidcProvider;
  keySet?: JwtKeySet;
  unknownKey?: (issuer: string) => Promise<boolean>;
}): Authenticator => {
  const { provider, keySet, unknownKey } = more;
  const nothing = { leewaySeconds: 60, allowedRoles: [], namespaces: [] };
  return new Authenticator({
    authorities: [],
    certificates: [],
    keySets: [
      ...(provider === undefined
        ? []
        : [parseForeignKeySet(KEYS, { ...nothing, issuer: provider.issuer, audience: provider.clientId }, provider)]),
      ...(keySet === undefined ? [] : [parseForeignKeySet(KEYS, keySet)]),
    ],
    ...(unknownKey === undefined ? {} : { unknownKey }),
    developmentPrincipal: undefined,
    now: () => NOW,
  });
};
const show = (subject: Authenticator, bearer: string): Promise<Principal> =>
  subject.authenticate(
    decodeCall(
      encodeCall(
        { listener: LISTENER.tls, address: "::1", requestId: "r", trace: "", token: bearer, certificate: Buffer.alloc(0) },
        Buffer.alloc(0),
      ) as Buffer,
    ),
  );
const refused = (attempt: Promise<Principal>, what: string): Promise<void> =>
  assert.rejects(attempt, { code: "UNAUTHENTICATED", detail: "authentication failed" }, what);

const provider = (more: Partial<OidcProvider>): OidcProvider => ({
  issuer: "https://idp.example",
  clientId: "keystead",
  leewaySeconds: 60,
  boundClaims: [],
  mappings: [
    { claim: "groups", oneOf: ["admins"], roles: ["Administrator"], namespaces: ["*"] },
    { claim: "groups", oneOf: ["users", "guests"], roles: ["KeyUser"], namespaces: ["team"] },
  ],
  ...more,
});
const GOOD = { iss: "https://idp.example", aud: "keystead", sub: "alice", groups: ["users"] };

/** Tokens as the large providers make them, and how each is let in. */
const SHAPES: Readonly<Record<string, { claims: Claims; provider: Partial<OidcProvider>; id: string; roles: readonly string[] }>> = {
  "Okta, ID token": {
    claims: {
      iss: "https://example.okta.com/oauth2/default",
      aud: "0oa1",
      sub: "00u1",
      ver: 1,
      idp: "00o1",
      amr: ["pwd", "mfa"],
      groups: ["Everyone", "hsm-admins"],
      preferred_username: "alice@example.org",
      jti: "ID.x",
    },
    provider: {
      issuer: "https://example.okta.com/oauth2/default",
      clientId: "0oa1",
      mappings: [{ claim: "groups", oneOf: ["hsm-admins"], roles: ["Administrator"], namespaces: ["*"] }],
    },
    id: "oidc:https://example.okta.com/oauth2/default:00u1",
    roles: ["Administrator"],
  },
  "Auth0, access token with a claim of an Action": {
    claims: {
      iss: "https://tenant.eu.auth0.com/",
      aud: ["https://keystead.example.org", "https://tenant.eu.auth0.com/userinfo"],
      azp: "abc",
      sub: "auth0|5f7c",
      scope: "openid profile",
      "https://keystead/roles": ["operator"],
    },
    provider: {
      issuer: "https://tenant.eu.auth0.com/",
      clientId: "abc",
      audience: "https://keystead.example.org",
      mappings: [{ claim: "https://keystead/roles", oneOf: ["operator"], roles: ["Operator"], namespaces: ["*"] }],
    },
    id: "oidc:https://tenant.eu.auth0.com/:auth0|5f7c",
    roles: ["Operator"],
  },
  "Microsoft Entra ID, app roles": {
    claims: {
      iss: "https://login.microsoftonline.com/9188040d-6c67-4c5b-b112-36a304b66dad/v2.0",
      aud: "6731de76-14a6-49ae-97bc-6eba6914391e",
      sub: "AAAAAAAAAAAAAAAAAAAAAIkzqFVrSaSaFHy782bbtaQ",
      oid: "00000000-0000-0000-66f3-3332eca7ea81",
      tid: "9188040d-6c67-4c5b-b112-36a304b66dad",
      ver: "2.0",
      roles: ["Keystead.Auditor"],
      email: "admin@example.org",
    },
    provider: {
      issuer: "https://login.microsoftonline.com/9188040d-6c67-4c5b-b112-36a304b66dad/v2.0",
      clientId: "6731de76-14a6-49ae-97bc-6eba6914391e",
      boundClaims: [{ claim: "tid", oneOf: ["9188040d-6c67-4c5b-b112-36a304b66dad"] }],
      mappings: [
        { claim: "email", oneOf: ["admin@example.org"], roles: ["Administrator"], namespaces: ["*"] },
        { claim: "/email", oneOf: ["admin@example.org"], roles: ["Administrator"], namespaces: ["*"] },
        { claim: "roles", oneOf: ["Keystead.Auditor"], roles: ["Auditor"], namespaces: ["*"] },
      ],
    },
    id: "oidc:https://login.microsoftonline.com/9188040d-6c67-4c5b-b112-36a304b66dad/v2.0:AAAAAAAAAAAAAAAAAAAAAIkzqFVrSaSaFHy782bbtaQ",
    roles: ["Auditor"],
  },
  "Google, by verified address and domain": {
    claims: {
      iss: "https://accounts.google.com",
      azp: "1.apps.googleusercontent.com",
      aud: "1.apps.googleusercontent.com",
      sub: "110169484474386276334",
      hd: "example.org",
      email: "alice@example.org",
      email_verified: true,
      at_hash: "x",
    },
    provider: {
      issuer: "https://accounts.google.com",
      clientId: "1.apps.googleusercontent.com",
      boundClaims: [{ claim: "hd", oneOf: ["example.org"] }],
      mappings: [{ claim: "email", oneOf: ["alice@example.org"], roles: ["KeyAdmin"], namespaces: ["*"] }],
    },
    id: "oidc:https://accounts.google.com:110169484474386276334",
    roles: ["KeyAdmin"],
  },
};

for (const [name, shape] of Object.entries(SHAPES))
  test(`a token as it comes from ${name}`, async () => {
    const principal = await show(authenticator({ provider: provider(shape.provider) }), token(shape.claims));
    assert.deepEqual([principal.id, principal.roles], [shape.id, shape.roles]);
  });

test("the first mapping that fits counts alone, and roles that the token claims count for nothing", async () => {
  const subject = authenticator({ provider: provider({}) });
  const both = await show(subject, token({ ...GOOD, groups: ["users", "admins"], roles: ["Auditor"], namespaces: ["x"] }));
  assert.deepEqual([both.roles, both.namespaces], [["Administrator"], "all"]);
  const user = await show(subject, token({ ...GOOD, roles: ["Administrator"], role: "Administrator", namespaces: ["*"] }));
  assert.deepEqual([user.roles, user.namespaces], [["KeyUser"], new Set(["team"])]);
});

const WRONG: Readonly<Record<string, Claims>> = {
  "another issuer": { iss: "https://idp.example/" },
  "another client": { aud: "other" },
  "several audiences without an authorised party": { aud: ["keystead", "other"] },
  "another authorised party": { azp: "other" },
  "another authorised party among audiences": { aud: ["keystead", "other"], azp: "other" },
  "an authorised party that is a list": { azp: ["keystead"] },
  "no group that is mapped": { groups: ["nobody"] },
  "no groups": { groups: undefined },
  "groups as one word with ours in it": { groups: "users,admins" },
  "a group in other letters": { groups: ["Users"] },
  "groups in an object": { groups: { 0: "users" } },
  "made in the future": { iat: SECONDS + 120 },
  "run out": { exp: SECONDS - 61 },
  "no end": { exp: undefined },
  "no subject": { sub: undefined },
  "a jti that is none": { jti: 7 },
};

for (const [what, claims] of Object.entries(WRONG))
  test(`a provider's token is refused: ${what}`, () =>
    refused(show(authenticator({ provider: provider({}) }), token({ ...GOOD, ...claims })), what));

test("an e-mail address that the provider did not verify is nobody's", async () => {
  const mapped = provider({ mappings: [{ claim: "email", oneOf: ["a@b.c"], roles: ["Auditor"], namespaces: [] }] });
  const subject = authenticator({ provider: mapped });
  assert.deepEqual((await show(subject, token({ ...GOOD, email: "a@b.c", email_verified: true }))).roles, ["Auditor"]);
  for (const verified of [false, undefined, "true", 1])
    await refused(show(subject, token({ ...GOOD, email: "a@b.c", email_verified: verified })), String(verified));
});

test("the same subject at a provider and in a key set are two principals, and what a token says of its address or method changes nothing", async () => {
  const jwt: JwtKeySet = {
    issuer: "https://ci.example",
    audience: "keystead",
    leewaySeconds: 60,
    allowedRoles: ["KeyUser"],
    namespaces: ["*"],
  };
  const lies = {
    client_address: "127.0.0.1",
    address: "::1",
    ip: "10.0.0.1",
    method: "certificate",
    amr: ["mfa"],
    cnf: {},
    principal: "cert:alice",
  };
  const subject = authenticator({ provider: provider({}), keySet: jwt });
  const [one, two] = await Promise.all([
    show(subject, token({ ...GOOD, ...lies })),
    show(subject, token({ ...GOOD, ...lies, iss: "https://ci.example", jti: "1" })),
  ]);
  assert.deepEqual([one.id, two.id], ["oidc:https://idp.example:alice", "jwt:https://ci.example:alice"]);
  assert.deepEqual([one.method, two.method], ["token", "token"]);
});

/** Tokens of workloads, and the claims that bind them. */
const WORKLOADS: readonly (readonly [string, JwtKeySet, Claims, readonly Claims[]])[] = [
  [
    "GitHub Actions",
    {
      issuer: "https://token.actions.githubusercontent.com",
      audience: "keystead",
      leewaySeconds: 60,
      allowedRoles: [],
      boundClaims: [
        { claim: "repository", oneOf: ["example/payments"] },
        { claim: "ref", prefix: "refs/tags/" },
      ],
      roles: ["KeyUser"],
      namespaces: ["payments"],
    },
    {
      iss: "https://token.actions.githubusercontent.com",
      aud: "keystead",
      sub: "repo:example/payments:ref:refs/tags/v1",
      jti: "1",
      repository: "example/payments",
      ref: "refs/tags/v1",
    },
    [
      { repository: "example/payments-evil" },
      { repository: "Example/payments" },
      { repository: undefined },
      { ref: "refs/tags" },
      { ref: "refs/heads/refs/tags/v1" },
      { jti: undefined },
    ],
  ],
  [
    "Kubernetes",
    {
      issuer: "https://kubernetes.default.svc.cluster.local",
      audience: "keystead",
      leewaySeconds: 60,
      allowedRoles: [],
      requireJti: false,
      boundClaims: [
        { claim: "/kubernetes.io/namespace", oneOf: ["payments"] },
        { claim: "/kubernetes.io/serviceaccount/name", oneOf: ["signer"] },
      ],
      roles: ["KeyUser"],
      namespaces: ["payments"],
    },
    {
      iss: "https://kubernetes.default.svc.cluster.local",
      aud: ["keystead"],
      sub: "system:serviceaccount:payments:signer",
      "kubernetes.io": { namespace: "payments", serviceaccount: { name: "signer", uid: "1" } },
    },
    [
      { "kubernetes.io": { namespace: "payments", serviceaccount: { name: "default" } } },
      { "kubernetes.io": { namespace: "other", serviceaccount: { name: "signer" } } },
      { "kubernetes.io": undefined },
      { "kubernetes.io": undefined, "/kubernetes.io/namespace": "payments", "/kubernetes.io/serviceaccount/name": "signer" },
      { "kubernetes.io": [{ namespace: "payments" }] },
    ],
  ],
];

for (const [name, keySet, claims, others] of WORKLOADS)
  test(`a workload of ${name} is let in by its bound claims with the roles of its set, and another is not`, async () => {
    const subject = authenticator({ keySet });
    const principal = await show(subject, token({ ...claims, roles: ["Administrator"] }));
    assert.deepEqual([principal.roles, principal.namespaces], [["KeyUser"], new Set(["payments"])]);
    for (const other of others) await refused(show(subject, token({ ...claims, ...other })), JSON.stringify(other));
  });

test("a bound claim by an address holds when the issuer has verified it, whatever else the token has", async () => {
  const nothing = { leewaySeconds: 60, allowedRoles: [], namespaces: ["*"], requireJti: false };
  const boundClaims = [{ claim: "email", oneOf: ["a@b.c"] }];
  const set: JwtKeySet = {
    ...nothing,
    issuer: "https://idp.example",
    audience: "keystead",
    url: "https://k",
    boundClaims,
    roles: ["KeyUser"],
  };
  for (const subject of [authenticator({ provider: provider({ boundClaims }) }), authenticator({ keySet: set })]) {
    await show(subject, token({ ...GOOD, email: "a@b.c", email_verified: true }));
    for (const verified of [false, "true", 1, undefined])
      await refused(show(subject, token({ ...GOOD, email: "a@b.c", email_verified: verified })), String(verified));
  }
});

test("what an issuer signed for another end lets nobody in: a logout token, a token of another type", async () => {
  const subject = authenticator({ provider: provider({}) });
  const typed = (typ: unknown, claims: Claims = GOOD): string => token(claims, { typ });
  for (const typ of [undefined, "JWT", "jwt", "JOSE", "at+jwt", "application/at+jwt", "AT+JWT"]) await show(subject, typed(typ));
  for (const typ of ["logout+jwt", "application/logout+jwt", "secevent+jwt", "dpop+jwt", "kb+jwt", "JWE", "", 1, null, ["JWT"]])
    await refused(show(subject, typed(typ)), String(typ));
  const events = { "http://schemas.openid.net/event/backchannel-logout": {} };
  await refused(show(subject, token({ ...GOOD, jti: "1", events })), "events");
  await refused(show(subject, token({ ...GOOD, jti: "1", events: null })), "events, empty");
});

test("a condition is never met by a claim that is not there, and never through the prototype", () => {
  const conditions: readonly BoundClaim[] = [
    { claim: "a", oneOf: ["x"] },
    { claim: "a", prefix: "x/" },
    { claim: "constructor", prefix: "" },
    { claim: "/__proto__/x", oneOf: ["x"] },
    { claim: "/a/0", oneOf: ["x"] },
  ];
  for (const condition of conditions)
    for (const claims of [{}, { b: "x" }, { a: null }, { a: 7 }, { a: {} }, { a: [["x"]] }, { a: { x: "x" } }])
      assert.ok(!claimFits(condition, claims), JSON.stringify([condition, claims]));
  assert.ok(claimFits({ claim: "/a~1b/c~0d", oneOf: [true] }, { "a/b": { "c~d": true } }));
  assert.ok(!claimFits({ claim: "admin", oneOf: [true] }, { admin: "true" }));
});

test("keys are looked for where the provider says, as long as it is the one", () => {
  assert.equal(discoveryUrl("https://tenant.auth0.com/"), "https://tenant.auth0.com/.well-known/openid-configuration");
  assert.equal(discoveryUrl("https://login.example/t/v2.0"), "https://login.example/t/v2.0/.well-known/openid-configuration");
  const document = (value: unknown): Buffer => Buffer.from(JSON.stringify(value));
  const found = { issuer: "https://i", jwks_uri: "https://keys.example/k" };
  assert.equal(keysUrlOf(document(found), "https://i"), "https://keys.example/k");
  for (const wrong of [
    { issuer: "https://i/" },
    { issuer: undefined },
    { jwks_uri: "http://keys.example/k" },
    { jwks_uri: 1 },
    { jwks_uri: "" },
  ])
    assert.throws(() => keysUrlOf(document({ ...found, ...wrong }), "https://i"), { code: "INVALID_REQUEST" }, JSON.stringify(wrong));
  for (const bytes of [
    Buffer.from("x"),
    document(null),
    document([]),
    Buffer.from('{"issuer":"https://i","issuer":"https://i","jwks_uri":"https://k"}'),
  ])
    assert.throws(() => keysUrlOf(bytes, "https://i"), { code: "INVALID_REQUEST" });
});

test("only a token that names a missing key of its issuer has keys fetched, and a good one never", async () => {
  const asked: string[] = [];
  const subject = authenticator({
    provider: provider({}),
    unknownKey: async (issuer) => {
      asked.push(issuer);
      return true;
    },
  });
  await show(subject, token(GOOD));
  await refused(show(subject, token({ ...GOOD, aud: "other" })), "known key");
  await refused(show(subject, "x"), "no token");
  assert.deepEqual(asked, []);
  const [, claims, signature] = token(GOOD).split(".");
  const head = Buffer.from('{"alg":"RS256","kid":"new"}').toString("base64url");
  await refused(show(subject, `${head}.${claims}.${signature}`), "new key");
  assert.deepEqual(asked, ["https://idp.example"]);
});

test("a mutated token lets nobody in", async () => {
  const subject = authenticator({ provider: provider({}) });
  const good = token(GOOD);
  await fc.assert(
    fc.asyncProperty(fc.nat(good.length - 1), fc.integer({ min: 1, max: 127 }), async (at, code) => {
      const changed = `${good.slice(0, at)}${String.fromCharCode(code)}${good.slice(at + 1)}`;
      // Of the signature's last character some bits mean nothing.
      if (
        changed === good ||
        (Buffer.from(changed.slice(changed.lastIndexOf(".") + 1), "base64url").equals(
          Buffer.from(good.slice(good.lastIndexOf(".") + 1), "base64url"),
        ) &&
          at > good.lastIndexOf("."))
      )
        return;
      await refused(show(subject, changed), changed);
    }),
    { numRuns: 500 },
  );
});
