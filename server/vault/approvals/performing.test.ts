/** What was agreed to is performed once or not at all, whatever changed, raced or crashed meanwhile. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { HsmError } from "@keystead/contract/errors";
import { Algorithm } from "@keystead/contract/generated/hsm/hsm_pb";
import { approveRequest } from "@keystead/contract/operations/approve-request";
import { cancelRequest } from "@keystead/contract/operations/cancel-request";
import { deleteKey } from "@keystead/contract/operations/delete-key";
import { denyRequest } from "@keystead/contract/operations/deny-request";
import { generateKey } from "@keystead/contract/operations/generate-key";
import { getKey } from "@keystead/contract/operations/get-key";
import { rotateKey } from "@keystead/contract/operations/rotate-key";
import { sign } from "@keystead/contract/operations/sign";
import { person } from "../testing/approvers.ts";
import { ALICE, BOB, CAROL, RULE, document, finished, held, say, stateOf, vaultWith } from "./testing/dual-control.ts";

test("a requester who lost the right meanwhile is refused, and who is nobody any more too", async () => {
  for (const now of [person("alice", ["Auditor"]), person("alice", ["Administrator"], ["tenant"]), undefined]) {
    const vault = await vaultWith([{ ...RULE, quorum: 1 }]);
    const before = await stateOf(vault);
    const id = await held(vault, deleteKey, { keyId: "k" });
    if (now === undefined) vault.people.delete(ALICE.id);
    else vault.people.set(ALICE.id, now);
    await say(vault, BOB, id);
    const after = await finished(vault, id);
    assert.deepEqual([after.state, after.outcome], ["failed", "PERMISSION_DENIED"]);
    assert.equal(await stateOf(vault), before);
    assert.deepEqual(
      (await vault.events("DeleteKey")).map(({ outcome }) => outcome),
      ["APPROVAL_REQUIRED", "PERMISSION_DENIED"],
    );
  }
});

test("what is refused when it is performed has failed, says why, and is not tried again", async () => {
  const vault = await vaultWith([{ ...RULE, quorum: 1 }]);
  const id = await held(vault, deleteKey, { keyId: "absent" });
  await say(vault, BOB, id);
  const after = await finished(vault, id);
  assert.deepEqual([after.state, after.outcome], ["failed", "OBJECT_NOT_FOUND"]);
  await vault.approvals.tick();
  await vault.reopen();
  await vault.approvals.tick();
  assert.equal((await vault.events("DeleteKey")).length, 2);
});

test("a request that came with a proof for one use of its key is performed with it, and one that came without is not", async () => {
  const vault = await vaultWith([{ ...RULE, quorum: 1, operations: ["Sign"] }]);
  await vault.ask(generateKey, { keyId: "asking", algorithm: Algorithm.Ed25519, attributes: { alwaysAuthenticate: true } });
  const proven = { ...ALICE, session: { id: "s", ended: () => false, current: () => true, once: () => true } };
  const request = { keyId: "asking", data: Buffer.from("x") };
  const without = await held(vault, sign, request);
  const first = await held(vault, sign, request, proven);
  // The proof is of its own request: it is not lent to one that waits without.
  assert.notEqual(first, without);
  assert.equal(await held(vault, sign, request, proven), first);
  for (const [id, state, outcome] of [
    [without, "failed", "LOGIN_REQUIRED"],
    [first, "done", "OK"],
  ] as const) {
    await vault.reopen();
    await say(vault, BOB, id);
    const after = await finished(vault, id);
    assert.deepEqual([after.state, after.outcome], [state, outcome]);
  }
});

test("rules that became stricter meanwhile are kept: what was approved by less is refused", async () => {
  const vault = await vaultWith([{ ...RULE, quorum: 1 }]);
  const id = await held(vault, deleteKey, { keyId: "k" });
  vault.gates.push((asked) => {
    if (asked.operation.name === "DeleteKey") asked.raise({ rule: "new", quorum: 2, roles: ["KeyAdmin"], expirySeconds: 60, reason: "" });
    return undefined;
  });
  await say(vault, BOB, id);
  const after = await finished(vault, id);
  assert.deepEqual([after.state, after.outcome, after.detail], ["failed", "PERMISSION_DENIED", "the policy asks for more by now: new"]);
});

test("a thousand racing calls perform a request at most once", async () => {
  for (let round = 0; round < 4; round += 1) {
    const vault = await vaultWith([{ ...RULE, operations: ["RotateKey"] }]);
    const id = await held(vault, rotateKey, { keyId: "k" });
    const { subject } = document(vault, id);
    const wants = [
      () => vault.askAs(BOB.principal, approveRequest, BOB.says(id, subject, "approve")),
      () => vault.askAs(CAROL.principal, approveRequest, CAROL.says(id, subject, "approve")),
      () => vault.askAs(ALICE, rotateKey, { keyId: "k" }),
      () => vault.approvals.execute(id),
      () => vault.approvals.tick(),
      ...(round % 2 === 0 ? [] : [() => vault.askAs(CAROL.principal, denyRequest, CAROL.says(id, subject, "deny"))]),
      ...(round < 2 ? [] : [() => vault.askAs(ALICE, cancelRequest, { approvalId: id })]),
    ];
    const order = Array.from({ length: 1000 }, (_, at) => at).map(
      (at) => wants[(at * 11 + round) % wants.length] as () => Promise<unknown>,
    );
    const answers = await Promise.allSettled(order.map((want) => want()));
    for (const answer of answers)
      if (answer.status === "rejected")
        assert.ok(
          ["OBJECT_CHANGED", "PERMISSION_DENIED", "APPROVAL_REQUIRED"].includes((answer.reason as HsmError).code),
          String(answer.reason),
        );
    const after = await finished(vault, id);
    const done = (await vault.events("RotateKey")).filter(({ outcome, approval }) => outcome === "OK" && approval?.id === id).length;
    assert.equal(done, after.state === "done" ? 1 : 0, `round ${round}: ${after.state}`);
    assert.ok(["done", "denied", "cancelled"].includes(after.state), after.state);
    if (round === 0) assert.equal(after.state, "done");
    assert.equal((await vault.ask(getKey, { keyId: "k" })).key?.version, 1 + done);
    await vault.monitor.close();
  }
});

test("a crash between the last approval and the performance loses nothing and does nothing twice", async () => {
  const vault = await vaultWith([{ ...RULE, operations: ["RotateKey"], quorum: 1 }]);
  const id = await held(vault, rotateKey, { keyId: "k" });
  // The server ends once the approval is durable and before anything is begun.
  await vault.approvals.close();
  assert.equal((await say(vault, BOB, id)).status, "approved");
  assert.equal(document(vault, id).state, "approved");
  await vault.reopen(false);
  assert.equal((await vault.ask(getKey, { keyId: "k" })).key?.version, 1);
  await vault.approvals.tick();
  assert.equal(document(vault, id).state, "done");
  assert.equal((await vault.ask(getKey, { keyId: "k" })).key?.version, 2);
  await vault.reopen(false);
  await vault.approvals.tick();
  assert.equal((await vault.ask(getKey, { keyId: "k" })).key?.version, 2);
});

test("a crash while something is performed that cannot be recorded with its effect is reported as unknown, and not repeated", async () => {
  const vault = await vaultWith([{ ...RULE, quorum: 1 }]);
  const id = await held(vault, deleteKey, { keyId: "k" });
  await vault.approvals.close();
  await say(vault, BOB, id);
  const before = document(vault, id);
  await vault.vault.documents.record("BeginApproved", [{ kind: "approval", id }], () => [
    { kind: "approval", id, value: { ...before, state: "executing" } },
  ]);
  await vault.reopen(false);
  await vault.approvals.tick();
  assert.deepEqual([document(vault, id).state, document(vault, id).outcome], ["failed", "UNKNOWN"]);
  await vault.approvals.tick();
  assert.equal((await vault.events("DeleteKey")).length, 1);
});

test("what was approved and not performed in its time is not performed later", async () => {
  const vault = await vaultWith([{ ...RULE, quorum: 1 }]);
  const id = await held(vault, deleteKey, { keyId: "k" });
  await vault.approvals.close();
  await say(vault, BOB, id);
  vault.now += 3_600_000;
  await vault.reopen(false);
  await vault.approvals.tick();
  assert.equal(document(vault, id).state, "expired");
  assert.equal((await vault.events("DeleteKey")).length, 1);
});
