import assert from "node:assert/strict";
import { generateKeyPairSync, hash, randomBytes, sign as signBytes } from "node:crypto";
import { test } from "node:test";
import { approveRequest } from "@keystead/contract/operations/approve-request";
import { deleteKey } from "@keystead/contract/operations/delete-key";
import { listApproverKeys } from "@keystead/contract/operations/list-approver-keys";
import { registerApproverKey } from "@keystead/contract/operations/register-approver-key";
import { revokeApproverKey } from "@keystead/contract/operations/revoke-approver-key";
import { checkEvidence } from "@keystead/crypto/public/approval-evidence";
import { parseSubject, registrationBytes, statementBytes } from "@keystead/crypto/public/approval-statement";
import { parseApproverKey } from "@keystead/crypto/public/approver-key";
import type { Principal } from "../authenticate/principal.ts";
import { approver, type TestApprover } from "../testing/approvers.ts";
import { BOB, CAROL, DAVE, RULE, document, finished, held, refusal, say, vaultWith } from "./testing/dual-control.ts";

test("what a revoked key signed does not count any more", async () => {
  const vault = await vaultWith();
  const id = await held(vault, deleteKey, { keyId: "k" });
  await say(vault, BOB, id);
  assert.match((await refusal(vault.askAs(CAROL.principal, revokeApproverKey, { approverKey: BOB.keyId }))).detail, /somebody else's/);
  await vault.askAs(BOB.principal, revokeApproverKey, { approverKey: BOB.keyId, reason: "lost" });
  assert.equal((await say(vault, CAROL, id)).status, "pending");
  assert.match((await refusal(say(vault, BOB, id, "deny"))).detail, /revoked/);
  const fresh = approver(BOB.principal);
  const { vaultId } = await vault.askAs(BOB.principal, listApproverKeys, {});
  const signature = fresh.sign(registrationBytes(vaultId, "cert:bob", fresh.keyId));
  await vault.askAs(BOB.principal, registerApproverKey, { publicKey: fresh.publicKey, signature });
  assert.equal((await say(vault, fresh, id)).status, "approved", "who lost a key says it again with another");
  assert.equal((await finished(vault, id)).state, "done");
  await vault.reopen();
  assert.equal(vault.approvals.keys.stands(BOB.keyId), false, "the configuration does not bring it back");
});

test("a key is registered by proof of possession, belongs to one principal, and never comes back", async () => {
  const vault = await vaultWith();
  const { vaultId, principal } = await vault.askAs(BOB.principal, listApproverKeys, {});
  assert.deepEqual([vaultId, principal], [vault.vault.hierarchy.vaultId, "cert:bob"]);
  const fresh = approver(BOB.principal);
  const proof = (of: TestApprover, as = "cert:bob", vaultName = vaultId) => of.sign(registrationBytes(vaultName, as, of.keyId));
  const register = (who: Principal, publicKey: string, signature: Uint8Array) =>
    vault.askAs(who, registerApproverKey, { publicKey, signature });
  for (const signature of [
    proof(fresh, "cert:carol"),
    proof(fresh, "cert:bob", "another"),
    randomBytes(64),
    CAROL.sign(registrationBytes(vaultId, "cert:bob", fresh.keyId)),
  ])
    assert.equal((await refusal(register(BOB.principal, fresh.publicKey, signature))).code, "PERMISSION_DENIED");
  assert.equal((await refusal(register(CAROL.principal, fresh.publicKey, proof(fresh)))).code, "PERMISSION_DENIED");
  const { key } = await register(BOB.principal, fresh.publicKey, proof(fresh));
  assert.deepEqual([key?.id, key?.principal], [fresh.keyId, "cert:bob"]);
  assert.equal((await refusal(register(CAROL.principal, fresh.publicKey, proof(fresh, "cert:carol")))).code, "OBJECT_EXISTS");
  const id = await held(vault, deleteKey, { keyId: "k" });
  assert.equal((await say(vault, fresh, id)).status, "pending");
  await vault.askAs(DAVE.principal, revokeApproverKey, { approverKey: fresh.keyId });
  assert.equal((await refusal(register(BOB.principal, fresh.publicKey, proof(fresh)))).code, "OBJECT_EXISTS");
});

test("an authenticator's key approves by assertions for its own site, and by nothing else", async () => {
  const vault = await vaultWith([{ ...RULE, quorum: 1 }]);
  const pair = generateKeyPairSync("ec", { namedCurve: "P-256" });
  const publicKey = pair.publicKey.export({ format: "pem", type: "spki" }) as string;
  const asserted = (statement: Uint8Array, site = "hsm.example") => {
    const authenticatorData = Buffer.concat([hash("sha256", site, "buffer"), Buffer.from([0x05, 0, 0, 0, 1])]);
    const clientDataJson = Buffer.from(
      JSON.stringify({ type: "webauthn.get", challenge: hash("sha256", statement, "base64url"), origin: `https://${site}` }),
    );
    const signature = signBytes("sha256", Buffer.concat([authenticatorData, hash("sha256", clientDataJson, "buffer")]), pair.privateKey);
    return { signature, assertion: { authenticatorData, clientDataJson } };
  };
  const keyId = parseApproverKey(publicKey).id;
  const proof = registrationBytes(vault.vault.hierarchy.vaultId, "cert:bob", keyId);
  const register = (given: ReturnType<typeof asserted>) =>
    vault.askAs(BOB.principal, registerApproverKey, { publicKey, rpId: "hsm.example", ...given });
  assert.equal((await refusal(register(asserted(proof, "evil.example")))).code, "PERMISSION_DENIED");
  assert.equal((await register(asserted(proof))).key?.rpId, "hsm.example");
  const id = await held(vault, deleteKey, { keyId: "k" });
  const statement = statementBytes(parseSubject(document(vault, id).subject), "approve", "");
  const approve = (given: { signature: Uint8Array; assertion?: ReturnType<typeof asserted>["assertion"] }) =>
    vault.askAs(BOB.principal, approveRequest, { approvalId: id, approverKey: keyId, ...given });
  for (const wrong of [
    { signature: signBytes("sha256", statement, pair.privateKey) },
    asserted(statement, "evil.example"),
    asserted(Buffer.from("another statement")),
    { ...asserted(statement), signature: asserted(proof).signature },
  ])
    assert.equal((await refusal(approve(wrong))).code, "PERMISSION_DENIED");
  assert.equal((await approve(asserted(statement))).status, "approved");
  const { subject, verdicts, requester } = await finished(vault, id);
  assert.equal(checkEvidence({ subject, verdicts: [...verdicts], requesterPerson: requester.person }).approved, true);
});
