/** Sessions of whom an identity provider vouches for, against a whole vault whose clock the test holds. */
import assert from "node:assert/strict";
import { generateKeyPairSync, sign as signBytes } from "node:crypto";
import { before, test } from "node:test";
import type { OidcProvider } from "@keystead/contract/config";
import { Algorithm } from "@keystead/contract/generated/hsm/hsm_pb";
import { generateKey } from "@keystead/contract/operations/generate-key";
import { listSessions } from "@keystead/contract/operations/list-sessions";
import { loginOidc } from "@keystead/contract/operations/login-oidc";
import { logout } from "@keystead/contract/operations/logout";
import { refreshSession } from "@keystead/contract/operations/refresh-session";
import { revokeSession } from "@keystead/contract/operations/revoke-session";
import { updateNamespace } from "@keystead/contract/operations/update-namespace";
import { whoAmI } from "@keystead/contract/operations/who-am-i";
import { person } from "../testing/approvers.ts";
import { ClockedVault } from "../testing/clocked-vault.ts";
import { parseForeignKeySet } from "./token.ts";

const ISSUER = "https://idp.example";
const rsa = generateKeyPairSync("rsa", { modulusLength: 2048 });
const ec = generateKeyPairSync("ec", { namedCurve: "P-256" });
const KEYS = JSON.stringify({
  keys: [
    { ...rsa.publicKey.export({ format: "jwk" }), kid: "rsa", use: "sig" },
    { ...ec.publicKey.export({ format: "jwk" }), kid: "ec", use: "sig" },
  ],
});
const provider = (more: Partial<OidcProvider> = {}): OidcProvider => ({
  issuer: ISSUER,
  clientId: "keystead",
  leewaySeconds: 0,
  boundClaims: [],
  mappings: [
    { claim: "groups", oneOf: ["admins"], roles: ["Administrator"], namespaces: ["*"] },
    { claim: "groups", oneOf: ["users"], roles: ["KeyUser"], namespaces: ["default"] },
  ],
  ...more,
});

let vault: ClockedVault;
let serial = 0;

function token(claims: object = {}, kid: "rsa" | "ec" = "rsa"): string {
  const part = (value: object): string => Buffer.from(JSON.stringify(value)).toString("base64url");
  const seconds = Math.floor(vault.now / 1000);
  const all = { iss: ISSUER, aud: "keystead", sub: "alice", groups: ["users"], iat: seconds, exp: seconds + 600, n: serial++, ...claims };
  const input = `${part({ alg: kid === "rsa" ? "RS256" : "ES256", kid })}.${part(all)}`;
  const key = kid === "rsa" ? rsa.privateKey : { key: ec.privateKey, dsaEncoding: "ieee-p1363" as const };
  return `${input}.${signBytes("sha256", Buffer.from(input), key).toString("base64url")}`;
}

/** The configuration has this provider from the next start on. */
function configure(oidc: OidcProvider | undefined): void {
  vault.keySets.length = 0;
  const base = { issuer: ISSUER, audience: "keystead", leewaySeconds: 0, allowedRoles: [], namespaces: [] };
  if (oidc !== undefined) vault.keySets.push(parseForeignKeySet(KEYS, base, oidc));
}

const enter = async (shown: string, more: object = {}, address?: string) => {
  const { tokens } = await vault.over(loginOidc, { token: shown, ...more }, address === undefined ? {} : { address });
  assert.ok(tokens !== undefined);
  return tokens;
};
const refused = (attempt: Promise<unknown>, code = "UNAUTHENTICATED"): Promise<void> => assert.rejects(attempt, { code });

before(async () => {
  vault = await ClockedVault.open();
  configure(provider());
  await vault.reopen();
});

test("a token of a provider begins a session with what its mapping gives, which is refreshed, listed and ended like others", async () => {
  const { accessToken, refreshToken, sessionId } = await enter(token({ jti: "one" }));
  const me = await vault.over(whoAmI, {}, { token: accessToken });
  assert.deepEqual(
    [me.principal, me.method, me.roles, me.namespaces, me.sessionId],
    [`oidc:${ISSUER}:alice`, "token", ["KeyUser"], ["default"], sessionId],
  );
  await refused(
    vault.over(generateKey, { namespace: "default", algorithm: Algorithm.Ed25519 }, { token: accessToken }),
    "PERMISSION_DENIED",
  );
  vault.now += 400_000;
  await refused(vault.over(whoAmI, {}, { token: accessToken }));
  const next = (await vault.over(refreshSession, { refreshToken })).tokens;
  const { sessions } = await vault.over(listSessions, {}, { token: next?.accessToken ?? "" });
  assert.deepEqual(
    sessions.map((one) => [one.sessionId, one.principal, one.current]),
    [[sessionId, `oidc:${ISSUER}:alice`, true]],
  );
  await vault.over(logout, {}, { token: next?.accessToken ?? "" });
  await refused(vault.over(whoAmI, {}, { token: next?.accessToken ?? "" }));
  const [event] = await vault.events("LoginOidc");
  assert.deepEqual([event?.principal, event?.outcome], [`oidc:${ISSUER}:alice`, "OK"]);
});

test("a token begins one session: shown again, at once or by another spelling of its signature, it begins none", async () => {
  const named = token({ jti: "two" });
  const outcomes = await Promise.all([named, named, named].map((each) => vault.codeOf(enter(each))));
  assert.deepEqual(outcomes.sort(), ["OK", "UNAUTHENTICATED", "UNAUTHENTICATED"]);
  await refused(enter(token({ jti: "two" })));
  const unnamed = token({}, "ec");
  await enter(unnamed);
  // (r, s) and (r, n - s) are both signatures of the same bytes.
  const [head, body, signature = ""] = unnamed.split(".");
  const bytes = Buffer.from(signature, "base64url");
  const n = 0xffffffff00000000ffffffffffffffffbce6faada7179e84f3b9cac2fc632551n;
  const s = (n - BigInt(`0x${bytes.subarray(32).toString("hex")}`)).toString(16).padStart(64, "0");
  const twin = Buffer.concat([bytes.subarray(0, 32), Buffer.from(s, "hex")]).toString("base64url");
  assert.ok((await vault.authenticator.tokenIdentity(`${head}.${body}.${twin}`)) !== undefined, "the twin verifies");
  await refused(enter(`${head}.${body}.${twin}`));
  await vault.reopen(false);
  await refused(enter(unnamed));
  await refused(enter(named));
});

test("what was used is forgotten once the token has run out", async () => {
  const count = (): number => vault.vault.documents.count("used-token");
  assert.ok(count() > 0);
  vault.now += 3_600_000;
  for (let n = 0; n < 4; n++) await enter(token());
  assert.equal(count(), 4);
});

test("one subject's tokens take a share of what is remembered, and no room of anybody else; once they have run out it is let in again", async () => {
  const used = () => vault.vault.documents.list<{ readonly expiresAt: number; readonly subject: string }>("used-token");
  const before = new Set(used().map(({ id }) => id));
  await enter(token({ sub: "greedy" }));
  const like = used().find(({ id }) => !before.has(id))?.value;
  assert.ok(like !== undefined);
  const names = Array.from({ length: 253 }, (_, n) => ({ kind: "used-token" as const, id: `n${n}` }));
  await vault.vault.documents.record("Test", names, () => names.map((name) => ({ ...name, value: like })));
  const outcomes = await Promise.all([1, 2, 3, 4].map(() => vault.codeOf(enter(token({ sub: "greedy" })))));
  assert.deepEqual(outcomes.sort(), ["OK", "OK", "QUOTA_EXCEEDED", "QUOTA_EXCEEDED"]);
  await vault.reopen();
  await refused(enter(token({ sub: "greedy" })), "QUOTA_EXCEEDED");
  await enter(token({ sub: "modest" }));
  vault.now += 900_001;
  await enter(token({ sub: "greedy" }));
  vault.now += 3_600_000;
  while (used().some(({ value }) => value.expiresAt <= vault.now)) await enter(token());
});

test("a token is remembered as long as it is good, also where its end lies within a second or the clock is set back", async () => {
  const whole = Math.ceil(vault.now / 1000) * 1000;
  vault.now = whole;
  const shown = token({ exp: whole / 1000 + 60.5 });
  await enter(shown);
  vault.now = whole + 60_700;
  // A login removes what has run out.
  for (let n = 0; n < 4; n++) await enter(token());
  await refused(enter(shown));
  vault.now = whole + 61_000;
  for (let n = 0; n < 4; n++) await enter(token());
  vault.now = whole + 50_000;
  await refused(enter(shown));
});

test("who is not let in by a token is not let in to a session either, with one answer", async () => {
  const good = token();
  for (const [why, shown] of Object.entries({
    "nobody's": "a.b.c",
    "of another client": token({ aud: "somebody-else" }),
    "that no mapping fits": token({ groups: ["guests"] }),
    "that has run out": token({ exp: Math.floor(vault.now / 1000) - 1 }),
    "with another signature": `${good.slice(0, -8)}AAAAAAAA`,
    "of a session of ours": (await enter(token())).accessToken,
  }))
    await assert.rejects(enter(shown), { code: "UNAUTHENTICATED", detail: "authentication failed" }, why);
});

test("a session is bound to the address, if asked", async () => {
  const { accessToken, refreshToken } = await enter(token(), { bindAddress: true }, "192.0.2.7");
  await vault.over(whoAmI, {}, { token: accessToken, address: "192.0.2.7" });
  await refused(vault.over(whoAmI, {}, { token: accessToken, address: "192.0.2.8" }));
  await refused(vault.over(refreshSession, { refreshToken }, { address: "192.0.2.8" }));
});

test("sessions follow the configuration: rights that a mapping no longer gives are gone, and so are sessions that none gives any", async () => {
  const admin = await enter(token({ sub: "root", groups: ["admins"] }));
  const user = await enter(token({ sub: "bob" }));
  const first = provider().mappings[0] as OidcProvider["mappings"][0];
  configure(provider({ mappings: [{ ...first, roles: ["Auditor"], namespaces: ["default"] }] }));
  await vault.reopen();
  const me = await vault.over(whoAmI, {}, { token: admin.accessToken });
  assert.deepEqual([me.roles, me.namespaces, me.allNamespaces], [["Auditor"], ["default"], false]);
  await refused(vault.over(whoAmI, {}, { token: user.accessToken }));
  await refused(vault.over(refreshSession, { refreshToken: user.refreshToken }));
  configure(undefined);
  await vault.reopen();
  await refused(vault.over(whoAmI, {}, { token: admin.accessToken }));
  await refused(vault.over(refreshSession, { refreshToken: admin.refreshToken }));
  configure(provider());
  await vault.reopen();
});

test("their sessions count, and administrators end them, but not those of somebody who reaches further", async () => {
  await vault.ask(updateNamespace, { namespace: "default", maxSessions: 1 });
  const open = vault.identity.sessions.inNamespace("default");
  assert.ok(open >= 1);
  await refused(enter(token({ sub: "carol" })), "QUOTA_EXCEEDED");
  await vault.ask(updateNamespace, { namespace: "default", maxSessions: 0 });
  const carol = [await enter(token({ sub: "carol" })), await enter(token({ sub: "carol" }))];
  const root = await enter(token({ sub: "root", groups: ["admins"] }));
  const confined = person("confined", ["Administrator"], ["default"]);
  const ending = (who: string) => vault.askAs(confined, revokeSession, { principal: `oidc:${ISSUER}:${who}` });
  assert.equal((await ending("carol")).revoked, 2);
  for (const { accessToken } of carol) await refused(vault.over(whoAmI, {}, { token: accessToken }));
  await refused(ending("carol"), "OBJECT_NOT_FOUND");
  await refused(ending("root"), "PERMISSION_DENIED");
  await vault.over(whoAmI, {}, { token: root.accessToken });
});
