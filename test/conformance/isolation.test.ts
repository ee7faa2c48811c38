/**
 * Two namespaces on a real server, with keys of the same names, and what might carry somebody from one into the other: cursors
 * of pages, waiting requests, grants and conditions; over REST and gRPC. The rules here are the handbook's in the plainest
 * words: of what lies out of reach the answer is that of what never was.
 */
import assert from "node:assert/strict";
import { before, test } from "node:test";
import { ApprovalState } from "@keystead/contract/generated/hsm/approvals_pb";
import { Algorithm } from "@keystead/contract/generated/hsm/hsm_pb";
import { approveRequest } from "@keystead/contract/operations/approve-request";
import { cancelRequest } from "@keystead/contract/operations/cancel-request";
import { createGrant } from "@keystead/contract/operations/create-grant";
import { createNamespace } from "@keystead/contract/operations/create-namespace";
import { deleteKey } from "@keystead/contract/operations/delete-key";
import { denyRequest } from "@keystead/contract/operations/deny-request";
import { findObjects } from "@keystead/contract/operations/find-objects";
import { generateKey } from "@keystead/contract/operations/generate-key";
import { getApproval } from "@keystead/contract/operations/get-approval";
import { listApprovals } from "@keystead/contract/operations/list-approvals";
import { listGrants } from "@keystead/contract/operations/list-grants";
import { listKeys } from "@keystead/contract/operations/list-keys";
import { setPolicy } from "@keystead/contract/operations/set-policy";
import { sign } from "@keystead/contract/operations/sign";
import { served } from "./served.ts";
import { ask, type Door } from "./surfaces.ts";
import { mint } from "./tokens.ts";

const here = served();
const BOTH = ["REST", "gRPC"] as const;
const NAMESPACES = ["left", "right"] as const;
const DATA = Buffer.from("data");
const NEVER_WAS = "00000000-0000-7000-8000-000000000000";
const idOf = (name: string): string => `jwt:keystead-local:${name}`;
/** Administrators of one namespace each, and two with no role at all. */
let admins: Readonly<Record<(typeof NAMESPACES)[number], Door>>;
let lent: Door;
/** Asks for things in the left namespace, and decides on nothing there. */
let asker: Door;
let conditioned: Door;

async function door(sub: string, roles: readonly string[], namespaces?: readonly string[]): Promise<Door> {
  const { api: origin, credential } = here.server;
  const token = await mint(credential("token-key.pem"), { sub, roles, ...(namespaces === undefined ? {} : { namespaces }) });
  return { origin, ca: credential("ca.pem"), token };
}

before(async () => {
  // The server runs from here on.
  await here.as("Administrator");
  for (const namespace of NAMESPACES) {
    await here.given("gRPC", createNamespace, { namespace });
    for (const keyId of ["a", "b", "c", namespace])
      await here.given("gRPC", generateKey, { namespace, keyId, algorithm: Algorithm.Ed25519 });
  }
  admins = { left: await door("left", ["NamespaceAdmin"], ["left"]), right: await door("right", ["NamespaceAdmin"], ["right"]) };
  lent = await door("lent", [], ["right"]);
  asker = await door("asker", ["Service"], ["left"]);
  conditioned = await door("conditioned", []);
  await here.given("REST", setPolicy, {
    document: JSON.stringify({
      format: 1,
      bindings: [
        {
          id: "by-condition",
          members: [idOf("conditioned")],
          roles: ["KeyUser"],
          namespaces: ["*"],
          condition: 'request.namespace == "right" && key.id != "c"',
        },
      ],
      approvals: [{ id: "end", namespaces: ["left"], permissions: ["key:destroy"], quorum: 1, role: "NamespaceAdmin" }],
    }),
  });
});

for (const surface of BOTH) {
  const found = async (operation: typeof listKeys | typeof findObjects, who: Door, request: Record<string, unknown>): Promise<string[]> => {
    const { keys = [] } = await here.given(surface, operation as typeof listKeys, request, who);
    return (keys as { key_id: string }[]).map(({ key_id: id }) => id);
  };

  test(`over ${surface} a cursor of one namespace shows another's owner nothing of it, and opens nothing`, async () => {
    const page = await here.given(surface, listKeys, { namespace: "left", perPage: 2 }, admins.left);
    const pageToken = page["next_page_token"] as string;
    assert.notEqual(pageToken, "");
    const there = await ask(surface, admins.right, listKeys, { namespace: "left", pageToken });
    const bare = await ask(surface, admins.right, listKeys, { namespace: "left" });
    assert.deepEqual([there.code, there.detail], [bare.code, bare.detail]);
    assert.equal(there.code, "PERMISSION_DENIED");
    const own = await here.given(surface, listKeys, { namespace: "right", pageToken }, admins.right);
    const keys = own["keys"] as { key_id: string; namespace?: string }[];
    assert.deepEqual(
      keys.map(({ key_id }) => key_id),
      ["c", "right"],
    );
  });

  test(`over ${surface} the cursor of a search is no more than a place in an alphabet`, async () => {
    const page = await here.given(surface, findObjects, { namespace: "left", perPage: 2 }, admins.left);
    const pageToken = page["next_page_token"] as string;
    assert.notEqual(pageToken, "");
    const [there, bare] = [
      await ask(surface, admins.right, findObjects, { namespace: "left", pageToken }),
      await ask(surface, admins.right, findObjects, { namespace: "left" }),
    ];
    assert.deepEqual([there.code, there.detail], ["PERMISSION_DENIED", bare.detail]);
    assert.deepEqual(await found(findObjects, admins.right, { namespace: "right", pageToken }), ["c", "right"]);
    // A search by other attributes takes nothing of what the cursor's was.
    assert.deepEqual(await found(findObjects, admins.right, { namespace: "right", pageToken, tags: ["none has this"] }), []);
  });

  test(`over ${surface} a cursor in the hands of another of the same namespace shows what that one may see`, async () => {
    for (const operation of [listKeys, findObjects])
      for (const [perPage, rest] of [
        [1, ["b", "right"]],
        // The page ended with the key that they may not see.
        [3, ["right"]],
      ] as const) {
        const page = await here.given(surface, operation as typeof listKeys, { namespace: "right", perPage }, admins.right);
        const request = { namespace: "right", pageToken: page["next_page_token"] as string };
        assert.deepEqual(await found(operation, conditioned, request), rest, `${operation.name} ${perPage}`);
        // Nor does their answer become the others'.
        const whole = perPage === 1 ? ["b", "c", "right"] : rest;
        assert.deepEqual(await found(operation, admins.right, request), whole, `${operation.name} ${perPage}`);
      }
  });

  test(`over ${surface} a cursor among waiting requests shows nobody more than they could list without it`, async () => {
    const held: string[] = [];
    for (const keyId of ["a", "b"])
      held.push((await ask(surface, admins.left, deleteKey, { namespace: "left", keyId })).approvalId as string);
    const ids = async (who: Door, more: object): Promise<string[]> => {
      const answer = await ask(surface, who, listApprovals, more);
      if (!answer.ok) return [answer.code ?? ""];
      return ((answer.reply["approvals"] ?? []) as { id: string }[]).map(({ id }) => id);
    };
    // Requests that ended stay in lists: those of before this test come first.
    const state = ApprovalState.PENDING;
    const page = await here.given(surface, listApprovals, { namespace: "left", state, pageSize: 1 }, admins.left);
    const pageToken = page["next_page_token"] as string;
    assert.deepEqual(await ids(admins.left, { namespace: "left", state, pageToken }), [held[1]]);
    for (const who of [admins.right, asker]) assert.deepEqual([await ids(who, { state, pageToken }), await ids(who, { state })], [[], []]);
    assert.deepEqual(await ids(admins.right, { namespace: "right", state, pageToken }), []);
    assert.deepEqual(await ids(admins.right, { namespace: "left", state, pageToken }), ["PERMISSION_DENIED"]);
    assert.deepEqual(await ids(asker, { namespace: "left", state, pageToken }), []);
    for (const approvalId of held) await here.given(surface, cancelRequest, { approvalId }, admins.left);
  });

  test(`over ${surface} a request that waits in one namespace is to another's owner as if it never was`, async () => {
    const held = await ask(surface, admins.left, deleteKey, { namespace: "left", keyId: surface === "REST" ? "a" : "b" });
    assert.equal(held.code, "APPROVAL_REQUIRED");
    const approvalId = held.approvalId as string;
    const verdict = { approverKey: "0".repeat(64), signature: Buffer.alloc(64, 1) };
    const tries = (id: string) =>
      [
        [getApproval, { approvalId: id }],
        [getApproval, { approvalId: id, namespace: "right" }],
        [approveRequest, { approvalId: id, ...verdict }],
        [approveRequest, { approvalId: id, namespace: "right", ...verdict }],
        [denyRequest, { approvalId: id, ...verdict }],
        [denyRequest, { approvalId: id, namespace: "right", ...verdict }],
        [cancelRequest, { approvalId: id }],
        [cancelRequest, { approvalId: id, namespace: "right" }],
        [getApproval, { approvalId: id, namespace: "left" }],
        [cancelRequest, { approvalId: id, namespace: "left" }],
      ] as const;
    const missing = tries(NEVER_WAS);
    for (const [index, [operation, request]] of tries(approvalId).entries()) {
      const answer = await ask(surface, admins.right, operation as never, request as never);
      const never = await ask(surface, admins.right, operation as never, (missing[index] as (typeof missing)[number])[1] as never);
      assert.equal(answer.ok, false, operation.name);
      assert.deepEqual(
        [answer.code, answer.detail?.replaceAll(approvalId, "ID")],
        [never.code, never.detail?.replaceAll(NEVER_WAS, "ID")],
        `${operation.name} ${index}`,
      );
    }
    const listed = async (who: Door, namespace: string): Promise<boolean | string> => {
      const { ok, code, text } = await ask(surface, who, listApprovals, { namespace });
      return ok ? text.includes(approvalId) || text.includes("DeleteKey") : (code ?? "");
    };
    assert.deepEqual(
      [await listed(admins.right, ""), await listed(admins.right, "right"), await listed(admins.right, "left")],
      [false, false, "PERMISSION_DENIED"],
    );
    const mine = await here.given(surface, getApproval, { approvalId }, admins.left);
    assert.match(JSON.stringify(mine), /DeleteKey/);
    await here.given(surface, cancelRequest, { approvalId }, admins.left);
  });

  test(`over ${surface} a grant reaches the one key of the one namespace, and never beyond the credential`, async () => {
    const signs = async (namespace: string, keyId: string): Promise<string> => {
      const answer = await ask(surface, lent, sign, { namespace, keyId, data: DATA });
      return answer.ok ? "OK" : (answer.code ?? "");
    };
    for (const namespace of NAMESPACES)
      await here.given(surface, createGrant, { namespace, keyId: "c", grantee: idOf("lent"), operation: "Sign", maxUses: 1 });
    for (const [namespace, keyId, may] of [
      ["left", "c", false],
      ["right", "left", false],
      ["right", "right", false],
      ["right", "c", true],
      // The one use was that one.
      ["right", "c", false],
    ] as const)
      assert.equal(await signs(namespace, keyId), may ? "OK" : "PERMISSION_DENIED", `${namespace}/${keyId}`);
    assert.equal((await ask(surface, admins.right, listGrants, { namespace: "left", keyId: "c" })).code, "PERMISSION_DENIED");
  });

  test(`over ${surface} a condition about namespace and key holds there and nowhere else`, async () => {
    for (const namespace of [...NAMESPACES, "default"])
      for (const keyId of ["c", "right", "nothing"]) {
        const answer = await ask(surface, conditioned, sign, { namespace, keyId, data: DATA });
        const may = namespace === "right" && keyId !== "c";
        const expected = !may ? "PERMISSION_DENIED" : keyId === "nothing" ? "OBJECT_NOT_FOUND" : "OK";
        assert.equal(answer.ok ? "OK" : answer.code, expected, `${namespace}/${keyId}`);
      }
  });
}
