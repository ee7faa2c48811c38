/**
 * Sessions against a whole vault whose clock the test holds: tokens, refresh, binding, revocation, limits.
 *
 * Long, because all of it is one story told by one vault's clock, as sessions.ts is one idea.
 */
import assert from "node:assert/strict";
import { createHmac, createPublicKey, generateKeyPairSync, hash, sign as signBytes, verify } from "node:crypto";
import { after, before, test } from "node:test";
import { inspect } from "node:util";
import { create } from "@bufbuild/protobuf";
import { decodeJwt, decodeProtectedHeader } from "jose";
import { Algorithm } from "@keystead/contract/generated/hsm/hsm_pb";
import type { SessionTokens } from "@keystead/contract/generated/hsm/identity_pb";
import { createNamespace } from "@keystead/contract/operations/create-namespace";
import { createSecretId } from "@keystead/contract/operations/create-secret-id";
import { createServiceAccount } from "@keystead/contract/operations/create-service-account";
import { createUser } from "@keystead/contract/operations/create-user";
import { deleteServiceAccount } from "@keystead/contract/operations/delete-service-account";
import { generateKey } from "@keystead/contract/operations/generate-key";
import { getJwks } from "@keystead/contract/operations/get-jwks";
import { getNamespace } from "@keystead/contract/operations/get-namespace";
import { listServiceAccounts } from "@keystead/contract/operations/list-service-accounts";
import { listSessions } from "@keystead/contract/operations/list-sessions";
import { login } from "@keystead/contract/operations/login";
import { loginService } from "@keystead/contract/operations/login-service";
import { logout } from "@keystead/contract/operations/logout";
import { refreshSession } from "@keystead/contract/operations/refresh-session";
import { revokeSecretId } from "@keystead/contract/operations/revoke-secret-id";
import { revokeSession } from "@keystead/contract/operations/revoke-session";
import { setPassword } from "@keystead/contract/operations/set-password";
import { sign } from "@keystead/contract/operations/sign";
import { updateNamespace } from "@keystead/contract/operations/update-namespace";
import { whoAmI } from "@keystead/contract/operations/who-am-i";
import { RateLimits, UNLIMITED } from "../limits/rate-limits.ts";
import { ClockedVault } from "../testing/clocked-vault.ts";
import { parseAuthorities } from "./certificate.ts";
import { Mutations, spellsTheSame } from "./testing/mutations.ts";
import { opensslAuthority } from "./testing/openssl-authority.ts";
import { parseKeySet } from "./token.ts";

let vault: ClockedVault;
let secret: string;
const authority = opensslAuthority();
const issuer = (): string => `urn:keystead:${vault.vault.hierarchy.vaultId}`;

/** A key set that a careless operator gave this vault's own issuer, with a key the test holds. */
const rogue = generateKeyPairSync("ed25519");

before(async () => {
  vault = new ClockedVault();
  vault.now = Date.now();
  vault.authorities.push(...parseAuthorities(authority.pem));
  await vault.reopen();
  const jwk = { ...rogue.publicKey.export({ format: "jwk" }), kid: "rogue" };
  vault.keySets.push(
    parseKeySet(JSON.stringify({ keys: [jwk] }), {
      path: "rogue",
      issuer: issuer(),
      audience: "keystead",
      leewaySeconds: 0,
      allowedRoles: ["Administrator"],
      namespaces: ["*"],
    }),
  );
  await vault.reopen();
  await vault.ask(createServiceAccount, { name: "builder", roles: ["Service", "Operator"], namespaces: ["*"] });
  ({ secretId: secret } = await vault.ask(createSecretId, { name: "builder" }));
});
after(() => vault.vault.log.close());

interface Seen {
  readonly address?: string;
  readonly certificate?: Buffer;
}
async function enter(seen: Seen = {}, bindAddress = false): Promise<SessionTokens> {
  const { tokens } = await vault.over(loginService, { roleId: "builder", secretId: secret, bindAddress }, seen);
  assert.ok(tokens !== undefined);
  return tokens;
}
async function refresh({ refreshToken }: SessionTokens, seen: Seen = {}): Promise<SessionTokens> {
  const { tokens } = await vault.over(refreshSession, { refreshToken }, seen);
  assert.ok(tokens !== undefined);
  return tokens;
}
const who = ({ accessToken: token }: SessionTokens, seen: Seen = {}) => vault.over(whoAmI, {}, { token, ...seen });
const refused = (asking: Promise<unknown>, code = "UNAUTHENTICATED"): Promise<void> => assert.rejects(asking, { code });

// ---- tokens ----

test("an access token is an EdDSA JWT that the published keys verify, with the claims others go by, for five minutes", async () => {
  const { accessToken, accessExpiresAt, sessionId, sessionExpiresAt } = await enter();
  const [head = "", body = "", signature = ""] = accessToken.split(".");
  const { alg, kid, typ } = decodeProtectedHeader(accessToken);
  assert.deepEqual([alg, typ], ["EdDSA", "at+jwt"]);
  const { keys } = await vault.over(getJwks, {});
  const jwk = keys.find((key) => key.kid === kid);
  assert.deepEqual([jwk?.kty, jwk?.crv, jwk?.alg, jwk?.use], ["OKP", "Ed25519", "EdDSA", "sig"]);
  const key = createPublicKey({ key: { kty: "OKP", crv: "Ed25519", x: jwk?.x ?? "" }, format: "jwk" });
  assert.ok(verify(null, Buffer.from(`${head}.${body}`), key, Buffer.from(signature, "base64url")));
  const claims = decodeJwt(accessToken);
  const now = Math.floor(vault.now / 1000);
  assert.deepEqual(
    { ...claims, jti: typeof claims.jti },
    {
      iss: issuer(),
      sub: "service:builder",
      aud: "keystead",
      sid: sessionId,
      role: "Service",
      roles: ["Service", "Operator"],
      iat: now,
      nbf: now,
      exp: now + 300,
      jti: "string",
    },
  );
  assert.equal(Number(accessExpiresAt?.seconds), Math.floor((vault.now + 300_000) / 1000));
  assert.equal(Number(sessionExpiresAt?.seconds), Math.floor((vault.now + 3_600_000) / 1000));
  assert.notEqual(decodeJwt((await enter()).accessToken).jti, claims.jti);
});

test("a token is good for five minutes, its session for an hour however often it is refreshed, and a restart ends neither", async () => {
  let tokens = await enter();
  await vault.reopen(false);
  await who(tokens);
  const begun = vault.now;
  vault.now += 299_000;
  await who(tokens);
  vault.now += 2_000;
  await refused(who(tokens));
  while (vault.now + 290_000 < begun + 3_600_000) {
    tokens = await refresh(tokens);
    await who(tokens);
    vault.now += 290_000;
  }
  tokens = await refresh(tokens);
  assert.equal(Number(tokens.accessExpiresAt?.seconds), Math.floor((begun + 3_600_000) / 1000));
  vault.now = begun + 3_600_000;
  await refused(who(tokens));
  await refused(refresh(tokens));
  assert.deepEqual((await vault.ask(listSessions, { principal: "service:builder" })).sessions, []);
});

test("signing keys change every day, the one before verifies on, and older ones are gone", async () => {
  const kidOf = async (): Promise<unknown> => decodeProtectedHeader((await enter()).accessToken).kid;
  vault.now += 86_400_000;
  const first = await kidOf();
  assert.equal(await kidOf(), first);
  vault.now += 86_400_000 - 60_000;
  const late = await enter();
  vault.now += 60_000;
  const [second, again] = await Promise.all([kidOf(), kidOf()]);
  assert.notEqual(second, first);
  assert.equal(second, again);
  assert.notEqual(decodeProtectedHeader(late.accessToken).kid, second);
  await who(late);
  vault.now += 86_400_000;
  const third = await kidOf();
  const { keys } = await vault.over(getJwks, {});
  assert.deepEqual(
    keys.map(({ kid }) => kid),
    [third, second],
  );
});

// ---- what is believed ----

const part = (value: object): string => Buffer.from(JSON.stringify(value)).toString("base64url");
const forged = (head: object, claims: object, seal: (signed: Buffer) => Buffer): string => {
  const signed = `${part(head)}.${part(claims)}`;
  return `${signed}.${seal(Buffer.from(signed)).toString("base64url")}`;
};

test("a token that says it is the vault's own is judged by the vault's own keys alone, whatever a key set or its header says", async () => {
  const { accessToken } = await enter();
  const claims = { ...decodeJwt(accessToken), sub: "user:root", roles: ["Administrator"] };
  const header = decodeProtectedHeader(accessToken);
  const ours = (signed: Buffer): Buffer => signBytes(null, signed, rogue.privateKey);
  const { keys } = await vault.over(getJwks, {});
  const jwk = rogue.publicKey.export({ format: "jwk" });
  const forgeries = {
    "a key set with our issuer": forged({ alg: "EdDSA", kid: "rogue" }, claims, ours),
    "our kid, another key": forged(header, claims, ours),
    "a key in the header": forged({ ...header, kid: "rogue", jwk }, claims, ours),
    "an unknown kid": forged({ ...header, kid: "unknown" }, claims, ours),
    "no kid": forged({ alg: "EdDSA", typ: "at+jwt" }, claims, ours),
    "a kid that is no text": forged({ ...header, kid: 7 }, claims, ours),
    "no algorithm": forged({ ...header, alg: "none" }, claims, () => Buffer.alloc(0)),
    "HS256 with the public key": forged({ ...header, alg: "HS256" }, claims, (signed) =>
      createHmac("sha256", Buffer.from(keys[0]?.x ?? "", "base64url"))
        .update(signed)
        .digest(),
    ),
    "kid of the prototype": forged({ ...header, kid: "__proto__" }, claims, ours),
  };
  for (const [kind, token] of Object.entries(forgeries))
    await assert.rejects(vault.over(whoAmI, {}, { token }), { code: "UNAUTHENTICATED" }, kind);
  await who({ accessToken } as SessionTokens);
});

test("an unknown kid neither shows keys nor fetches any: a thousand of them change nothing", async () => {
  const before = vault.vault.documents.count("token-key");
  const { accessToken } = await enter();
  const claims = decodeJwt(accessToken);
  for (let index = 0; index < 1000; index += 1) {
    const token = forged({ alg: "EdDSA", typ: "at+jwt", kid: `unknown-${index}` }, claims, () => Buffer.alloc(64));
    await assert.rejects(vault.over(whoAmI, {}, { token }), (error: { message: string }) => {
      assert.doesNotMatch(error.message, /kid|key|unknown/);
      return true;
    });
  }
  assert.equal(vault.vault.documents.count("token-key"), before);
});

test("the same name from two methods is two principals", async () => {
  await vault.ask(createUser, { name: "builder", password: Buffer.from("first password"), roles: ["Auditor"], namespaces: ["*"] });
  const { tokens } = await vault.over(login, { name: "builder", password: Buffer.from("first password") });
  assert.equal((await who(tokens as SessionTokens)).principal, "user:builder");
  assert.equal((await who(await enter())).principal, "service:builder");
  const own = await vault.over(listSessions, {}, { token: tokens?.accessToken ?? "" });
  assert.deepEqual(
    own.sessions.map(({ principal, current }) => [principal, current]),
    [["user:builder", true]],
  );
});

test("200 mutations of an access token let nobody in and crash nothing", async () => {
  const { accessToken } = await enter();
  const mutations = new Mutations(1);
  for (let round = 0; round < 200; round += 1) {
    const token = mutations.text(accessToken);
    if (spellsTheSame(token, accessToken)) continue;
    await assert.rejects(vault.over(whoAmI, {}, { token }), { code: "UNAUTHENTICATED" }, JSON.stringify(token));
  }
  await who({ accessToken } as SessionTokens);
});

// ---- refresh ----

test("a refresh token is good once; shown again it ends the session, and so it is for whoever has the next one", async () => {
  const first = await enter();
  const second = await refresh(first);
  await who(second);
  await refused(refresh(first));
  await refused(who(second));
  await refused(refresh(second));
  const [event] = (await vault.events("EndReusedSession")).slice(-1);
  assert.equal(event?.outcome, "OK");
});

test("a session whose time is over is told of once, by an event of its own, and no other session is", async () => {
  const { sessions } = vault.identity;
  const ended = async (): Promise<string[]> => (await vault.events("EndExpiredSession")).map(({ request }) => request);
  vault.now += 3_600_000;
  await sessions.endExpired(() => true);
  const before = (await ended()).length;
  await enter();
  const left = await enter();
  await vault.over(logout, {}, { token: left.accessToken });
  assert.equal(await sessions.endExpired(() => true), 0);
  vault.now += 3_600_000;
  // A login that comes first does not remove it untold.
  const later = await enter();
  assert.equal(await sessions.endExpired(() => false), 0);
  assert.equal(await sessions.endExpired(() => true), 1);
  assert.equal(await sessions.endExpired(() => true), 0);
  assert.deepEqual((await ended()).slice(before), ["service:builder"]);
  await who(later);
});

test("a refresh token that is shown twice at once gives tokens at most once, and none that are good", async () => {
  const first = await enter();
  const outcomes = await Promise.allSettled([refresh(first), refresh(first), refresh(first)]);
  const given = outcomes.flatMap((outcome) => (outcome.status === "fulfilled" ? [outcome.value] : []));
  assert.ok(given.length <= 1);
  for (const tokens of given) await refused(who(tokens));
});

test("a guessed refresh token does nothing, not even to the session it names", async () => {
  const tokens = await enter();
  const [id] = tokens.refreshToken.split(".");
  for (const guess of [
    "x",
    "x.y",
    `${id}.`,
    `${id}.guess`,
    `${id}`,
    `.${tokens.refreshToken}`,
    `${tokens.refreshToken}x`,
    tokens.accessToken.slice(0, 256),
  ])
    await refused(vault.over(refreshSession, { refreshToken: guess }));
  await refresh(tokens);
});

// ---- binding ----

test("a session begun with a client certificate is good with that certificate alone", async () => {
  const mine = authority.issue({ subject: "/CN=device-1" }).der;
  const other = authority.issue({ subject: "/CN=device-2" }).der;
  const tokens = await enter({ certificate: mine });
  assert.deepEqual(decodeJwt(tokens.accessToken)["cnf"], { "x5t#S256": hash("sha256", mine, "base64url") });
  await who(tokens, { certificate: mine });
  for (const seen of [{}, { certificate: other }, { certificate: Buffer.from("no certificate") }]) {
    await refused(who(tokens, seen));
    await refused(refresh(tokens, seen));
  }
  const stranger = opensslAuthority("/CN=Stranger").issue().der;
  await refused(who(await enter(), { certificate: stranger }));
  await who(await refresh(tokens, { certificate: mine }), { certificate: mine });
});

test("a session bound to an address is good from there alone, also once its token is remembered; what a token claims of it counts for nothing", async () => {
  const tokens = await enter({ address: "192.0.2.5" }, true);
  for (let round = 0; round < 3; round += 1) {
    await who(tokens, { address: "192.0.2.5" });
    await refused(who(tokens, { address: "192.0.2.6" }));
    await refused(refresh(tokens, { address: "192.0.2.6" }));
  }
  await who(tokens, { address: "192.0.2.5" });
  const anywhere = await enter({ address: "192.0.2.5" });
  await who(anywhere, { address: "192.0.2.6" });
});

// ---- endings ----

test("a logout ends the session of its request, and no other", async () => {
  const [one, other] = [await enter(), await enter()];
  assert.equal((await vault.over(logout, {}, { token: one.accessToken })).sessionId, one.sessionId);
  await refused(who(one));
  await refused(refresh(one));
  await who(other);
  await refused(vault.ask(logout, {}), "INVALID_REQUEST");
});

test("a session is revoked by its owner, or by an administrator who names whose it is; others are not told that it exists", async () => {
  const [mine, second, third] = [await enter(), await enter(), await enter()];
  const token = mine.accessToken;
  assert.equal((await vault.over(revokeSession, { sessionId: second.sessionId }, { token })).revoked, 1);
  await refused(who(second));
  await refused(vault.over(revokeSession, { sessionId: second.sessionId }, { token }), "OBJECT_NOT_FOUND");
  await refused(vault.over(revokeSession, { principal: "user:builder" }, { token }), "PERMISSION_DENIED");
  await refused(vault.over(listSessions, { principal: "*" }, { token }), "PERMISSION_DENIED");
  await refused(vault.ask(revokeSession, { principal: "user:builder", sessionId: third.sessionId }), "OBJECT_NOT_FOUND");
  await refused(vault.ask(revokeSession, { principal: "cert:admin" }), "OBJECT_NOT_FOUND");
  await vault.ask(revokeSession, { principal: "service:builder", sessionId: third.sessionId });
  await refused(who(third));
  await enter();
  const { sessions } = await vault.ask(listSessions, { principal: "service:builder" });
  assert.ok(sessions.length >= 2);
  assert.equal((await vault.over(revokeSession, {}, { token })).revoked, sessions.length);
  await refused(who(mine));
  assert.deepEqual((await vault.ask(listSessions, { principal: "service:builder" })).sessions, []);
  await vault.reopen(false);
  await refused(who(mine));
  await who(await enter());
});

test("once a revocation is answered, nothing of the session succeeds, however much of it was under way", async () => {
  await vault.ask(createNamespace, { namespace: "default" });
  await vault.ask(generateKey, { keyId: "signer", algorithm: Algorithm.Ed25519, namespace: "default" });
  await vault.ask(generateKey, { keyId: "slow", algorithm: Algorithm.Rsa2048, namespace: "default" });
  for (let round = 0; round < 10; round += 1) {
    const tokens = await enter();
    const token = tokens.accessToken;
    const request = (keyId: string) => vault.over(sign, { namespace: "default", keyId, data: Buffer.from("x") }, { token });
    await request("signer");
    let answered = false;
    let late = 0;
    let good = 0;
    const load = Array.from({ length: 60 }, (_, index) =>
      request(index % 3 === 0 ? "slow" : "signer").then(
        () => {
          good += 1;
          if (answered) late += 1;
        },
        (error: { code: string }) => assert.equal(error.code, "UNAUTHENTICATED"),
      ),
    );
    const ending = vault.ask(revokeSession, { principal: "service:builder", sessionId: tokens.sessionId }).then(() => (answered = true));
    const more = Array.from({ length: 60 }, () =>
      request("signer").then(
        () => answered && (late += 1),
        () => undefined,
      ),
    );
    await Promise.all([...load, ending, ...more]);
    assert.equal(late, 0, `${late} of ${good} after the answer`);
    await refused(request("signer"));
  }
});

// ---- limits ----

test("no more sessions at once than an account may have, and one that has ended makes room", async () => {
  await vault.ask(createServiceAccount, { name: "pair", roles: ["Service"], namespaces: ["default"], maxSessions: 2 });
  const { secretId } = await vault.ask(createSecretId, { name: "pair" });
  const begin = () => vault.over(loginService, { roleId: "pair", secretId });
  const outcomes = await Promise.allSettled([begin(), begin(), begin(), begin()]);
  assert.deepEqual(outcomes.map(({ status }) => status).sort(), ["fulfilled", "fulfilled", "rejected", "rejected"]);
  await refused(begin(), "QUOTA_EXCEEDED");
  await refused(vault.over(loginService, { roleId: "pair", secretId: `${secretId}x` }));
  await vault.ask(revokeSession, { principal: "service:pair" });
  await begin();
  vault.now += 3_600_000;
  await begin();
  await begin();
  await refused(begin(), "QUOTA_EXCEEDED");
});

test("no more sessions at once than a namespace admits, of all who name it together", async () => {
  for (const name of ["one", "two"]) await vault.ask(createServiceAccount, { name, roles: ["Service"], namespaces: ["crowded"] });
  const [one, two] = await Promise.all(["one", "two"].map(async (name) => (await vault.ask(createSecretId, { name })).secretId));
  await vault.over(loginService, { roleId: "one", secretId: one ?? "" });
  await vault.over(loginService, { roleId: "two", secretId: two ?? "" });
  await refused(vault.over(loginService, { roleId: "two", secretId: two ?? "" }), "QUOTA_EXCEEDED");
  await enter();
});

test("a namespace admits as many sessions as it says itself, those that reach all namespaces aside, and says how many there are", async () => {
  const own = await ClockedVault.open();
  const begin = async (roleId: string, namespaces: readonly string[]): Promise<string> => {
    await own.codeOf(own.ask(createServiceAccount, { name: roleId, roles: ["Service"], namespaces: [...namespaces] }));
    const { secretId } = await own.ask(createSecretId, { name: roleId });
    return own.codeOf(own.over(loginService, { roleId, secretId }));
  };
  const limit = (maxSessions: number) => own.ask(updateNamespace, { namespace: "default", maxSessions });
  await limit(2);
  assert.deepEqual([await begin("operator", ["*"]), await begin("operator", ["*"])], ["OK", "OK"]);
  const outcomes = await Promise.all(["one", "two", "three"].map((name) => begin(name, ["default", "elsewhere"])));
  assert.deepEqual(outcomes.sort(), ["OK", "OK", "QUOTA_EXCEEDED"]);
  const { namespace } = await own.ask(getNamespace, { namespace: "default" });
  assert.deepEqual([namespace?.maxSessions, namespace?.sessions], [2, 2]);
  assert.deepEqual([...own.identity.sessions.census()].sort(), [
    ["*", 2],
    ["default", 2],
    ["elsewhere", 2],
  ]);
  assert.equal(await begin("operator", ["*"]), "OK");
  await own.reopen();
  assert.equal(await begin("one", ["default"]), "QUOTA_EXCEEDED");
  // Who reaches others besides is not let in with less: which one is full is said.
  const { secretId } = await own.ask(createSecretId, { name: "one" });
  await assert.rejects(own.over(loginService, { roleId: "one", secretId }), { code: "QUOTA_EXCEEDED", detail: /in namespace default,/ });
  await limit(0);
  assert.equal(await begin("one", ["default"]), "OK");
  // Of two numbers, the configuration's and the namespace's own, the smaller counts.
  await own.ask(createNamespace, { namespace: "crowded" });
  await own.ask(updateNamespace, { namespace: "crowded", maxSessions: 9 });
  assert.deepEqual(
    [await begin("a", ["crowded"]), await begin("b", ["crowded"]), await begin("c", ["crowded"])],
    ["OK", "OK", "QUOTA_EXCEEDED"],
  );
});

// ---- service accounts ----

test("a secret id expires, is used up, and is good from its addresses alone; two logins at once are two uses", async () => {
  await vault.ask(createServiceAccount, { name: "ci", roles: ["Service"], namespaces: ["default"] });
  const make = async (more: object) => (await vault.ask(createSecretId, { name: "ci", ...more })).secretId;
  const begin = (secretId: string, address = "192.0.2.1") => vault.over(loginService, { roleId: "ci", secretId }, { address });
  const brief = await make({ ttlSeconds: 60 });
  await begin(brief);
  vault.now += 60_000;
  await refused(begin(brief));
  const twice = await make({ maxUses: 2 });
  const outcomes = await Promise.allSettled([begin(twice), begin(twice), begin(twice)]);
  assert.deepEqual(outcomes.map(({ status }) => status).sort(), ["fulfilled", "fulfilled", "rejected"]);
  await refused(begin(twice));
  const local = await make({ addresses: ["10.0.0.0/8", "2001:db8::/32"] });
  await begin(local, "10.1.2.3");
  await begin(local, "2001:db8::7");
  await begin(local, "::ffff:10.1.2.3");
  for (const address of ["11.0.0.1", "2001:db9::1", ""]) await refused(begin(local, address));
  await refused(make({ addresses: ["10.0.0.0/33"] }), "INVALID_REQUEST");
  await refused(make({ addresses: ["nowhere"] }), "INVALID_REQUEST");
});

test("a wrong secret id, another account's, a revoked one and an unknown account have one answer", async () => {
  const { secretId, about } = await vault.ask(createSecretId, { name: "ci" });
  const [accessor = "", value = ""] = secretId.split(".");
  for (const [roleId, secretId_] of [
    ["ci", secret],
    ["builder", secretId],
    ["nobody", secretId],
    ["__proto__", secretId],
    ["ci", `${accessor}.${value.slice(1)}`],
    ["ci", `${accessor}.`],
    ["ci", accessor],
    ["ci", `__proto__.${value}`],
    ["ci", value],
  ] as const)
    await refused(vault.over(loginService, { roleId, secretId: secretId_ }));
  const { serviceAccounts } = await vault.ask(listServiceAccounts, {});
  assert.ok(!inspect(serviceAccounts, { depth: 9 }).includes(value));
  await vault.ask(revokeSecretId, { name: "ci", accessor: about?.accessor ?? "" });
  await refused(vault.over(loginService, { roleId: "ci", secretId }));
  await refused(vault.ask(revokeSecretId, { name: "ci", accessor: "none" }), "OBJECT_NOT_FOUND");
  await refused(vault.ask(createSecretId, { name: "nobody" }), "OBJECT_NOT_FOUND");
  await refused(vault.ask(createServiceAccount, { name: "ci" }), "OBJECT_EXISTS");
});

test("a service account that is removed has no session, and sets no password", async () => {
  await vault.ask(createServiceAccount, { name: "gone", roles: ["Service"], namespaces: ["default"] });
  const { secretId } = await vault.ask(createSecretId, { name: "gone" });
  const { tokens } = await vault.over(loginService, { roleId: "gone", secretId });
  const token = tokens?.accessToken ?? "";
  await refused(vault.over(setPassword, { password: Buffer.from("a good password") }, { token }), "INVALID_REQUEST");
  await vault.ask(deleteServiceAccount, { name: "gone" });
  await refused(vault.over(whoAmI, {}, { token }));
  await refused(vault.ask(deleteServiceAccount, { name: "gone" }), "OBJECT_NOT_FOUND");
});

test("logins are counted by address before anything costly is done for them, whatever credential comes along", async () => {
  const limited = new ClockedVault();
  let ms = 0;
  limited.limits = new RateLimits({ ...UNLIMITED, address: { perSecond: 1, burst: 2 } }, () => ms);
  await limited.reopen();
  const guess = (address: string, token = "") => limited.over(loginService, { roleId: "nobody", secretId: "x.y" }, { address, token });
  await refused(guess("192.0.2.1"));
  await refused(guess("192.0.2.1", "any token"));
  await refused(guess("192.0.2.1"), "RATE_LIMITED");
  await refused(guess("192.0.2.1", "another"), "RATE_LIMITED");
  await refused(guess("192.0.2.2"));
  ms += 1000;
  await refused(guess("192.0.2.1"));
  await refused(guess("192.0.2.1"), "RATE_LIMITED");
  await limited.vault.log.close();
});

test("whoever must change a password first may do nothing else, whatever the policy gives them", async () => {
  await vault.ask(createUser, { name: "fresh", password: Buffer.from("first password"), roles: ["Administrator"], namespaces: ["*"] });
  const { tokens } = await vault.over(login, { name: "fresh", password: Buffer.from("first password") });
  const token = tokens?.accessToken ?? "";
  const principal = await vault.identity.sessions.principalOf(token, { address: "192.0.2.1", thumbprint: "" });
  assert.deepEqual([principal?.onlySelf, principal?.roles, principal?.person], [true, [], "fresh"]);
  // As a binding of the policy would give it to them.
  const bound = { ...principal!, permissions: new Set(["identity:manage", "identity:read", "identity:self", "key:read"] as const) };
  const ask = (operation: typeof listSessions | typeof listServiceAccounts, request: object) =>
    vault.monitor.perform(operation as typeof listSessions, create(operation.method.input, request) as never, {
      principal: bound,
      requestId: "bound",
      address: "192.0.2.1",
      deadline: Infinity,
      cancelled: () => false,
    });
  await refused(ask(listServiceAccounts, {}), "PERMISSION_DENIED");
  await refused(ask(listSessions, { principal: "*" }), "PERMISSION_DENIED");
  await ask(listSessions, {});
});

test("a principal without a limit of its own does not take everybody else's room", async () => {
  const own = await ClockedVault.open();
  Object.assign(own.identityRules.sessions, { mostEach: 3 });
  await own.reopen();
  const secrets = new Map<string, string>();
  for (const name of ["greedy", "modest"]) {
    await own.ask(createServiceAccount, { name, roles: ["Service"], namespaces: ["default"] });
    secrets.set(name, (await own.ask(createSecretId, { name })).secretId);
  }
  const begin = (roleId: string): Promise<string> => own.codeOf(own.over(loginService, { roleId, secretId: secrets.get(roleId) ?? "" }));
  assert.deepEqual([await begin("greedy"), await begin("greedy"), await begin("greedy")], ["OK", "OK", "OK"]);
  assert.deepEqual([await begin("greedy"), await begin("modest")], ["QUOTA_EXCEEDED", "OK"]);
});
