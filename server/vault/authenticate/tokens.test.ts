/** Tokens against a whole vault whose clock the test holds: PINs, lockout, views, and what neither PIN gives. */
import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import type { MessageInitShape } from "@bufbuild/protobuf";
import { Algorithm, Kdf, Usage } from "@keystead/contract/generated/hsm/hsm_pb";
import { TokenPin, type CreateTokenRequestSchema, type Token } from "@keystead/contract/generated/hsm/tokens_pb";
import { batch } from "@keystead/contract/operations/batch";
import { createNamespace } from "@keystead/contract/operations/create-namespace";
import { createToken } from "@keystead/contract/operations/create-token";
import { deleteKey } from "@keystead/contract/operations/delete-key";
import { deleteNamespace } from "@keystead/contract/operations/delete-namespace";
import { deleteToken } from "@keystead/contract/operations/delete-token";
import { deriveKey } from "@keystead/contract/operations/derive-key";
import { findObjects } from "@keystead/contract/operations/find-objects";
import { generateKey } from "@keystead/contract/operations/generate-key";
import { getKey } from "@keystead/contract/operations/get-key";
import { getToken } from "@keystead/contract/operations/get-token";
import { initToken } from "@keystead/contract/operations/init-token";
import { initTokenPin } from "@keystead/contract/operations/init-token-pin";
import { listKeys } from "@keystead/contract/operations/list-keys";
import { listTokens } from "@keystead/contract/operations/list-tokens";
import { listUsers } from "@keystead/contract/operations/list-users";
import { loginToken } from "@keystead/contract/operations/login-token";
import { reauthenticate } from "@keystead/contract/operations/reauthenticate";
import { setAttributes } from "@keystead/contract/operations/set-attributes";
import { setTokenPin } from "@keystead/contract/operations/set-token-pin";
import { sign } from "@keystead/contract/operations/sign";
import { updateKey } from "@keystead/contract/operations/update-key";
import { whoAmI } from "@keystead/contract/operations/who-am-i";
import { ClockedVault } from "../testing/clocked-vault.ts";

let vault: ClockedVault;
before(async () => {
  vault = await ClockedVault.open();
  await vault.ask(createNamespace, { namespace: "other" });
});
after(() => vault.vault.log.close());

const SO = "officer's pin";
const USER = "user's own pin";
const DATA = Buffer.from("data");
const bytes = (text: string): Buffer => Buffer.from(text);
const refused = (asking: Promise<unknown>, code: string): Promise<void> => assert.rejects(asking, { code });
type Wanted = Omit<MessageInitShape<typeof CreateTokenRequestSchema>, "$typeName" | "$unknown">;

/** A new token with both PINs. */
async function make(label: string, more: Wanted = {}): Promise<Token> {
  const { token } = await vault.ask(createToken, { label, soPin: bytes(SO), userPin: bytes(USER), ...more });
  assert.ok(token !== undefined);
  return token;
}
const enter = async (name: string, role: TokenPin = TokenPin.USER, pin = role === TokenPin.SO ? SO : USER): Promise<{ token: string }> => {
  const { tokens } = await vault.over(loginToken, { name, role, pin: bytes(pin) });
  return { token: tokens?.accessToken ?? "" };
};
const seen = async (name: string): Promise<Token> => {
  const { token } = await vault.ask(getToken, { name });
  assert.ok(token !== undefined);
  return token;
};

test("a token has a name, a serial number and two PINs, and each PIN is a principal of its own", async () => {
  const made = await make("Pay roll, 2030");
  assert.deepEqual([made.name, made.label, made.namespace], ["Pay-roll--2030", "Pay roll, 2030", "default"]);
  assert.match(made.serialNumber, /^[0-9a-f]{16}$/);
  assert.deepEqual([made.soPin?.initialized, made.userPin?.initialized, made.minPinLength, made.maxPinLength], [true, true, 8, 1024]);
  assert.deepEqual(await seen(made.name), made);
  for (const [role, id] of [
    [TokenPin.SO, "token:Pay-roll--2030.so"],
    [TokenPin.USER, "token:Pay-roll--2030.user"],
  ] as const) {
    const { principal, method, roles, namespaces } = await vault.over(whoAmI, {}, await enter(made.name, role));
    assert.deepEqual([principal, method, roles, namespaces], [id, "token PIN", [], ["default"]]);
  }
});

test("a second token of a name, a label that is too long, and an algorithm there is not are refused", async () => {
  await make("twice");
  await refused(make("twice"), "OBJECT_EXISTS");
  await refused(make("another", { name: "twice" }), "OBJECT_EXISTS");
  await refused(make("ä".repeat(17)), "INVALID_REQUEST");
  await refused(make("aäääääääääääääääääääää"), "INVALID_REQUEST");
  await refused(make("odd", { algorithms: ["ROT13"] }), "INVALID_REQUEST");
  await refused(make("nowhere", { namespace: "absent" }), "OBJECT_NOT_FOUND");
});

test("a PIN has eight characters or more; in development four, and then whoever sets it is told", async () => {
  await refused(make("short", { soPin: bytes("1234567") }), "INVALID_REQUEST");
  await refused(make("short", { userPin: bytes("1234567") }), "INVALID_REQUEST");
  const development = new ClockedVault();
  Object.assign(development.identityRules, { pins: { minLength: 4 } });
  await ClockedVault.begin(development);
  try {
    const wanted = { label: "dev", soPin: bytes("0000") };
    const { warnings, token } = await development.ask(createToken, wanted);
    assert.equal(warnings.length, 1);
    assert.equal(token?.minPinLength, 4);
    assert.ok(development.lines.some((line) => line.includes(warnings[0] as string)));
    await refused(development.ask(createToken, { label: "dev2", soPin: bytes("000") }), "INVALID_REQUEST");
    const { warnings: none } = await development.ask(createToken, { label: "dev3", soPin: bytes("00000000") });
    assert.deepEqual(none, []);
  } finally {
    await development.vault.log.close();
  }
});

test("a token there is not, a wrong PIN, one that was never set and a locked one get one answer and leave like traces", async () => {
  await make("known");
  await make("bare", { userPin: bytes("") });
  await make("locked");
  for (let index = 0; index < 5; index += 1) await refused(enter("locked", TokenPin.USER, "wrong"), "UNAUTHENTICATED");
  const answers = new Set<string>();
  const traces = new Set<string>();
  for (const [name, pin] of [
    ["unknown", USER],
    ["known", "wrong"],
    ["known", SO],
    ["bare", USER],
    ["locked", USER],
  ] as const) {
    const before_ = (await vault.events()).length;
    const error = await enter(name, TokenPin.USER, pin).then(
      () => assert.fail("was let in"),
      (refusal: Error) => refusal,
    );
    answers.add(JSON.stringify({ ...error, message: error.message }));
    const events = (await vault.events()).slice(before_);
    traces.add(
      JSON.stringify(events.map(({ action, outcome, decision, records }) => ({ action, outcome, decision, records: records?.length }))),
    );
  }
  assert.equal(answers.size, 1);
  assert.equal(traces.size, 1);
});

test("wrong PINs are counted for each PIN by itself, and the flags say how near the lock is", async () => {
  await make("counted");
  const flags = async (): Promise<unknown> => {
    const { userPin } = await seen("counted");
    return [userPin?.countLow, userPin?.finalTry, userPin?.locked];
  };
  assert.deepEqual(await flags(), [false, false, false]);
  await refused(enter("counted", TokenPin.USER, "wrong"), "UNAUTHENTICATED");
  assert.deepEqual(await flags(), [true, false, false]);
  await enter("counted");
  assert.deepEqual(await flags(), [false, false, false]);
  for (let index = 0; index < 4; index += 1) await refused(enter("counted", TokenPin.USER, "wrong"), "UNAUTHENTICATED");
  assert.deepEqual(await flags(), [true, true, false]);
  await vault.reopen();
  assert.deepEqual(await flags(), [true, true, false]);
  await refused(enter("counted", TokenPin.USER, "wrong"), "UNAUTHENTICATED");
  assert.deepEqual(await flags(), [true, false, true]);
  await refused(enter("counted"), "UNAUTHENTICATED");
  // The officer's is another one.
  await enter("counted", TokenPin.SO);
  assert.equal((await seen("counted")).soPin?.countLow, false);
});

test("the security officer sets the user PIN, which ends its sessions and unlocks it", async () => {
  await make("reset");
  const user = await enter("reset");
  for (let index = 0; index < 5; index += 1) await refused(enter("reset", TokenPin.USER, "wrong"), "UNAUTHENTICATED");
  const officer = await enter("reset", TokenPin.SO);
  await refused(vault.over(initTokenPin, { pin: bytes("short") }, officer), "INVALID_REQUEST");
  await vault.over(initTokenPin, { pin: bytes("another pin") }, officer);
  await refused(vault.over(whoAmI, {}, user), "UNAUTHENTICATED");
  await refused(enter("reset"), "UNAUTHENTICATED");
  await enter("reset", TokenPin.USER, "another pin");
  // And nobody else does.
  const again = await enter("reset", TokenPin.USER, "another pin");
  await refused(vault.over(initTokenPin, { pin: bytes("of the user's own") }, again), "PERMISSION_DENIED");
  await refused(vault.over(initToken, {}, again), "PERMISSION_DENIED");
  await refused(vault.ask(initTokenPin, { pin: bytes("of an administrator") }), "INVALID_REQUEST");
});

test("each PIN is changed by whoever knows it, which ends every session that it opened", async () => {
  await make("changing");
  for (const role of [TokenPin.USER, TokenPin.SO]) {
    const old = role === TokenPin.SO ? SO : USER;
    const [first, second] = [await enter("changing", role), await enter("changing", role)];
    await refused(vault.over(setTokenPin, { oldPin: bytes("wrong"), newPin: bytes("brand new pin") }, first), "UNAUTHENTICATED");
    await refused(vault.over(setTokenPin, { oldPin: bytes(old), newPin: bytes("short") }, first), "INVALID_REQUEST");
    await vault.over(setTokenPin, { oldPin: bytes(old), newPin: bytes("brand new pin") }, first);
    for (const session of [first, second]) await refused(vault.over(whoAmI, {}, session), "UNAUTHENTICATED");
    await refused(enter("changing", role, old), "UNAUTHENTICATED");
    await enter("changing", role, "brand new pin");
  }
  await refused(vault.ask(setTokenPin, { oldPin: bytes(USER), newPin: bytes("brand new pin") }), "INVALID_REQUEST");
});

test("wrong old PINs count like failed logins", async () => {
  await make("guessed");
  const session = await enter("guessed");
  const change = (oldPin: string): Promise<unknown> =>
    vault.over(setTokenPin, { oldPin: bytes(oldPin), newPin: bytes("brand new pin") }, session);
  for (let index = 0; index < 5; index += 1) await refused(change("wrong"), "UNAUTHENTICATED");
  await refused(change(USER), "UNAUTHENTICATED");
  vault.now += 300_000;
  await refused(vault.over(whoAmI, {}, session), "UNAUTHENTICATED");
  await enter("guessed");
});

test("the user of a token makes, sees and uses keys of its view, and no other", async () => {
  await make("viewed", { tags: ["pay"], algorithms: ["Ed25519", "AES-256-GCM", "HMAC-SHA-256"] });
  await vault.ask(generateKey, { keyId: "theirs", algorithm: Algorithm.Ed25519, tags: ["pay", "more"] });
  await vault.ask(generateKey, { keyId: "untagged", algorithm: Algorithm.Ed25519 });
  await vault.ask(generateKey, { keyId: "odd", algorithm: Algorithm.Ed448, tags: ["pay"] });
  await vault.ask(generateKey, { keyId: "theirs", namespace: "other", algorithm: Algorithm.Ed25519, tags: ["pay"] });
  const user = await enter("viewed");
  await vault.over(sign, { keyId: "theirs", data: DATA }, user);
  for (const keyId of ["untagged", "odd", "absent"]) {
    await refused(vault.over(sign, { keyId, data: DATA }, user), "PERMISSION_DENIED");
    await refused(vault.over(getKey, { keyId }, user), "PERMISSION_DENIED");
    await refused(vault.over(deleteKey, { keyId }, user), "PERMISSION_DENIED");
  }
  await refused(vault.over(sign, { keyId: "theirs", namespace: "other", data: DATA }, user), "PERMISSION_DENIED");
  const made = (more: object): Promise<unknown> => vault.over(generateKey, { algorithm: Algorithm.Ed25519, ...more }, user);
  await refused(made({ keyId: "new" }), "PERMISSION_DENIED");
  await refused(made({ keyId: "new", tags: ["pay"], algorithm: Algorithm.Ed448 }), "PERMISSION_DENIED");
  await made({ keyId: "new", tags: ["pay"] });
  const names = ({ keys }: { keys: readonly { keyId: string }[] }): string[] => keys.map(({ keyId }) => keyId).sort();
  assert.deepEqual(names(await vault.over(listKeys, {}, user)), ["new", "theirs"]);
  assert.deepEqual(names(await vault.over(findObjects, {}, user)), ["new", "theirs"]);
  assert.equal((await vault.over(listKeys, {}, user)).total, 2);
  // A key is not moved into the view, nor out of it.
  await refused(vault.over(updateKey, { keyId: "untagged", addTags: ["pay"] }, user), "PERMISSION_DENIED");
  await refused(vault.over(updateKey, { keyId: "new", removeTags: ["pay"] }, user), "PERMISSION_DENIED");
  await vault.over(updateKey, { keyId: "new", addTags: ["more"] }, user);
  await refused(vault.over(listUsers, {}, user), "PERMISSION_DENIED");
});

test("a key that is made on the way is in the view too, or it is not made", async () => {
  await make("deriving", { tags: ["pay"] });
  await vault.ask(generateKey, { keyId: "seed", algorithm: Algorithm.GenericSecret, tags: ["pay"] });
  const user = await enter("deriving");
  const derive = (tags: string[]): Promise<unknown> =>
    vault.over(deriveKey, { keyId: "seed", derivation: { function: Kdf.HKDF }, asKey: { algorithm: Algorithm.Aes256Gcm, tags } }, user);
  await refused(derive([]), "PERMISSION_DENIED");
  await refused(derive(["more"]), "PERMISSION_DENIED");
  await derive(["pay"]);
});

test("the security officer uses no key, makes none and changes none", async () => {
  await make("offices");
  await vault.ask(generateKey, { keyId: "offices", algorithm: Algorithm.Ed25519 });
  const officer = await enter("offices", TokenPin.SO);
  await vault.over(getKey, { keyId: "offices" }, officer);
  await refused(vault.over(sign, { keyId: "offices", data: DATA }, officer), "PERMISSION_DENIED");
  await refused(vault.over(generateKey, { algorithm: Algorithm.Ed25519 }, officer), "PERMISSION_DENIED");
  await refused(vault.over(updateKey, { keyId: "offices", description: "changed" }, officer), "PERMISSION_DENIED");
  await refused(vault.over(deleteKey, { keyId: "offices" }, officer), "PERMISSION_DENIED");
});

test("the security officer says which keys of the view are trusted, and changes nothing else; the user cannot say it", async () => {
  await make("trusting", { tags: ["trusting"] });
  const wrapping = { algorithm: Algorithm.Aes256Kwp, tags: ["trusting"] };
  await vault.ask(generateKey, { keyId: "wrapper", ...wrapping });
  await vault.ask(generateKey, { keyId: "elsewhere", algorithm: Algorithm.Aes256Kwp });
  const officer = await enter("trusting", TokenPin.SO);
  const set = (keyId: string, attributes: object, seen_ = officer): Promise<unknown> =>
    vault.over(setAttributes, { keyId, attributes }, seen_);
  await set("wrapper", { trusted: true });
  await set("wrapper", { trusted: false });
  await refused(set("wrapper", { trusted: true, label: "mine" }), "PERMISSION_DENIED");
  await refused(set("wrapper", { label: "mine" }), "PERMISSION_DENIED");
  await refused(set("wrapper", { usage: [Usage.WRAP], trusted: true }), "PERMISSION_DENIED");
  await refused(set("wrapper", {}), "PERMISSION_DENIED");
  await refused(set("elsewhere", { trusted: true }), "PERMISSION_DENIED");
  const user = await enter("trusting");
  await refused(set("wrapper", { trusted: true }, user), "PERMISSION_DENIED");
  await set("wrapper", { label: "mine" }, user);
  await refused(vault.over(generateKey, { ...wrapping, attributes: { trusted: true } }, user), "PERMISSION_DENIED");
});

test("a key with always_authenticate is used by a request that was just proven, once for each use, and by no item of a batch", async () => {
  await make("asking");
  await vault.ask(generateKey, { keyId: "asking", algorithm: Algorithm.Ed25519, attributes: { alwaysAuthenticate: true } });
  const { token } = await enter("asking");
  const proven = async (): Promise<{ token: string }> => ({
    token: (await vault.over(reauthenticate, { secret: bytes(USER) }, { token })).accessToken,
  });
  const request = { keyId: "asking", data: DATA };
  await refused(vault.over(sign, request, { token }), "LOGIN_REQUIRED");
  await refused(vault.ask(sign, request), "LOGIN_REQUIRED");
  const once = await proven();
  await vault.over(sign, request, once);
  await refused(vault.over(sign, request, once), "UNAUTHENTICATED");
  const items = [0, 1].map(() => ({ operation: { case: "sign" as const, value: request } }));
  const { results } = await vault.over(batch, { items }, await proven());
  assert.deepEqual(
    results.map(({ result }) => result.case === "error" && result.value.code),
    ["LOGIN_REQUIRED", "LOGIN_REQUIRED"],
  );
});

test("a token is initialised again by its officer once its view is empty: no user PIN is left, and keys never go with it", async () => {
  await make("again", { tags: ["again"] });
  const user = await enter("again");
  await vault.over(generateKey, { keyId: "last", algorithm: Algorithm.Ed25519, tags: ["again"] }, user);
  const officer = await enter("again", TokenPin.SO);
  await refused(vault.over(initToken, { label: "renewed" }, officer), "KEY_STATE_FORBIDS");
  await vault.over(whoAmI, {}, user);
  await vault.ask(updateKey, { keyId: "last", removeTags: ["again"] });
  await refused(vault.over(initToken, { label: "ä".repeat(16) }, officer), "INVALID_REQUEST");
  assert.deepEqual((await vault.over(initToken, { label: "renewed" }, officer)).label, "renewed");
  await refused(vault.over(whoAmI, {}, user), "UNAUTHENTICATED");
  await refused(enter("again"), "UNAUTHENTICATED");
  const now = await seen("again");
  assert.deepEqual([now.label, now.userPin?.initialized, now.soPin?.initialized], ["renewed", false, true]);
  await vault.over(initTokenPin, { pin: bytes(USER) }, await enter("again", TokenPin.SO));
  await enter("again");
});

test("whoever may see a namespace sees its tokens, and a PIN shows its own token alone", async () => {
  await make("here");
  await make("there", { namespace: "other" });
  const names = ({ tokens }: { tokens: readonly Token[] }): string[] => tokens.map(({ name }) => name);
  assert.ok(names(await vault.ask(listTokens, {})).includes("there"));
  const tenant = { roles: ["KeyUser"], namespaces: ["other"] };
  assert.deepEqual(names(await vault.askFrom(tenant, listTokens, {})), ["there"]);
  await refused(vault.askFrom(tenant, getToken, { namespace: "default", name: "here" }), "PERMISSION_DENIED");
  await refused(vault.askFrom(tenant, getToken, { name: "here" }), "OBJECT_NOT_FOUND");
  const user = await enter("here");
  assert.deepEqual(names(await vault.over(listTokens, {}, user)), ["here"]);
  await refused(vault.over(getToken, { name: "twice" }, user), "OBJECT_NOT_FOUND");
  await refused(vault.over(deleteToken, { name: "here" }, user), "PERMISSION_DENIED");
  await refused(vault.over(deleteToken, { name: "here" }, await enter("here", TokenPin.SO)), "PERMISSION_DENIED");
});

test("nobody makes or removes a token whose PINs give more than they have", async () => {
  await make("above");
  const some = { roles: ["NamespaceAdmin"], namespaces: ["default"] };
  await refused(vault.askFrom(some, createToken, { label: "mine", soPin: bytes(SO) }), "PERMISSION_DENIED");
  await refused(vault.askFrom(some, deleteToken, { name: "above" }), "PERMISSION_DENIED");
  const all = { roles: ["Administrator"], namespaces: ["other"] };
  await refused(vault.askFrom(all, deleteToken, { name: "above" }), "OBJECT_NOT_FOUND");
  await refused(vault.askFrom(all, createToken, { namespace: "default", label: "mine", soPin: bytes(SO) }), "PERMISSION_DENIED");
  assert.equal(await vault.codeOf(vault.askFrom(all, createToken, { label: "mine", soPin: bytes(SO) })), "OK");
});

test("with a token its PINs and their sessions go, and what was held against them; keys stay", async () => {
  await make("going");
  await vault.ask(generateKey, { keyId: "staying", algorithm: Algorithm.Ed25519 });
  const sessions = [await enter("going"), await enter("going", TokenPin.SO)];
  await refused(enter("going", TokenPin.USER, "wrong"), "UNAUTHENTICATED");
  await vault.ask(deleteToken, { name: "going" });
  for (const session of sessions) await refused(vault.over(whoAmI, {}, session), "UNAUTHENTICATED");
  await refused(enter("going"), "UNAUTHENTICATED");
  await vault.ask(getKey, { keyId: "staying" });
  await make("going");
  assert.equal((await seen("going")).userPin?.countLow, false);
});

test("with a namespace its tokens go", async () => {
  await vault.ask(createNamespace, { namespace: "ending" });
  await make("ended", { namespace: "ending" });
  const session = await enter("ended");
  await vault.ask(deleteNamespace, { namespace: "ending", reason: "over" });
  await vault.pass(31 * 86_400_000);
  await refused(vault.over(whoAmI, {}, session), "UNAUTHENTICATED");
  assert.ok(!(await vault.ask(listTokens, {})).tokens.some(({ name }) => name === "ended"));
  await refused(enter("ended"), "UNAUTHENTICATED");
});

test("PINs are in no event, no log line, and events of requests that hold one have no digest of it", async () => {
  await make("quiet");
  const session = await enter("quiet");
  await vault.over(setTokenPin, { oldPin: bytes(USER), newPin: bytes("a pin nobody sees") }, session);
  const events = await vault.events();
  for (const pin of [SO, USER, "a pin nobody sees"]) {
    assert.ok(!JSON.stringify(events).includes(pin));
    assert.ok(!vault.lines.join("").includes(pin));
  }
  const sealed = ["CreateToken", "LoginToken", "InitTokenPin", "SetTokenPin", "Reauthenticate"];
  for (const { action, payload } of events) if (sealed.includes(action)) assert.equal(payload, "", action);
  const last = events.findLast(({ action }) => action === "SetTokenPin");
  assert.deepEqual([last?.principal, last?.namespace], ["token:quiet.user", "default"]);
});

test("a token of reauthentication is good for one request, in its own session, for a minute, in this process", async () => {
  await make("twofold");
  const { token } = await enter("twofold");
  const again = async (): Promise<{ token: string }> => ({
    token: (await vault.over(reauthenticate, { secret: bytes(USER) }, { token })).accessToken,
  });
  await refused(vault.over(reauthenticate, { secret: bytes("wrong") }, { token }), "UNAUTHENTICATED");
  await refused(vault.ask(reauthenticate, { secret: bytes(USER) }), "INVALID_REQUEST");
  const first = await again();
  assert.equal((await vault.over(whoAmI, {}, first)).principal, "token:twofold.user");
  await refused(vault.over(whoAmI, {}, first), "UNAUTHENTICATED");
  // Two at once are not both the first.
  const raced = await again();
  const codes = await Promise.all([0, 1, 2].map(() => vault.codeOf(vault.over(whoAmI, {}, raced))));
  assert.deepEqual(codes.sort(), ["OK", "UNAUTHENTICATED", "UNAUTHENTICATED"]);
  // What it was used for does not matter: a refusal uses it too.
  const spent = await again();
  await refused(vault.over(listUsers, {}, spent), "PERMISSION_DENIED");
  await refused(vault.over(whoAmI, {}, spent), "UNAUTHENTICATED");
  const old = await again();
  vault.now += 60_000;
  await refused(vault.over(whoAmI, {}, old), "UNAUTHENTICATED");
  const lost = await again();
  await vault.reopen();
  await refused(vault.over(whoAmI, {}, lost), "UNAUTHENTICATED");
  await vault.over(whoAmI, {}, { token });
});
