/** Local users against a whole vault whose clock the test holds: logins, lockout, second factors, passwords. */
import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { after, before, test } from "node:test";
import type { MessageShape } from "@bufbuild/protobuf";
import { FactorKind, WebAuthnAlgorithm, type LoginResponseSchema, type SessionTokens } from "@keystead/contract/generated/hsm/identity_pb";
import { beginWebAuthnRegistration } from "@keystead/contract/operations/begin-webauthn-registration";
import { completeLogin } from "@keystead/contract/operations/complete-login";
import { confirmTotp } from "@keystead/contract/operations/confirm-totp";
import { createUser } from "@keystead/contract/operations/create-user";
import { deleteUser } from "@keystead/contract/operations/delete-user";
import { enrollTotp } from "@keystead/contract/operations/enroll-totp";
import { finishWebAuthnRegistration } from "@keystead/contract/operations/finish-webauthn-registration";
import { generateRecoveryCodes } from "@keystead/contract/operations/generate-recovery-codes";
import { getUser } from "@keystead/contract/operations/get-user";
import { listKeys } from "@keystead/contract/operations/list-keys";
import { listUsers } from "@keystead/contract/operations/list-users";
import { login } from "@keystead/contract/operations/login";
import { removeFactor } from "@keystead/contract/operations/remove-factor";
import { setPassword } from "@keystead/contract/operations/set-password";
import { unlockUser } from "@keystead/contract/operations/unlock-user";
import { updateUser } from "@keystead/contract/operations/update-user";
import { whoAmI } from "@keystead/contract/operations/who-am-i";
import { totpCode, totpStep } from "@keystead/crypto/totp";
import { SoftwareAuthenticator } from "@keystead/crypto/webauthn/testing/software-authenticator";
import { ClockedVault } from "../testing/clocked-vault.ts";

let vault: ClockedVault;
before(async () => (vault = await ClockedVault.open()));
after(() => vault.vault.log.close());

const FIRST = "set by somebody";
const OWN = "known to me alone";
const bytes = (text: string): Buffer => Buffer.from(text);
const RP = "hsm.example.com";
const ORIGIN = "https://hsm.example.com";

/** A user who has set a password of their own. */
async function user(name: string, more: object = { roles: ["KeyUser"], namespaces: ["default"] }): Promise<void> {
  await vault.ask(createUser, { name, password: bytes(FIRST), ...more });
  const { tokens } = await vault.over(login, { name, password: bytes(FIRST) });
  await vault.over(setPassword, { password: bytes(OWN), currentPassword: bytes(FIRST) }, { token: tokens?.accessToken ?? "" });
}

const enter = (name: string, password = OWN): Promise<MessageShape<typeof LoginResponseSchema>> =>
  vault.over(login, { name, password: bytes(password) });
async function tokensOf(name: string, password = OWN): Promise<SessionTokens> {
  const { tokens } = await enter(name, password);
  assert.ok(tokens !== undefined);
  return tokens;
}
const tokenOf = async (name: string, password = OWN): Promise<string> => (await tokensOf(name, password)).accessToken;
const refused = (asking: Promise<unknown>, code = "UNAUTHENTICATED"): Promise<void> => assert.rejects(asking, { code });

/** Secret of an authenticator app, from its base32 text, by way of the link's. */
function secretOf(base32: string): Buffer {
  let bits = "";
  for (const char of base32) bits += "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567".indexOf(char).toString(2).padStart(5, "0");
  return Buffer.from((bits.match(/.{8}/g) ?? []).map((byte) => Number.parseInt(byte, 2)));
}
async function withApp(name: string): Promise<{ secret: Buffer; factorId: string; token: string }> {
  await user(name);
  const token = await tokenOf(name);
  const enrolled = await vault.over(enrollTotp, { label: "phone", currentPassword: bytes(OWN) }, { token });
  const secret = secretOf(enrolled.secret);
  await vault.over(confirmTotp, { factorId: enrolled.factorId, code: totpCode(secret, totpStep(vault.now)) }, { token });
  vault.now += 30_000;
  return { secret, factorId: enrolled.factorId, token };
}

test("a password that somebody else set is good for setting another, and for nothing else", async () => {
  await vault.ask(createUser, { name: "anna", password: bytes(FIRST), roles: ["admin"], namespaces: ["*"] });
  const tokens = await tokensOf("anna", FIRST);
  assert.equal(tokens.mustChangePassword, true);
  const token = tokens.accessToken;
  await refused(vault.over(listKeys, {}, { token }), "PERMISSION_DENIED");
  await refused(vault.over(listUsers, {}, { token }), "PERMISSION_DENIED");
  assert.deepEqual((await vault.over(whoAmI, {}, { token })).permissions, ["identity:self"]);
  await refused(vault.over(setPassword, { password: bytes("short"), currentPassword: bytes(FIRST) }, { token }), "INVALID_REQUEST");
  await refused(vault.over(setPassword, { password: bytes(FIRST), currentPassword: bytes(FIRST) }, { token }), "INVALID_REQUEST");
  await refused(vault.over(setPassword, { password: bytes(OWN), currentPassword: bytes("wrong") }, { token }));
  await vault.over(setPassword, { password: bytes(OWN), currentPassword: bytes(FIRST) }, { token });
  await refused(vault.over(whoAmI, {}, { token }));
  await refused(enter("anna", FIRST));
  const own = await tokensOf("anna");
  assert.equal(own.mustChangePassword, false);
  await vault.over(listKeys, {}, { token: own.accessToken });
  const { principal, method, roles, allNamespaces } = await vault.over(whoAmI, {}, { token: own.accessToken });
  assert.deepEqual([principal, method, roles, allNamespaces], ["user:anna", "local user", ["Administrator"], true]);
});

test("an unknown name, a wrong password, a user without one, a disabled and a locked one get one answer and leave like traces", async () => {
  for (const name of ["known", "disabled", "locked"]) await user(name);
  await vault.ask(createUser, { name: "bare" });
  await vault.ask(updateUser, { name: "disabled", disabled: true });
  for (let index = 0; index < 5; index += 1) await refused(enter("locked", "wrong"));
  const answers = new Set<string>();
  const traces = new Set<string>();
  for (const [name, password] of [
    ["unknown", OWN],
    ["known", "wrong"],
    ["bare", OWN],
    ["disabled", OWN],
    ["locked", OWN],
    ["locked", "wrong"],
  ] as const) {
    const before = (await vault.events()).length;
    const error = await enter(name, password).then(
      () => assert.fail("was let in"),
      (refusal: Error) => refusal,
    );
    answers.add(JSON.stringify({ ...error, message: error.message }));
    const events = (await vault.events()).slice(before);
    // The names of the records differ; what was done does not.
    traces.add(
      JSON.stringify(events.map(({ action, outcome, decision, records }) => ({ action, outcome, decision, records: records?.length }))),
    );
  }
  assert.equal(answers.size, 1);
  assert.deepEqual(
    [...traces].map((trace) => (JSON.parse(trace) as { action: string }[]).map(({ action }) => action)),
    [["CountFailedAttempt", "Login"]],
  );
});

test("five failures lock, also over a restart and whatever the order; the right password does not tell; time or an administrator unlocks", async () => {
  await user("lena");
  for (let index = 0; index < 4; index += 1) await refused(enter("lena", "wrong"));
  await vault.reopen();
  await tokensOf("lena");
  for (let index = 0; index < 4; index += 1) await refused(enter("lena", "wrong"));
  await vault.reopen(false);
  await refused(enter("lena", "wrong"));
  await refused(enter("lena"));
  const { user: seen } = await vault.ask(getUser, { name: "lena" });
  assert.equal(Number(seen?.lockedUntil?.seconds), (vault.now + 300_000) / 1000);
  await vault.reopen();
  await refused(enter("lena"));
  vault.now += 299_999;
  await refused(enter("lena"));
  vault.now += 1;
  await tokensOf("lena");
  for (let index = 0; index < 5; index += 1) await refused(enter("lena", "wrong"));
  await refused(enter("lena"));
  assert.equal((await vault.ask(unlockUser, { name: "lena" })).user?.lockedUntil, undefined);
  await tokensOf("lena");
  await refused(vault.ask(unlockUser, { name: "nobody" }), "OBJECT_NOT_FOUND");
});

test("guesses under way together are heard as often as the rules allow, and no more", async () => {
  await user("mina");
  const guesses = Array.from({ length: 6 }, (_, index) => enter("mina", index === 5 ? OWN : `wrong ${index}`));
  const outcomes = await Promise.allSettled(guesses);
  assert.deepEqual(
    outcomes.map(({ status }) => status),
    Array.from({ length: 6 }, () => "rejected"),
  );
});

test("an authenticator app counts once it has shown a code; then a login wants one, and each code is good once", async () => {
  await user("tom");
  const token = await tokenOf("tom");
  await refused(vault.over(enrollTotp, { currentPassword: bytes("wrong") }, { token }));
  const enrolled = await vault.over(enrollTotp, { label: "phone", currentPassword: bytes(OWN) }, { token });
  assert.match(enrolled.uri, /^otpauth:\/\/totp\/Keystead:tom\?secret=[A-Z2-7]{32}&/);
  const secret = secretOf(enrolled.secret);
  const code = (steps = 0): string => totpCode(secret, totpStep(vault.now) + steps);
  assert.ok((await enter("tom")).tokens !== undefined, "an app that was not confirmed is not asked for");
  await refused(vault.over(confirmTotp, { factorId: enrolled.factorId, code: code(5) }, { token }));
  const other = await tokenOf("anna");
  await refused(vault.over(confirmTotp, { factorId: enrolled.factorId, code: code() }, { token: other }), "OBJECT_NOT_FOUND");
  const { user: confirmed } = await vault.over(confirmTotp, { factorId: enrolled.factorId, code: code() }, { token });
  assert.deepEqual(
    confirmed?.factors.map(({ kind, label }) => [kind, label]),
    [[FactorKind.TOTP, "phone"]],
  );
  const { challenge, tokens } = await enter("tom");
  assert.equal(tokens, undefined);
  assert.deepEqual(challenge?.factors, [FactorKind.TOTP]);
  const challengeId = challenge?.challengeId ?? "";
  // The code that confirmed the app was taken.
  await refused(vault.over(completeLogin, { challengeId, totpCode: code() }));
  vault.now += 30_000;
  const mfaAt = vault.now;
  const done = await vault.over(completeLogin, { challengeId, totpCode: code() });
  const who = await vault.over(whoAmI, {}, { token: done.tokens?.accessToken ?? "" });
  assert.equal(Number(who.mfaAt?.seconds), mfaAt / 1000);
  await refused(vault.over(completeLogin, { challengeId, totpCode: code(1) }));
  const again = (await enter("tom")).challenge?.challengeId ?? "";
  await refused(vault.over(completeLogin, { challengeId: again, totpCode: code() }));
  await refused(vault.over(completeLogin, { challengeId: again, totpCode: code(-1) }));
  await refused(vault.over(enrollTotp, { currentPassword: bytes(OWN) }, { token }), "OBJECT_EXISTS");
});

test("a code shown twice at the same moment is taken once", async () => {
  const { secret } = await withApp("tina");
  const challenges = await Promise.all([1, 2, 3].map(() => enter("tina")));
  const code = totpCode(secret, totpStep(vault.now));
  const outcomes = await Promise.allSettled(
    challenges.map(({ challenge }) => vault.over(completeLogin, { challengeId: challenge?.challengeId ?? "", totpCode: code })),
  );
  assert.deepEqual(outcomes.map(({ status }) => status).sort(), ["fulfilled", "rejected", "rejected"]);
  const { challenge } = await enter("tina");
  vault.now += 30_000;
  const next = totpCode(secret, totpStep(vault.now));
  const challengeId = challenge?.challengeId ?? "";
  const twice = await Promise.allSettled([1, 2].map(() => vault.over(completeLogin, { challengeId, totpCode: next })));
  assert.deepEqual(twice.map(({ status }) => status).sort(), ["fulfilled", "rejected"]);
});

test("a challenge takes three answers, two minutes, one place; wrong second factors lock like wrong passwords", async () => {
  const { secret } = await withApp("theo");
  const code = (): string => totpCode(secret, totpStep(vault.now));
  const wrong = (): string => totpCode(secret, totpStep(vault.now) + 9);
  const challenge = async (): Promise<string> => (await enter("theo")).challenge?.challengeId ?? "";
  let challengeId = await challenge();
  for (let index = 0; index < 3; index += 1) await refused(vault.over(completeLogin, { challengeId, totpCode: wrong() }));
  await refused(vault.over(completeLogin, { challengeId, totpCode: code() }));
  challengeId = await challenge();
  vault.now += 120_000;
  await refused(vault.over(completeLogin, { challengeId, totpCode: code() }));
  challengeId = await challenge();
  await refused(vault.over(completeLogin, { challengeId, totpCode: code() }, { address: "192.0.2.77" }));
  await refused(vault.over(completeLogin, { challengeId, totpCode: code() }, { certificate: bytes("another") }));
  await vault.over(completeLogin, { challengeId, totpCode: code() });
  vault.now += 30_000;
  for (let round = 0; round < 5; round += 1)
    await refused(vault.over(completeLogin, { challengeId: await challenge(), totpCode: wrong() }));
  await refused(enter("theo"));
  await refused(vault.over(completeLogin, { challengeId: "made-up", totpCode: code() }));
  for (const proofs of [{}, { totpCode: "123456", recoveryCode: "x" }])
    await refused(vault.over(completeLogin, { challengeId, ...proofs }), "INVALID_REQUEST");
});

test("recovery codes stand for the second factor once each; new ones make the old ones worthless; they are kept as digests", async () => {
  await user("rosa");
  await refused(vault.over(generateRecoveryCodes, { currentPassword: bytes(OWN) }, { token: await tokenOf("rosa") }), "INVALID_REQUEST");
  const { token } = await withApp("rita");
  const { codes: old } = await vault.over(generateRecoveryCodes, { currentPassword: bytes(OWN) }, { token });
  const { codes } = await vault.over(generateRecoveryCodes, { currentPassword: bytes(OWN) }, { token });
  assert.equal(new Set([...old, ...codes]).size, 20);
  for (const code of codes) assert.match(code, /^([A-Z2-7]{5}-){3}[A-Z2-7]{5}$/);
  const held = JSON.stringify(vault.vault.documents.get("user", "rita"));
  assert.ok(codes.every((code) => !held.includes(code) && !held.includes(code.replaceAll("-", ""))));
  const [first = "", second = ""] = codes;
  const complete = async (recoveryCode: string): Promise<unknown> => {
    const { challenge } = await enter("rita");
    assert.deepEqual(challenge?.factors, [FactorKind.TOTP, FactorKind.RECOVERY_CODE]);
    return vault.over(completeLogin, { challengeId: challenge?.challengeId ?? "", recoveryCode });
  };
  await refused(complete(old[0] as string));
  await complete(first);
  await refused(complete(first));
  await complete(second.toLowerCase().replaceAll("-", " "));
  assert.equal((await vault.ask(getUser, { name: "rita" })).user?.recoveryCodesLeft, 8);
});

test("a security key is registered and asked for; its counter, its challenge and its owner are looked at", async () => {
  await user("wanda");
  const token = await tokenOf("wanda");
  const begin = () => vault.over(beginWebAuthnRegistration, { label: "key", currentPassword: bytes(OWN) }, { token });
  await refused(vault.over(beginWebAuthnRegistration, { currentPassword: bytes("wrong") }, { token }));
  const key = new SoftwareAuthenticator(RP, ORIGIN);
  const begun = await begin();
  assert.deepEqual(
    [begun.rpId, begun.rpName, begun.userName, begun.algorithms],
    [RP, "Keystead", "wanda", [WebAuthnAlgorithm.EDDSA, WebAuthnAlgorithm.ES256, WebAuthnAlgorithm.RS256]],
  );
  await refused(
    vault.over(finishWebAuthnRegistration, { registrationId: begun.registrationId, ...key.register(Buffer.alloc(32)) }, { token }),
  );
  // Used up by the wrong answer.
  await refused(
    vault.over(finishWebAuthnRegistration, { registrationId: begun.registrationId, ...key.register(begun.challenge) }, { token }),
    "OBJECT_NOT_FOUND",
  );
  const { registrationId, challenge: asked } = await begin();
  await vault.over(finishWebAuthnRegistration, { registrationId, ...key.register(asked) }, { token });
  const third = await begin();
  assert.deepEqual(third.excludeCredentialIds, [key.credentialId.toString("base64url")]);
  await refused(
    vault.over(finishWebAuthnRegistration, { registrationId: third.registrationId, ...key.register(third.challenge) }, { token }),
    "OBJECT_EXISTS",
  );
  const challenge = async (): Promise<{ challengeId: string; bytes: Uint8Array }> => {
    const { challenge } = await enter("wanda");
    assert.deepEqual([challenge?.factors, challenge?.rpId], [[FactorKind.WEBAUTHN], RP]);
    assert.deepEqual(challenge?.credentialIds, [key.credentialId.toString("base64url")]);
    return { challengeId: challenge?.challengeId ?? "", bytes: challenge?.webauthnChallenge ?? new Uint8Array() };
  };
  let at = await challenge();
  const good = key.assert(at.bytes);
  await vault.over(completeLogin, { challengeId: at.challengeId, webauthn: good });
  at = await challenge();
  await refused(vault.over(completeLogin, { challengeId: at.challengeId, webauthn: good }));
  await refused(vault.over(completeLogin, { challengeId: at.challengeId, webauthn: key.assert(at.bytes, { counter: 1 }) }));
  at = await challenge();
  const stranger = new SoftwareAuthenticator(RP, ORIGIN);
  await refused(vault.over(completeLogin, { challengeId: at.challengeId, webauthn: stranger.assert(at.bytes) }));
  await refused(vault.over(completeLogin, { challengeId: at.challengeId, totpCode: "123456" }));
  await vault.ask(unlockUser, { name: "wanda" });
  at = await challenge();
  await vault.over(completeLogin, { challengeId: at.challengeId, webauthn: key.assert(at.bytes) });
});

test("a factor is removed by its user with the password, or by an administrator, which ends the user's sessions", async () => {
  const { token, factorId } = await withApp("fritz");
  await refused(vault.over(removeFactor, { factorId, currentPassword: bytes("wrong") }, { token }));
  await refused(vault.over(removeFactor, { factorId: "no-such", currentPassword: bytes(OWN) }, { token }), "OBJECT_NOT_FOUND");
  await refused(vault.over(removeFactor, { name: "anna", factorId }, { token }), "PERMISSION_DENIED");
  await vault.over(removeFactor, { factorId, currentPassword: bytes(OWN) }, { token });
  assert.ok((await enter("fritz")).tokens !== undefined);
  const { token: other, factorId: app } = await withApp("franz");
  await vault.ask(removeFactor, { name: "franz", factorId: app });
  await refused(vault.over(whoAmI, {}, { token: other }));
  assert.ok((await enter("franz")).tokens !== undefined);
});

test("a reset by an administrator ends every session and must be followed by a password of one's own", async () => {
  await user("ruth");
  const token = await tokenOf("ruth");
  await refused(vault.over(setPassword, { name: "anna", password: bytes(FIRST) }, { token }), "PERMISSION_DENIED");
  await vault.ask(setPassword, { name: "ruth", password: bytes(FIRST) });
  await refused(vault.over(whoAmI, {}, { token }));
  await refused(enter("ruth"));
  assert.equal((await tokensOf("ruth", FIRST)).mustChangePassword, true);
  await refused(vault.ask(setPassword, { name: "ruth", password: bytes("short") }), "INVALID_REQUEST");
  await refused(vault.ask(setPassword, { name: "nobody", password: bytes(FIRST) }), "OBJECT_NOT_FOUND");
});

test("what a user may do changes with the next request, and a disabled or removed user has no session", async () => {
  await user("uta", { roles: ["KeyUser"], namespaces: ["default"] });
  const token = await tokenOf("uta");
  await vault.over(listKeys, {}, { token });
  await vault.ask(updateUser, { name: "uta", removeRoles: ["user"], displayName: "Uta" });
  await refused(vault.over(listKeys, {}, { token }), "PERMISSION_DENIED");
  await vault.ask(updateUser, { name: "uta", addRoles: ["Auditor"] });
  await vault.over(listUsers, {}, { token });
  await vault.ask(updateUser, { name: "uta", removeNamespaces: ["default"], addNamespaces: ["elsewhere"] });
  await refused(vault.over(listKeys, { namespace: "default" }, { token }), "PERMISSION_DENIED");
  await vault.ask(updateUser, { name: "uta", disabled: true });
  await refused(vault.over(whoAmI, {}, { token }));
  await vault.ask(updateUser, { name: "uta", disabled: false });
  await refused(vault.over(whoAmI, {}, { token }));
  const fresh = await tokenOf("uta");
  await vault.ask(deleteUser, { name: "uta" });
  await refused(vault.over(whoAmI, {}, { token: fresh }));
  await user("uta");
  await refused(vault.over(whoAmI, {}, { token: fresh }));
  await refused(vault.ask(deleteUser, { name: "nobody" }), "OBJECT_NOT_FOUND");
  await refused(vault.ask(updateUser, { name: "nobody" }), "OBJECT_NOT_FOUND");
});

test("nobody gives more than they have, nor takes over who has more", async () => {
  await user("olga", { roles: ["Operator"], namespaces: ["default"] });
  // No built-in role but Administrator manages users: a principal that does so in one namespace alone is made by hand.
  const { users, serviceAccounts } = vault.identity;
  const by = {
    ...(await vault.identity.sessions.principalOf(await tokenOf("olga"), { address: "192.0.2.1", thumbprint: "" }))!,
    permissions: new Set(["identity:manage", "key:read", "status:view"] as const),
  };
  const fresh = { name: "eve", displayName: "", person: "", password: Buffer.alloc(0), maxSessions: 0 };
  const argon2 = vault.identity.argon2("test");
  await refused(users.create(by, { ...fresh, roles: ["Administrator"], namespaces: ["default"] }, argon2), "PERMISSION_DENIED");
  await refused(users.create(by, { ...fresh, roles: [], namespaces: ["*"] }, argon2), "PERMISSION_DENIED");
  await refused(users.create(by, { ...fresh, roles: [], namespaces: ["other"] }, argon2), "PERMISSION_DENIED");
  await refused(users.resetPassword(by, "anna", bytes(FIRST), argon2), "PERMISSION_DENIED");
  await refused(users.remove(by, "anna"), "PERMISSION_DENIED");
  await refused(users.unlock(by, "anna"), "PERMISSION_DENIED");
  await refused(
    serviceAccounts.create(by, { name: "s", description: "", roles: ["Service"], namespaces: [], maxSessions: 0 }),
    "PERMISSION_DENIED",
  );
  const { change } = await users.create(by, { ...fresh, roles: [], namespaces: ["default"] }, argon2);
  change.settle(false);
});

test("users are made once, with roles there are, a strong password, and read without secrets", async () => {
  await refused(vault.ask(createUser, { name: "anna" }), "OBJECT_EXISTS");
  await refused(vault.ask(createUser, { name: "new", roles: ["Root"] }), "INVALID_REQUEST");
  await refused(vault.ask(createUser, { name: "new", password: bytes("short") }), "INVALID_REQUEST");
  for (const name of ["", "Anna", "_nobody", "a b", "a/b", "-a", "../x", "a".repeat(65)])
    await refused(vault.ask(createUser, { name }), "INVALID_REQUEST");
  const { users } = await vault.ask(listUsers, {});
  assert.deepEqual(
    users.map(({ name }) => name),
    users.map(({ name }) => name).toSorted(),
  );
  const { user: anna } = await vault.ask(getUser, { name: "anna" });
  assert.deepEqual([anna?.person, anna?.hasPassword, anna?.mustChangePassword], ["anna", true, false]);
  assert.deepEqual((await vault.over(getUser, {}, { token: await tokenOf("anna") })).user?.name, "anna");
  await refused(vault.ask(getUser, { name: "nobody" }), "OBJECT_NOT_FOUND");
  for (const operation of [getUser, enrollTotp, generateRecoveryCodes, beginWebAuthnRegistration])
    await refused(vault.ask(operation as typeof getUser, {}), "INVALID_REQUEST");
});

test("no password, code or token is in the log, the events or what is held in memory, not even as a digest", async () => {
  await user("quiet");
  const tokens = await tokensOf("quiet");
  const events = JSON.stringify(await vault.events());
  const lines = vault.lines.join("\n");
  const held = JSON.stringify(["user", "session", "lockout"].map((kind) => vault.vault.documents.list(kind as "user")));
  for (const secret of [FIRST, OWN, tokens.accessToken, tokens.refreshToken, tokens.refreshToken.split(".")[1] as string])
    for (const form of [secret, bytes(secret).toString("base64"), createHash("sha256").update(secret).digest("hex")])
      for (const [where, text] of Object.entries({ events, lines, held })) assert.ok(!text.includes(form), `${form} in ${where}`);
  const sealed = (await vault.events()).filter(({ action }) => ["Login", "SetPassword", "CompleteLogin", "CreateUser"].includes(action));
  assert.ok(sealed.length > 20);
  for (const { action, payload } of sealed) assert.equal(payload, "", action);
});

test("the log says who a login turned out to be, and of a failed one only that it failed", async () => {
  await tokensOf("quiet");
  const good = (await vault.events("Login")).at(-1);
  assert.deepEqual([good?.principal, good?.authentication, good?.outcome, good?.decision], ["user:quiet", "local user", "OK", "allow"]);
  await refused(enter("quiet", "wrong"));
  const bad = (await vault.events("Login")).at(-1);
  assert.deepEqual([bad?.principal, bad?.outcome, bad?.decision], ["anonymous", "UNAUTHENTICATED", "refuse"]);
});
