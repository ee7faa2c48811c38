import assert from "node:assert/strict";
import { test, type TestContext } from "node:test";
import { Algorithm } from "@keystead/contract/generated/hsm/hsm_pb";
import { HsmError } from "@keystead/contract/errors";
import { batch } from "@keystead/contract/operations/batch";
import { createGrant } from "@keystead/contract/operations/create-grant";
import { decrypt } from "@keystead/contract/operations/decrypt";
import { explainDecision } from "@keystead/contract/operations/explain-decision";
import { generateKey } from "@keystead/contract/operations/generate-key";
import { getPublicKey } from "@keystead/contract/operations/get-public-key";
import { listGrants } from "@keystead/contract/operations/list-grants";
import { revokeGrant } from "@keystead/contract/operations/revoke-grant";
import { rotateKey } from "@keystead/contract/operations/rotate-key";
import { setPolicy } from "@keystead/contract/operations/set-policy";
import { sign } from "@keystead/contract/operations/sign";
import { askAs, codeAs, person } from "../testing/asking.ts";
import { ClockedVault } from "../testing/clocked-vault.ts";
import { compileCondition } from "./conditions.ts";
import { DRAFT_LIMITS } from "./drafts.ts";

const DATA = Buffer.from("data");
const admin = person("user:admin", ["Administrator"]);
const bob = person("user:bob");

/** A vault in which administrators, by the configuration, hand something on to bob. */
async function vaultOf(t: TestContext) {
  const vault = await ClockedVault.open();
  t.after(async () => {
    vault.monitor.close();
    await vault.vault.log.close();
    vault.vault.objects.close();
  });
  vault.standing = (id) => (id === admin.id ? admin : undefined);
  await askAs(vault.monitor, admin, generateKey, { keyId: "ed", algorithm: Algorithm.Ed25519 });
  return {
    vault,
    grant: async (maxUses: number, more: object = {}) =>
      (await askAs(vault.monitor, admin, createGrant, { keyId: "ed", grantee: bob.id, operation: "Sign", maxUses, ...more })).grant
        ?.grantId as string,
    signs: () => codeAs(vault.monitor, bob, sign, { keyId: "ed", data: DATA }),
    uses: async () =>
      (await askAs(vault.monitor, admin, listGrants, { keyId: "ed" })).grants.map(({ uses, maxUses }) => `${uses}/${maxUses}`),
  };
}

test("a grant with a number of uses is used so often and no more, and who lists grants sees how often it was", async (t) => {
  const { vault, grant, signs, uses } = await vaultOf(t);
  const id = await grant(2);
  assert.deepEqual([await signs(), await signs(), await signs(), await signs()], ["OK", "OK", "PERMISSION_DENIED", "PERMISSION_DENIED"]);
  assert.deepEqual(await uses(), ["2/2"]);
  const { answer, steps } = await askAs(vault.monitor, admin, explainDecision, {
    question: { principal: bob.id, operation: "Sign", namespace: "default", keyId: "ed", roles: [] },
  });
  assert.equal(answer?.decision, "deny");
  assert.equal(steps.find(({ rule, name }) => rule === "delegation" && name === id)?.detail, "all of its 2 uses are taken");
});

test("a use is in the transaction of its own event: no crash gives an answered one back or loses one", async (t) => {
  const { vault, grant, signs, uses } = await vaultOf(t);
  const id = await grant(3);
  for (const left of [2, 1, 0]) {
    assert.equal(await signs(), "OK");
    const event = (await vault.events("Sign")).at(-1);
    assert.deepEqual(
      event?.records?.map(({ name }) => name),
      [`_server/delegation/${id}/0`],
    );
    await vault.reopen(false);
    assert.deepEqual(await uses(), [`${3 - left}/3`]);
  }
  assert.equal(await signs(), "PERMISSION_DENIED");
});

test("what could not be recorded was not answered, and took nothing", async (t) => {
  const { vault, grant, signs, uses } = await vaultOf(t);
  await grant(1);
  const { log } = vault.vault;
  const append = log.append.bind(log);
  log.append = () => Promise.reject(new HsmError("AUDIT_UNAVAILABLE", "the disk is full"));
  assert.equal(await signs(), "AUDIT_UNAVAILABLE");
  log.append = append;
  assert.deepEqual(await uses(), ["0/1"]);
  assert.deepEqual([await signs(), await signs()], ["OK", "PERMISSION_DENIED"]);
});

test("requests that race never take more uses than there are", async (t) => {
  const { grant, signs, uses } = await vaultOf(t);
  await grant(7);
  const answers = await Promise.all(Array.from({ length: 50 }, signs));
  assert.equal(answers.filter((code) => code === "OK").length, 7);
  assert.equal(answers.filter((code) => code === "PERMISSION_DENIED").length, 43);
  assert.deepEqual(await uses(), ["7/7"]);
});

test("each item of a batch is a use", async (t) => {
  const { vault, grant, uses } = await vaultOf(t);
  await grant(3);
  const batcher = person(bob.id, [], "all", { permissions: new Set(["crypto:batch"]) });
  const item = { operation: { case: "sign" as const, value: { keyId: "ed", data: DATA } } };
  const outcomes = async (): Promise<string[]> =>
    (await askAs(vault.monitor, batcher, batch, { items: [item, item] })).results.map(({ result }) =>
      result.case === "error" ? result.value.code : "OK",
    );
  assert.deepEqual(await outcomes(), ["OK", "OK"]);
  assert.deepEqual(await uses(), ["2/3"]);
  const second = await outcomes();
  assert.deepEqual(second.toSorted(), ["OK", "PERMISSION_DENIED"]);
  assert.deepEqual(await uses(), ["3/3"]);
  await vault.reopen(false);
  assert.deepEqual([await outcomes(), await uses()], [["PERMISSION_DENIED", "PERMISSION_DENIED"], ["3/3"]]);
});

test("what was permitted and then failed was tried, and counts", async (t) => {
  const { vault, grant, uses } = await vaultOf(t);
  await askAs(vault.monitor, admin, generateKey, { keyId: "aes", algorithm: Algorithm.Aes256Gcm });
  await grant(2, { keyId: "aes", operation: "Decrypt" });
  const guess = (): Promise<string> => codeAs(vault.monitor, bob, decrypt, { keyId: "aes", ciphertext: Buffer.alloc(64) });
  const [one, two, three] = [await guess(), await guess(), await guess()];
  assert.equal(one, two);
  assert.notEqual(one, "PERMISSION_DENIED");
  assert.equal(three, "PERMISSION_DENIED");
  assert.deepEqual(await uses(), []);
  const { grants } = await askAs(vault.monitor, admin, listGrants, { keyId: "aes" });
  assert.deepEqual(
    grants.map((each) => each.uses),
    [2],
  );
});

test("a use is of changes and readings too, and goes with what it changes or not at all", async (t) => {
  const { vault, grant } = await vaultOf(t);
  await grant(1, { operation: "RotateKey" });
  await grant(1, { operation: "GetPublicKey" });
  const rotates = (): Promise<string> => codeAs(vault.monitor, bob, rotateKey, { keyId: "ed" });
  const reads = (): Promise<string> => codeAs(vault.monitor, bob, getPublicKey, { keyId: "ed" });
  assert.deepEqual(
    [await rotates(), await rotates(), await reads(), await reads()],
    ["OK", "PERMISSION_DENIED", "OK", "PERMISSION_DENIED"],
  );
});

test("who holds the same without a number of uses takes none", async (t) => {
  const { vault, grant, signs, uses } = await vaultOf(t);
  await grant(1);
  await grant(0);
  assert.deepEqual([await signs(), await signs()], ["OK", "OK"]);
  assert.deepEqual((await uses()).toSorted(), ["0/0", "0/1"]);
  const holder = person(bob.id, ["KeyUser"]);
  assert.equal(await codeAs(vault.monitor, holder, sign, { keyId: "ed", data: DATA }), "OK");
  assert.deepEqual((await uses()).toSorted(), ["0/0", "0/1"]);
});

test("a grant that is taken back before a request was recorded gives it nothing", async (t) => {
  const { vault, grant, signs } = await vaultOf(t);
  const id = await grant(5);
  let taken = "";
  vault.gates.push((asked) =>
    asked.operation.name !== "Sign" || taken !== ""
      ? undefined
      : codeAs(vault.monitor, admin, revokeGrant, { keyId: "ed", grantId: id }).then((code) => {
          taken = code;
          return undefined;
        }),
  );
  assert.equal(await signs(), "PERMISSION_DENIED");
  assert.equal(taken, "OK");
  assert.equal((await vault.events("Sign")).at(-1)?.outcome, "PERMISSION_DENIED");
});

test("a use does not lift the approval that is demanded of it, the last one neither", async (t) => {
  const { vault, grant, signs, uses } = await vaultOf(t);
  await grant(1);
  await askAs(vault.monitor, admin, setPolicy, {
    document: JSON.stringify({
      format: 1,
      approvals: [{ id: "two", namespaces: ["*"], permissions: ["crypto:sign"], quorum: 1, role: "Administrator" }],
    }),
  });
  assert.deepEqual([await signs(), await signs()], ["APPROVAL_REQUIRED", "APPROVAL_REQUIRED"]);
  assert.deepEqual(await uses(), ["0/1"]);
});

test("a grant that is used up takes nobody's room", async (t) => {
  const { vault, grant, signs } = await vaultOf(t);
  const id = await grant(1);
  assert.equal(await signs(), "OK");
  await grant(1);
  const { grants } = await askAs(vault.monitor, admin, listGrants, { keyId: "ed" });
  assert.equal(grants.length, 1);
  assert.notEqual(grants[0]?.grantId, id);
});

test("what a decision has to look at does not grow with what others hand on, all at once neither", async (t) => {
  const { vault, grant, signs } = await vaultOf(t);
  const asking = async (more: object = {}): Promise<string> =>
    codeAs(vault.monitor, admin, createGrant, { keyId: "ed", grantee: bob.id, operation: "Sign", maxUses: 1, ...more });
  const answers = await Promise.all(Array.from({ length: 40 }, () => asking()));
  assert.equal(answers.filter((code) => code === "OK").length, 16);
  assert.equal(answers.filter((code) => code === "QUOTA_EXCEEDED").length, 24);
  // One that is used up is looked at no more.
  assert.equal(await signs(), "OK");
  assert.deepEqual([await asking(), await asking()], ["OK", "QUOTA_EXCEEDED"]);
  assert.deepEqual([await asking({ operation: "GetPublicKey" }), await asking({ grantee: "user:carol" })], ["OK", "OK"]);

  // Two thousand steps, for nothing.
  const costly = `key.tags.exists(tag, ${Array.from({ length: 10 }, (_, at) => `tag == "${at}"`).join(" || ")})`;
  const { steps } = compileCondition(costly);
  const carol = { grantee: "user:dave", condition: costly };
  const room = Math.floor(DRAFT_LIMITS.steps / steps);
  assert.ok(room > 1 && room < 16, `${steps} steps`);
  for (let made = 0; made < room; made += 1) assert.equal(await asking(carol), "OK");
  assert.equal(await asking(carol), "QUOTA_EXCEEDED");
  await grant(1, { grantee: "user:dave" });
});
