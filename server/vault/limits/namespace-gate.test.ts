import assert from "node:assert/strict";
import { test } from "node:test";
import type { HsmError } from "@keystead/contract/errors";
import { Algorithm } from "@keystead/contract/generated/hsm/hsm_pb";
import type { Operation } from "@keystead/contract/operation";
import { batch } from "@keystead/contract/operations/batch";
import { createNamespace } from "@keystead/contract/operations/create-namespace";
import { generateKey } from "@keystead/contract/operations/generate-key";
import { getKey } from "@keystead/contract/operations/get-key";
import { getNamespace } from "@keystead/contract/operations/get-namespace";
import { getPublicKey } from "@keystead/contract/operations/get-public-key";
import { listKeys } from "@keystead/contract/operations/list-keys";
import { listNamespaces } from "@keystead/contract/operations/list-namespaces";
import { resumeNamespace } from "@keystead/contract/operations/resume-namespace";
import { sign } from "@keystead/contract/operations/sign";
import { suspendNamespace } from "@keystead/contract/operations/suspend-namespace";
import { updateNamespace } from "@keystead/contract/operations/update-namespace";
import { ClockedVault, type Caller } from "../testing/clocked-vault.ts";
import { namespaceGate } from "./namespace-gate.ts";
import { RateLimits, UNLIMITED } from "./rate-limits.ts";

const SIGN = { namespace: "team", keyId: "k", data: Buffer.from("x") };
const OPERATOR: Caller = { roles: ["Operator"], namespaces: ["team"] };

async function vaultWithTeam(clock = { ms: 0 }): Promise<ClockedVault> {
  const vault = await ClockedVault.open();
  vault.gates.push(namespaceGate(() => vault.vault.objects, new RateLimits(UNLIMITED, () => clock.ms)));
  await vault.ask(createNamespace, { namespace: "team" });
  await vault.ask(generateKey, { namespace: "team", keyId: "k", algorithm: Algorithm.Ed25519 });
  return vault;
}

const refusalOf = (asking: Promise<unknown>): Promise<HsmError> =>
  asking.then(
    () => assert.fail("was answered"),
    (error: HsmError) => error,
  );

test("in a suspended namespace nothing is used or changed, by nobody, and after it is resumed everything is as before", async () => {
  const vault = await vaultWithTeam();
  await vault.askFrom(OPERATOR, sign, SIGN);
  const { namespace } = await vault.askFrom({ id: "token:alice" }, suspendNamespace, { namespace: "team", reason: "stolen laptop" });
  assert.deepEqual([namespace?.state, namespace?.suspendedBy, namespace?.suspensionReason], ["suspended", "token:alice", "stolen laptop"]);
  for (const caller of [OPERATOR, {}]) {
    const refused = await refusalOf(vault.askFrom(caller, sign, SIGN));
    assert.deepEqual([refused.code, refused.detail], ["KEY_STATE_FORBIDS", "the namespace 'team' is suspended"]);
    assert.equal(
      await vault.codeOf(vault.askFrom(caller, generateKey, { namespace: "team", algorithm: Algorithm.Ed25519 })),
      "KEY_STATE_FORBIDS",
    );
    assert.equal(
      await vault.codeOf(vault.askFrom(caller, batch, { namespace: "team", items: [{ operation: { case: "sign", value: SIGN } }] })),
      "KEY_STATE_FORBIDS",
    );
  }
  await vault.reopen();
  assert.equal(await vault.codeOf(vault.askFrom(OPERATOR, sign, SIGN)), "KEY_STATE_FORBIDS", "it is suspended after a start too");
  assert.equal(await vault.codeOf(vault.askFrom({}, suspendNamespace, { namespace: "team" })), "KEY_STATE_FORBIDS");
  await vault.askFrom({}, resumeNamespace, { namespace: "team" });
  await vault.askFrom(OPERATOR, sign, SIGN);
  assert.equal(await vault.codeOf(vault.askFrom({}, resumeNamespace, { namespace: "team" })), "KEY_STATE_FORBIDS");
});

test("a suspended namespace is seen by who administers or audits it, and by nobody else", async () => {
  const vault = await vaultWithTeam();
  await vault.askFrom({}, suspendNamespace, { namespace: "team" });
  for (const operation of [getKey, getPublicKey, listKeys] as unknown as Operation[]) {
    const asked = (roles: readonly string[]) =>
      vault.codeOf(vault.askFrom({ roles, namespaces: ["team"] }, operation, { namespace: "team", keyId: "k" } as never));
    for (const role of ["Administrator", "NamespaceAdmin", "Auditor"]) assert.equal(await asked([role]), "OK", `${role} ${operation.name}`);
    for (const role of ["Operator", "KeyUser", "Service", "KeyAdmin"])
      assert.equal(await asked([role]), "KEY_STATE_FORBIDS", `${role} ${operation.name}`);
  }
  assert.equal(
    await vault.codeOf(vault.askFrom({}, sign, { ...SIGN, namespace: "default" })),
    "OBJECT_NOT_FOUND",
    "others are not concerned",
  );
});

test("what the server itself does is not held up by a suspension", async () => {
  const vault = await vaultWithTeam();
  await vault.ask(suspendNamespace, { namespace: "team" });
  await vault.ask(sign, SIGN);
});

test("a namespace's own addresses count besides the configuration's, and can be corrected by who they keep out", async () => {
  const vault = await vaultWithTeam();
  const from = (address: string): Caller => ({ ...OPERATOR, address });
  await vault.askFrom({}, updateNamespace, {
    namespace: "team",
    addresses: { allowedIps: ["10.0.0.0/8", "2001:db8::/32"], deniedIps: ["10.9.0.0/16"] },
  });
  assert.equal(await vault.codeOf(vault.askFrom(from("10.1.2.3"), sign, SIGN)), "OK");
  assert.equal(await vault.codeOf(vault.askFrom(from("::ffff:10.1.2.3"), sign, SIGN)), "OK");
  assert.equal(await vault.codeOf(vault.askFrom(from("2001:db8::7"), sign, SIGN)), "OK");
  for (const address of ["10.9.1.1", "::ffff:10.9.1.1", "192.0.2.1", "", "nonsense"]) {
    const refused = await refusalOf(vault.askFrom(from(address), sign, SIGN));
    assert.deepEqual([refused.code, refused.detail], ["PERMISSION_DENIED", "Sign is not permitted here"], address);
  }
  const seen = async (caller: Caller): Promise<string[]> =>
    (await vault.askFrom(caller, listNamespaces, {})).namespaces.map(({ namespace }) => namespace);
  assert.deepEqual(await seen(from("10.1.2.3")), ["team"]);
  assert.deepEqual(await seen(from("192.0.2.1")), []);
  await vault.askFrom({ address: "192.0.2.1" }, updateNamespace, { namespace: "team", addresses: {} });
  assert.equal(await vault.codeOf(vault.askFrom(from("192.0.2.1"), sign, SIGN)), "OK");
});

test("what is no address and no range is refused by the name of its list", async () => {
  const vault = await vaultWithTeam();
  for (const wrong of ["10.0.0.0/33", "10.0.0", "::/129", "example.org", "10.0.0.0/8/8", "fe80::1%eth0", "10.0.0.0/-1", "10.0.0.0/08"]) {
    const refused = await refusalOf(vault.askFrom({}, updateNamespace, { namespace: "team", addresses: { deniedIps: [wrong] } }));
    assert.deepEqual(
      [refused.code, refused.detail],
      ["INVALID_REQUEST", "addresses.denied_ips: an entry is no address and no CIDR range"],
      wrong,
    );
  }
});

test("a namespace's own rate holds for everybody in it together, and those without reach cannot use it up", async () => {
  const clock = { ms: 0 };
  const vault = await vaultWithTeam(clock);
  await vault.askFrom({}, updateNamespace, { namespace: "team", requestsPerSecond: 1, burst: 2 });
  for (let times = 0; times < 20; times += 1)
    assert.equal(await vault.codeOf(vault.askFrom({ ...OPERATOR, namespaces: ["other"] }, sign, SIGN)), "PERMISSION_DENIED");
  await vault.askFrom({ ...OPERATOR, id: "token:a" }, sign, SIGN);
  await vault.askFrom({ ...OPERATOR, id: "token:b" }, sign, SIGN);
  const refused = await refusalOf(vault.askFrom({ ...OPERATOR, id: "token:c" }, sign, SIGN));
  assert.deepEqual([refused.code, refused.retryAfterSeconds], ["RATE_LIMITED", 1]);
  assert.equal(refused.nothingDone, false, "it was decided on, and that is recorded");
  assert.equal(await vault.codeOf(vault.askFrom({}, sign, { ...SIGN, namespace: "default" })), "OBJECT_NOT_FOUND");
  clock.ms += 1000;
  await vault.askFrom(OPERATOR, sign, SIGN);
});

test("quota, rate and description are changed one by one, and what is left out stays", async () => {
  const vault = await vaultWithTeam();
  const shown = async () => {
    const { namespace } = await vault.askFrom({}, getNamespace, { namespace: "team" });
    assert.ok(namespace !== undefined);
    const { description, maxKeys, requestsPerSecond, burst, keys, state } = namespace;
    return { description, maxKeys, requestsPerSecond, burst, keys, state };
  };
  const update = (request: object): Promise<unknown> => vault.askFrom({}, updateNamespace, { namespace: "team", ...request });
  assert.deepEqual(await shown(), { description: "", maxKeys: 0, requestsPerSecond: 0, burst: 0, keys: 1, state: "active" });
  await update({ description: "cards" });
  await update({ maxKeys: 1 });
  await update({ requestsPerSecond: 50 });
  assert.deepEqual(await shown(), { description: "cards", maxKeys: 1, requestsPerSecond: 50, burst: 100, keys: 1, state: "active" });
  await update({ burst: 7 });
  await update({ description: "" });
  assert.equal(await vault.codeOf(vault.askFrom({}, generateKey, { namespace: "team", algorithm: Algorithm.Ed25519 })), "QUOTA_EXCEEDED");
  await vault.reopen();
  assert.deepEqual(await shown(), { description: "", maxKeys: 1, requestsPerSecond: 50, burst: 7, keys: 1, state: "active" });
  await update({ requestsPerSecond: 0, maxKeys: 2 });
  assert.deepEqual(await shown(), { description: "", maxKeys: 2, requestsPerSecond: 0, burst: 0, keys: 1, state: "active" });
  await vault.askFrom({}, generateKey, { namespace: "team", algorithm: Algorithm.Ed25519 });
  assert.equal(await vault.codeOf(update({})), "INVALID_REQUEST");
  assert.equal(await vault.codeOf(update({ burst: 5 })), "INVALID_REQUEST");
  assert.equal(await vault.codeOf(vault.askFrom({}, updateNamespace, { namespace: "none", maxKeys: 1 })), "OBJECT_NOT_FOUND");
});

test("two who change one namespace at once both succeed", async () => {
  const vault = await vaultWithTeam();
  await Promise.all([
    vault.askFrom({}, updateNamespace, { namespace: "team", maxKeys: 9 }),
    vault.askFrom({}, updateNamespace, { namespace: "team", description: "both" }),
    vault.askFrom({}, suspendNamespace, { namespace: "team" }),
  ]);
  const { namespace } = await vault.askFrom({}, getNamespace, { namespace: "team" });
  assert.deepEqual([namespace?.maxKeys, namespace?.description, namespace?.state], [9, "both", "suspended"]);
});
