/** Rules of the policy by what an issuer said of somebody: alone, and through a whole vault with real tokens. */
import assert from "node:assert/strict";
import { generateKeyPairSync, sign as signBytes } from "node:crypto";
import { test, type TestContext } from "node:test";
import { Algorithm } from "@keystead/contract/generated/hsm/hsm_pb";
import { createGrant } from "@keystead/contract/operations/create-grant";
import { explainDecision } from "@keystead/contract/operations/explain-decision";
import { generateKey } from "@keystead/contract/operations/generate-key";
import { loginOidc } from "@keystead/contract/operations/login-oidc";
import { revokeSession } from "@keystead/contract/operations/revoke-session";
import { setPolicy } from "@keystead/contract/operations/set-policy";
import { sign } from "@keystead/contract/operations/sign";
import { testPolicy } from "@keystead/contract/operations/test-policy";
import { parsePolicy } from "@keystead/contract/policy/parse";
import type { Claims, Vouched } from "../claims.ts";
import { parseForeignKeySet } from "../authenticate/token.ts";
import { askAs, codeAs, person } from "../testing/asking.ts";
import { ClockedVault } from "../testing/clocked-vault.ts";
import { CompiledPolicy } from "./compile.ts";
import { findRole } from "./roles.ts";

const IDP = "https://idp.example";
const CI = "https://ci.example";
const admin = person("user:admin", ["Administrator"]);
const compiled = (document: object): CompiledPolicy =>
  new CompiledPolicy(parsePolicy(JSON.stringify({ format: 1, ...document }), findRole));
const binding = (...members: string[]) => ({ id: "b", members, roles: ["KeyUser"], namespaces: ["*"] });
const denial = (...members: string[]) => ({ id: "d", members, permissions: ["crypto:sign"], namespaces: ["*"] });

/** Whether a binding and a denial of the member mean somebody of whom this was said: "allows denies", or less. */
function means(member: string, claims: Claims, scheme: Vouched["scheme"] = "oidc", issuer = IDP): string {
  const policy = compiled({ bindings: [binding(member)], denials: [denial(member)] });
  const profile = policy.profile({ id: `${scheme}:${issuer}:alice`, vouched: { scheme, issuer, claims } });
  const said = [profile.allowing("crypto:sign").length > 0 ? "allows" : "", profile.denying("crypto:sign").length > 0 ? "denies" : ""];
  return said.filter((one) => one !== "").join(" ");
}

const GROUPS = `claim:oidc:${IDP}#groups=ops`;
const BOTH: readonly (readonly [why: string, member: string, claims: Claims, expected: string])[] = [
  ["a text is compared whole", GROUPS, { groups: "ops" }, "allows denies"],
  ["of a list one text must be it", GROUPS, { groups: ["staff", "ops"] }, "allows denies"],
  ["no beginning", GROUPS, { groups: ["ops-evil", "op"] }, ""],
  ["no other writing", GROUPS, { groups: ["OPS", " ops", "ops "] }, ""],
  ["no words in one text", GROUPS, { groups: "staff,ops" }, ""],
  ["no list in a list", GROUPS, { groups: [["ops"]] }, ""],
  ["no object", GROUPS, { groups: { ops: true, 0: "ops" } }, ""],
  ["no other claim", GROUPS, { roles: ["ops"], "groups ": "ops" }, ""],
  ["nothing that every object has", `claim:oidc:${IDP}#constructor=Object`, {}, ""],
  ["no number", `claim:oidc:${IDP}#level=1`, { level: 1 }, ""],
  ["no boolean", `claim:oidc:${IDP}#admin=true`, { admin: true }, ""],
  ["a text that looks like one", `claim:oidc:${IDP}#admin=true`, { admin: "true" }, "allows denies"],
  ["a value with every sign that is escaped", `claim:oidc:${IDP}#groups=%25%23%3D%2A`, { groups: ["%#=*"] }, "allows denies"],
  ["and not what its escapes spell", `claim:oidc:${IDP}#groups=%25%23%3D%2A`, { groups: ["%25%23%3D%2A"] }, ""],
  ["a star of a token is a star", GROUPS, { groups: ["*"] }, ""],
  ["what lies deeper, by a pointer", `claim:oidc:${IDP}#/realm_access/roles=ops`, { realm_access: { roles: ["ops"] } }, "allows denies"],
  ["not a name that looks like a pointer", `claim:oidc:${IDP}#/realm_access/roles=ops`, { "/realm_access/roles": ["ops"] }, ""],
  ["an address that was verified", `claim:oidc:${IDP}#email=a@b.c`, { email: "a@b.c", email_verified: true }, "allows denies"],
  ["one that was not gives nothing", `claim:oidc:${IDP}#email=a@b.c`, { email: "a@b.c", email_verified: false }, "denies"],
  ["one of which nothing is said neither", `claim:oidc:${IDP}#email=a@b.c`, { email: "a@b.c" }, "denies"],
  ["an address in other capitals gives nothing", `claim:oidc:${IDP}#email=a@b.c`, { email: "A@b.C", email_verified: true }, "denies"],
  ["other texts in capitals are others", GROUPS, { groups: "Ops" }, ""],
  [
    "what every object has, said by the token",
    `claim:oidc:${IDP}#/__proto__/a=b`,
    JSON.parse('{"__proto__":{"a":"b"}}') as Claims,
    "allows denies",
  ],
  ["and not had from the prototype", `claim:oidc:${IDP}#/__proto__/constructor=b`, {}, ""],
  ["a look-alike in other letters", GROUPS, { groups: ["\u043eps", "ops\u0301", "\uff4fps", "ops\u200b"] }, ""],
  ["a very long text", GROUPS, { groups: ["ops".repeat(5000)] }, ""],
  ["and a text is no verification", `claim:oidc:${IDP}#email=a@b.c`, { email: "a@b.c", email_verified: "true" }, "denies"],
];
for (const [why, member, claims, expected] of BOTH)
  test(`a rule by a claim: ${why}`, () => {
    assert.equal(means(member, claims), expected);
    // The same words count for nobody else's bearer.
    assert.equal(means(member, claims, "jwt"), "");
    assert.equal(means(member, claims, "oidc", `${IDP}:8443`), "");
    assert.equal(means(member, claims, "oidc", `${IDP}/`), "");
  });

test("a policy names claims in bindings and denials, and not in groups", () => {
  assert.throws(() => compiled({ groups: { "*/g": { members: [GROUPS] } } }), /must be the id of one principal/);
  assert.throws(() => compiled({ bindings: [binding(`claim:oidc:${IDP}#preferred_username=alice`)] }), /must be the id of a principal/);
});

test("somebody of whom nothing was said is meant by no claim, whatever the id spells", () => {
  const policy = compiled({ bindings: [binding(GROUPS)] });
  for (const id of [GROUPS, `oidc:${IDP}:alice`, "user:alice"]) assert.equal(policy.profile({ id }).allowances.length, 0);
});

test("a rule that names somebody in several ways counts once", () => {
  const policy = compiled({ bindings: [binding(GROUPS, `claim:oidc:${IDP}#groups=staff`, `oidc:${IDP}:alice`, "*")] });
  const vouched = { scheme: "oidc", issuer: IDP, claims: { groups: ["ops", "staff", "ops"] } } as const;
  assert.equal(policy.profile({ id: `oidc:${IDP}:alice`, vouched }).allowances.length, 1);
});

const ec = generateKeyPairSync("ec", { namedCurve: "P-256" });

/** A vault with a provider and a key set that give reach and no role, and ways to ask it by tokens. */
async function vaultOf(t: TestContext) {
  const vault = await ClockedVault.open();
  t.after(async () => {
    vault.monitor.close();
    await vault.vault.log.close();
    vault.vault.objects.close();
  });
  const keys = JSON.stringify({ keys: [{ ...ec.publicKey.export({ format: "jwk" }), kid: "k", use: "sig" }] });
  const set = { audience: "keystead", leewaySeconds: 0, allowedRoles: [], namespaces: ["default"] };
  const mapping = { claim: "groups", oneOf: ["staff"], roles: [], namespaces: ["default"] };
  const oidc = { issuer: IDP, clientId: "keystead", leewaySeconds: 0, boundClaims: [], mappings: [mapping] };
  vault.keySets.push(
    parseForeignKeySet(keys, { ...set, issuer: IDP }, oidc),
    parseForeignKeySet(keys, { ...set, issuer: CI, requireJti: false }),
  );
  await vault.reopen();
  for (const keyId of ["one", "two"])
    await askAs(vault.monitor, admin, generateKey, { namespace: "default", keyId, algorithm: Algorithm.Ed25519 });
  let version = 0;
  let serial = 0;
  const token = (iss: string, claims: object): string => {
    const part = (value: object): string => Buffer.from(JSON.stringify(value)).toString("base64url");
    const seconds = Math.floor(vault.now / 1000);
    const all = { iss, aud: "keystead", sub: "alice", iat: seconds, exp: seconds + 3600, n: serial++, ...claims };
    const input = `${part({ alg: "ES256", kid: "k" })}.${part(all)}`;
    const signature = signBytes("sha256", Buffer.from(input), { key: ec.privateKey, dsaEncoding: "ieee-p1363" });
    return `${input}.${signature.toString("base64url")}`;
  };
  return {
    vault,
    token,
    set: async (document: object): Promise<void> => {
      await askAs(vault.monitor, admin, setPolicy, { expectedVersion: version++, document: JSON.stringify({ format: 1, ...document }) });
    },
    signs: (shown: string, keyId = "one", namespace = "default"): Promise<string> =>
      vault.codeOf(vault.over(sign, { namespace, keyId, data: Buffer.from("data") }, { token: shown })),
    session: async (shown: string): Promise<{ token: string; id: string }> => {
      const { tokens } = await vault.over(loginOidc, { token: shown });
      return { token: tokens?.accessToken ?? "", id: tokens?.sessionId ?? "" };
    },
  };
}

test("a binding by a claim gives its role to bearers and sessions, and takes it back at once; a denial overrides it", async (t) => {
  const { set, signs, token, session } = await vaultOf(t);
  const person = token(IDP, { groups: ["staff", "ops"] });
  const build = token(CI, { team: "ops", groups: ["ops"] });
  const { token: open } = await session(token(IDP, { groups: ["staff", "ops"] }));
  const all = async (): Promise<string[]> => [await signs(person), await signs(open), await signs(build)];
  const [YES, NO] = ["OK", "PERMISSION_DENIED"];
  assert.deepEqual(await all(), [NO, NO, NO]);
  await set({ bindings: [binding(GROUPS)] });
  assert.deepEqual(await all(), [YES, YES, NO]);
  // By the word of one issuer alone, and by the method it came in.
  await set({ bindings: [binding(`claim:jwt:${CI}#team=ops`, `claim:jwt:${IDP}#groups=ops`, `claim:oidc:${CI}#groups=ops`)] });
  assert.deepEqual(await all(), [NO, NO, YES]);
  await set({ bindings: [binding(GROUPS, `claim:jwt:${CI}#team=ops`)], denials: [denial(`claim:oidc:${IDP}#groups=staff`)] });
  assert.deepEqual(await all(), [NO, NO, YES]);
  await set({});
  assert.deepEqual(await all(), [NO, NO, NO]);
});

test("a claim never reaches beyond the configuration, which is what lets somebody in", async (t) => {
  const { set, signs, token } = await vaultOf(t);
  await set({ bindings: [binding(GROUPS)] });
  assert.equal(await signs(token(IDP, { groups: ["staff", "ops"] }), "one", "elsewhere"), "PERMISSION_DENIED");
  assert.equal(await signs(token(IDP, { groups: ["ops"] })), "UNAUTHENTICATED");
});

test("a session keeps what its rules hang on over a restart", async (t) => {
  const { vault, set, signs, token, session } = await vaultOf(t);
  await set({ bindings: [binding(GROUPS)] });
  const { token: open } = await session(token(IDP, { groups: ["staff", "ops"] }));
  await vault.reopen(false);
  assert.equal(await signs(open), "OK");
});

test("nobody ends the session of somebody to whom a claim gives more", async (t) => {
  const { vault, set, token, session } = await vaultOf(t);
  const deputy = person("user:deputy", [], "all", { permissions: new Set(["identity:self", "identity:manage"]) });
  const { id } = await session(token(IDP, { groups: ["staff", "ops"] }));
  const end = (): Promise<string> => codeAs(vault.monitor, deputy, revokeSession, { principal: `oidc:${IDP}:alice`, sessionId: id });
  await set({ bindings: [binding(GROUPS)] });
  assert.equal(await end(), "PERMISSION_DENIED");
  await set({});
  assert.equal(await end(), "OK");
});

test("what is held by a claim alone is not handed on", async (t) => {
  const { vault, set, token } = await vaultOf(t);
  const lead = { ...binding(GROUPS), roles: ["lead"] };
  await set({ roles: { lead: { permissions: ["crypto:sign", "key:delegate"] } }, bindings: [lead] });
  const grant = { namespace: "default", keyId: "one", grantee: "user:bob", operation: "Sign" };
  const shown = token(IDP, { groups: ["staff", "ops"] });
  assert.equal(await vault.codeOf(vault.over(createGrant, grant, { token: shown })), "PERMISSION_DENIED");
  await set({ roles: { lead: { permissions: ["crypto:sign", "key:delegate"] } }, bindings: [{ ...lead, members: [`oidc:${IDP}:alice`] }] });
  assert.equal(await vault.codeOf(vault.over(createGrant, grant, { token: shown })), "OK");
});

test("who is recalled has what the issuer had said, as far as the configuration of now lets them in by it", async (t) => {
  const { vault } = await vaultOf(t);
  const was = { id: `oidc:${IDP}:alice`, method: "token", roles: [], namespaces: ["default"] };
  const vouched: Vouched = { scheme: "oidc", issuer: IDP, claims: { aud: "keystead", groups: ["staff", "ops"] } };
  assert.deepEqual(vault.authenticator.recall({ ...was, vouched })?.vouched, vouched);
  assert.equal(vault.authenticator.recall({ ...was, vouched: { ...vouched, claims: { aud: "keystead", groups: ["ops"] } } }), undefined);
});

test("questions are asked with claims, and a replay says that the log does not hold them", async (t) => {
  const { vault, set } = await vaultOf(t);
  await set({ bindings: [binding(GROUPS)] });
  const question = { principal: `oidc:${IDP}:alice`, operation: "Sign", namespace: "default", keyId: "one" };
  const explained = await askAs(vault.monitor, admin, explainDecision, { question: { ...question, claims: [GROUPS] } });
  assert.equal(explained.answer?.decision, "allow");
  assert.ok(explained.steps.some(({ name, applies }) => name === "b/KeyUser" && applies));
  const draft = {
    bindings: [binding(`claim:oidc:${IDP}#/a/b=c`, `claim:oidc:${IDP}#email=a@b.c`)],
  };
  const ask = (claims: readonly string[]) => ({ ...question, claims: [...claims] });
  const { answers } = await askAs(vault.monitor, admin, testPolicy, {
    document: JSON.stringify({ format: 1, ...draft }),
    questions: [ask([]), ask([GROUPS]), ask([`claim:oidc:${IDP}#/a/b=c`]), ask([`claim:oidc:${IDP}#email=a@b.c`])],
  });
  assert.deepEqual(
    answers.map(({ decision }) => decision),
    ["deny", "deny", "allow", "allow"],
  );
  for (const wrong of [["groups=ops"], [GROUPS, `claim:jwt:${CI}#a=b`], [`claim:oidc:${IDP}#/groups/a=b`, GROUPS]])
    assert.equal(await codeAs(vault.monitor, admin, explainDecision, { question: { ...question, claims: wrong } }), "INVALID_REQUEST");

  const replay = await vault.monitor.parts?.context.policy.replayer(JSON.stringify({ format: 1 }));
  const past = { sequence: 1, time: vault.now, method: "token", operation: "Sign", namespace: "default", keyId: "one", demands: [] };
  const decided = async (principal: string): Promise<unknown> => {
    const replayed = await replay?.({ ...past, principal, address: "192.0.2.1", allowed: true });
    return typeof replayed === "string" ? replayed : replayed?.decision;
  };
  assert.deepEqual([await decided(`oidc:${IDP}:alice`), await decided(`jwt:${CI}:alice`)], ["undetermined", "allow"]);
});
