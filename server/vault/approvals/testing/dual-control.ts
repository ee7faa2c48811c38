/** For tests of approvals: a vault where keys end only when two persons agree, those persons, and what they do. */
import assert from "node:assert/strict";
import type { DescMessage, MessageInitShape } from "@bufbuild/protobuf";
import type { ApprovalRuleConfig, ApprovalsConfig } from "@keystead/contract/config";
import { HsmError } from "@keystead/contract/errors";
import { Algorithm, ExportPolicy } from "@keystead/contract/generated/hsm/hsm_pb";
import type { Operation } from "@keystead/contract/operation";
import { approveRequest } from "@keystead/contract/operations/approve-request";
import { createNamespace } from "@keystead/contract/operations/create-namespace";
import { denyRequest } from "@keystead/contract/operations/deny-request";
import { generateKey } from "@keystead/contract/operations/generate-key";
import { getKey } from "@keystead/contract/operations/get-key";
import { overrideApproval } from "@keystead/contract/operations/override-approval";
import type { Verdict } from "@keystead/crypto/public/approval-statement";
import { parsePolicy } from "@keystead/contract/policy/parse";
import type { Principal } from "../../authenticate/principal.ts";
import { CompiledPolicy } from "../../authorize/compile.ts";
import { NO_DELEGATIONS } from "../../authorize/delegations.ts";
import { findRole } from "../../authorize/roles.ts";
import { approver, person, type TestApprover } from "../../testing/approvers.ts";
import { ClockedVault } from "../../testing/clocked-vault.ts";
import type { Approval } from "../approval.ts";

export const ALICE = person("alice", ["Administrator"]);
export const BOB = approver(person("bob", ["KeyAdmin"]));
export const CAROL = approver(person("carol", ["KeyAdmin", "Auditor"]));
export const DAVE = approver(person("dave", ["Administrator"]));
export const EVERYBODY = [BOB, CAROL, DAVE];
export const RULE: ApprovalRuleConfig = {
  name: "ends",
  operations: ["DeleteKey"],
  permissions: [],
  namespaces: [],
  keyTags: [],
  quorum: 2,
  roles: ["KeyAdmin"],
  expirySeconds: 3600,
  reason: "keys end once",
};

/** A vault with these rules, two namespaces, and a key `k` in the first. */
export async function vaultWith(rules: readonly ApprovalRuleConfig[] = [RULE], more: Partial<ApprovalsConfig> = {}): Promise<ClockedVault> {
  const vault = await ClockedVault.open();
  await vault.ask(createNamespace, { namespace: "tenant" });
  await vault.ask(generateKey, { keyId: "k", algorithm: Algorithm.Ed25519, tags: ["critical"], exportable: ExportPolicy.PLAIN });
  await configure(vault, rules, more);
  vault.people.set(ALICE.id, ALICE);
  return vault;
}

/** The vault starts anew with these rules, and the keys of everybody unless said otherwise. */
export async function configure(
  vault: ClockedVault,
  rules: readonly ApprovalRuleConfig[],
  more: Partial<ApprovalsConfig> = {},
): Promise<void> {
  vault.approvalsConfig = {
    ...vault.approvalsConfig,
    approverKeys: EVERYBODY.map(({ principal, publicKey }) => ({ principal: principal.id, publicKey })),
    ...more,
    rules,
  };
  await vault.reopen();
}

/** What it was refused with; an answer fails the test. */
export const refusal = (asking: Promise<unknown>): Promise<HsmError> =>
  asking.then(
    () => assert.fail("not refused"),
    (error: unknown) => {
      assert.ok(error instanceof HsmError, String(error));
      return error;
    },
  );

/** Asks for what must wait. @returns the id of the pending request */
export async function held<I extends DescMessage>(
  vault: ClockedVault,
  operation: Operation<I>,
  request: MessageInitShape<I>,
  principal: Principal = ALICE,
): Promise<string> {
  const error = await refusal(vault.askAs(principal, operation as Operation, request as never));
  assert.equal(error.code, "APPROVAL_REQUIRED", error.message);
  assert.equal(error.number, 104);
  return error.approvalId as string;
}

/** The request as the vault keeps it. */
export const document = (vault: ClockedVault, id: string): Approval =>
  vault.vault.documents.get<Approval>("approval", id)?.value as Approval;

const VERDICTS = { approve: approveRequest, deny: denyRequest, override: overrideApproval } as const;

/** A verdict, signed by its approver. @param as who brings it */
export function say(
  vault: ClockedVault,
  who: TestApprover,
  id: string,
  verdict: Verdict = "approve",
  reason = "",
  as: Principal = who.principal,
) {
  return vault.askAs(as, VERDICTS[verdict] as typeof approveRequest, who.says(id, document(vault, id).subject, verdict, reason));
}

/** Waits until what is being performed has ended. */
export async function finished(vault: ClockedVault, id: string): Promise<Approval> {
  await vault.approvals.execute(id);
  return document(vault, id);
}

/** The state of the key, or why it is not shown. */
export const stateOf = async (vault: ClockedVault, keyId = "k"): Promise<string> =>
  vault.ask(getKey, { keyId }).then(
    ({ key }) => String(key?.state),
    (error: HsmError) => error.code,
  );

/** From now on this is the policy. */
export function govern(vault: ClockedVault, policy: object): void {
  const compiled = new CompiledPolicy(parsePolicy(JSON.stringify({ format: 1, ...policy }), findRole));
  vault.authorizer.use({
    policy: () => compiled,
    delegations: NO_DELEGATIONS,
    keyFacts: async (namespace, keyId) => {
      const { algorithm, tags } = (await vault.vault.objects.describe(namespace, keyId)).attributes;
      return { algorithm, tags };
    },
  });
}
