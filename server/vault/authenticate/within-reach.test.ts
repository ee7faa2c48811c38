/** Who administers some namespaces does nothing to those who reach further. */
import assert from "node:assert/strict";
import { test } from "node:test";
import type { DescMessage } from "@bufbuild/protobuf";
import type { Operation } from "@keystead/contract/operation";
import { HsmError } from "@keystead/contract/errors";
import { OPERATIONS } from "@keystead/contract/operations/register";
import { createSecretId } from "@keystead/contract/operations/create-secret-id";
import { createServiceAccount } from "@keystead/contract/operations/create-service-account";
import { createUser } from "@keystead/contract/operations/create-user";
import { getUser } from "@keystead/contract/operations/get-user";
import { listSessions } from "@keystead/contract/operations/list-sessions";
import { listUsers } from "@keystead/contract/operations/list-users";
import { listServiceAccounts } from "@keystead/contract/operations/list-service-accounts";
import { loginService } from "@keystead/contract/operations/login-service";
import { setPolicy } from "@keystead/contract/operations/set-policy";
import { whoAmI } from "@keystead/contract/operations/who-am-i";
import { person } from "../testing/approvers.ts";
import { ClockedVault } from "../testing/clocked-vault.ts";

/** What can be done to a user or service account, by a caller whose role permits it. */
const DONE_TO_OTHERS: Readonly<Record<string, (name: string, accessor: string, sessionId: string) => Record<string, unknown>>> = {
  CreateUser: () => ({ name: "another", roles: ["KeyUser"], namespaces: ["other"] }),
  UpdateUser: (name) => ({ name, displayName: "somebody" }),
  UnlockUser: (name) => ({ name }),
  SetPassword: (name) => ({ name, password: Buffer.from("a password of theirs") }),
  RemoveFactor: (name) => ({ name, factorId: "recovery-codes" }),
  CreateServiceAccount: () => ({ name: "another", roles: ["KeyUser"], namespaces: ["other"] }),
  CreateSecretId: (name) => ({ name }),
  RevokeSession: (name, _, sessionId) => ({ principal: `service:${name}`, sessionId }),
  RevokeSecretId: (name, accessor) => ({ name, accessor }),
  DeleteUser: (name) => ({ name }),
  DeleteServiceAccount: (name) => ({ name }),
};

/** Somebody with everything that can be done to: a user and a service account of one name, a secret id, a session. */
async function subject(
  vault: ClockedVault,
  name: string,
  has: { roles: string[]; namespaces: string[] },
): Promise<{ accessor: string; sessionId: string; accessToken: string }> {
  await vault.ask(createUser, { name, ...has });
  await vault.ask(createServiceAccount, { name, ...has });
  const { secretId } = await vault.ask(createSecretId, { name });
  const { tokens } = await vault.over(loginService, { roleId: name, secretId });
  return { accessor: secretId.split(".")[0] ?? "", sessionId: tokens?.sessionId ?? "", accessToken: tokens?.accessToken ?? "" };
}

test("the list of what is done to others is whole", () => {
  const managing = OPERATIONS.filter((operation) => operation.permission === "identity:manage").map(({ name }) => name);
  const besides = OPERATIONS.filter(
    (operation) =>
      operation.permission === "identity:self" &&
      operation.demands?.({ name: "somebody", principal: "user:somebody" } as never).includes("identity:manage"),
  ).map(({ name }) => name);
  assert.deepEqual(Object.keys(DONE_TO_OTHERS).sort(), [...new Set([...managing, ...besides])].sort());
});

const BEYOND: readonly (readonly [who: string, has: { roles: string[]; namespaces: string[] }])[] = [
  ["reaches another namespace too", { roles: ["KeyUser"], namespaces: ["default", "other"] }],
  ["reaches every namespace", { roles: [], namespaces: ["*"] }],
  ["has more by the policy", { roles: [], namespaces: ["default"] }],
];
for (const [who, has] of BEYOND)
  test(`nothing is done by a confined administrator to somebody who ${who}`, async () => {
    const vault = await ClockedVault.open();
    const { accessor, sessionId, accessToken } = await subject(vault, "victim", has);
    const more = who === "has more by the policy";
    const document = {
      format: 1,
      roles: { Desk: { permissions: ["identity:manage", "identity:self", "identity:read"] } },
      bindings: [
        { id: "desk", members: ["cert:desk"], roles: ["Desk"], namespaces: ["*"] },
        {
          id: "more",
          members: ["user:victim", "service:victim", "user:another", "service:another"],
          roles: ["KeyAdmin"],
          namespaces: ["default"],
        },
      ],
    };
    await vault.askAs(person("root", ["Administrator"]), setPolicy, { document: JSON.stringify(document) });
    const by = more ? person("desk", [], ["default"]) : person("confined", ["Administrator"], ["default"]);
    for (const [name, request] of Object.entries(DONE_TO_OTHERS)) {
      const operation = OPERATIONS.find((row) => row.name === name) as Operation<DescMessage, DescMessage>;
      const asked = request("victim", accessor, sessionId);
      assert.equal(await vault.codeOf(vault.askAs(by, operation, asked)), "PERMISSION_DENIED", name);
      if (name === "RevokeSession")
        assert.equal(await vault.codeOf(vault.askAs(by, operation, { ...asked, sessionId: "" })), "PERMISSION_DENIED", "all sessions");
    }
    assert.equal((await vault.over(whoAmI, {}, { token: accessToken })).principal, "service:victim");
    const { serviceAccounts } = await vault.ask(listServiceAccounts, {});
    assert.equal(serviceAccounts[0]?.secretIds[0]?.accessor, accessor);
  });

test("of somebody who reaches nothing that a confined administrator reaches, all answers are those about nobody", async () => {
  const vault = await ClockedVault.open();
  const { accessor, sessionId } = await subject(vault, "far", { roles: ["KeyUser"], namespaces: ["other"] });
  await subject(vault, "near", { roles: ["KeyUser"], namespaces: ["default", "other"] });
  const by = person("confined", ["Administrator"], ["default"]);
  const answer = async (name: string, request: Record<string, unknown>): Promise<string> => {
    const operation = OPERATIONS.find((row) => row.name === name) as Operation<DescMessage, DescMessage>;
    return vault.askAs(by, operation, request).then(
      (reply) => JSON.stringify(reply),
      (error: unknown) => (error instanceof HsmError ? `${error.code}: ${error.detail}` : String(error)),
    );
  };
  const asked: typeof DONE_TO_OTHERS = {
    ...DONE_TO_OTHERS,
    GetUser: (name: string) => ({ name }),
    ListSessions: (name: string) => ({ principal: `service:${name}` }),
  };
  // What is wrong besides tells nothing either.
  const wrong: typeof DONE_TO_OTHERS = {
    UpdateUser: (name: string) => ({ name, addRoles: ["Nothing"], addNamespaces: ["default"] }),
    SetPassword: (name: string) => ({ name, password: Buffer.from("a") }),
    RevokeSession: (name: string) => ({ principal: `service:${name}`, sessionId: "" }),
    CreateSecretId: (name: string) => ({ name, addresses: ["nowhere"] }),
  };
  for (const requests of [asked, wrong])
    for (const [name, request] of Object.entries(requests)) {
      if (name === "CreateUser" || name === "CreateServiceAccount") continue;
      const far = await answer(name, request("far", accessor, sessionId));
      const nobody = await answer(name, request("nobody", accessor, sessionId));
      assert.equal(far.replaceAll("far", "nobody"), nobody, name);
      if (name !== "ListSessions" && name !== "CreateSecretId") assert.match(far, /^OBJECT_NOT_FOUND/, name);
    }
  const users = await vault.askAs(by, listUsers, {});
  assert.deepEqual(
    users.users.map(({ name, namespaces }) => [name, namespaces]),
    [["near", ["default"]]],
  );
  const { serviceAccounts } = await vault.askAs(by, listServiceAccounts, {});
  assert.deepEqual(
    serviceAccounts.map(({ name, namespaces }) => [name, namespaces]),
    [["near", ["default"]]],
  );
  const { sessions } = await vault.askAs(by, listSessions, { principal: "*" });
  assert.deepEqual(
    sessions.map(({ principal }) => principal),
    ["service:near"],
  );
  assert.deepEqual((await vault.askAs(by, getUser, { name: "near" })).user?.namespaces, ["default"]);
  // Whoever reaches everything sees everybody, whole.
  const all = await vault.ask(listUsers, {});
  assert.deepEqual(
    all.users.map(({ name, namespaces }) => [name, namespaces]),
    [
      ["far", ["other"]],
      ["near", ["default", "other"]],
    ],
  );
});

test("a confined administrator does all of it to those within their reach, and everybody ends sessions of their own", async () => {
  const vault = await ClockedVault.open();
  const { accessor, sessionId } = await subject(vault, "own", { roles: ["KeyUser"], namespaces: ["default"] });
  const by = person("confined", ["Administrator"], ["default"]);
  for (const [name, request] of Object.entries(DONE_TO_OTHERS)) {
    const operation = OPERATIONS.find((row) => row.name === name) as Operation<DescMessage, DescMessage>;
    const asked = {
      ...request("own", accessor, sessionId),
      ...(name.startsWith("Create") && name !== "CreateSecretId" ? { namespaces: ["default"] } : {}),
    };
    assert.equal(await vault.codeOf(vault.askAs(by, operation, asked)), "OK", name);
  }
  const { secretId } = await (async () => {
    await vault.ask(createServiceAccount, { name: "loner", roles: ["Service"], namespaces: ["default"] });
    return vault.ask(createSecretId, { name: "loner" });
  })();
  const { tokens } = await vault.over(loginService, { roleId: "loner", secretId });
  const revoke = OPERATIONS.find((row) => row.name === "RevokeSession") as Operation<DescMessage, DescMessage>;
  assert.equal(await vault.codeOf(vault.over(revoke, {}, { token: tokens?.accessToken ?? "" })), "OK");
});
