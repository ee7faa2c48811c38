/**
 * Administrators of one namespace on a real server, over REST and gRPC: what they may not do to those who reach further, and what
 * they are not told of those who reach elsewhere. Names that were removed, answers to logins, and the count of sessions besides.
 */
import assert from "node:assert/strict";
import { before, test } from "node:test";
import { createNamespace } from "@keystead/contract/operations/create-namespace";
import { createSecretId } from "@keystead/contract/operations/create-secret-id";
import { createServiceAccount } from "@keystead/contract/operations/create-service-account";
import { createUser } from "@keystead/contract/operations/create-user";
import { deleteServiceAccount } from "@keystead/contract/operations/delete-service-account";
import { deleteUser } from "@keystead/contract/operations/delete-user";
import { getUser } from "@keystead/contract/operations/get-user";
import { listServiceAccounts } from "@keystead/contract/operations/list-service-accounts";
import { listSessions } from "@keystead/contract/operations/list-sessions";
import { listUsers } from "@keystead/contract/operations/list-users";
import { login } from "@keystead/contract/operations/login";
import { loginService } from "@keystead/contract/operations/login-service";
import { revokeSecretId } from "@keystead/contract/operations/revoke-secret-id";
import { revokeSession } from "@keystead/contract/operations/revoke-session";
import { setPolicy } from "@keystead/contract/operations/set-policy";
import { unlockUser } from "@keystead/contract/operations/unlock-user";
import { updateUser } from "@keystead/contract/operations/update-user";
import { served } from "./served.ts";
import { ask, http, type Answer, type Door } from "./surfaces.ts";
import { mint } from "./tokens.ts";

const here = served();
const BOTH = ["REST", "gRPC"] as const;
const PASSWORD = "the first password";
/** By name: a user and a service account with a secret id and a session each. */
const REACH = { near: ["left"], wide: ["left", "right"], whole: ["*"], far: ["right"] } as const;
const things = new Map<string, { readonly accessor: string; readonly sessionId: string }>();
let confined: Door;

before(async () => {
  // The server runs from here on.
  await here.as("Administrator");
  for (const namespace of ["left", "right"]) await here.given("gRPC", createNamespace, { namespace });
  for (const [name, namespaces] of Object.entries(REACH)) {
    await here.given("REST", createUser, { name, namespaces: [...namespaces], roles: ["KeyUser"], password: Buffer.from(PASSWORD) });
    await here.given("gRPC", createServiceAccount, { name, namespaces: [...namespaces], roles: ["Service"] });
    const { secret_id: secretId } = await here.given("REST", createSecretId, { name });
    const { tokens } = await here.given("gRPC", loginService, { roleId: name, secretId });
    things.set(name, { accessor: String(secretId).split(".")[0] ?? "", sessionId: tokens["session_id"] });
  }
  const { api: origin, credential } = here.server;
  const token = await mint(credential("token-key.pem"), { sub: "confined", roles: ["Administrator"], namespaces: ["left"] });
  confined = { origin, ca: credential("ca.pem"), token };
});

/** Everything that is done to somebody, with the name put in. */
const DONE: Readonly<Record<string, (surface: (typeof BOTH)[number], name: string, of: string) => Promise<Answer>>> = {
  RevokeSession: (surface, name, of) =>
    ask(surface, confined, revokeSession, { principal: `service:${name}`, sessionId: things.get(of)?.sessionId ?? "" }),
  RevokeSecretId: (surface, name, of) => ask(surface, confined, revokeSecretId, { name, accessor: things.get(of)?.accessor ?? "" }),
  UnlockUser: (surface, name) => ask(surface, confined, unlockUser, { name }),
  UpdateUser: (surface, name) => ask(surface, confined, updateUser, { name, disabled: true }),
  DeleteUser: (surface, name) => ask(surface, confined, deleteUser, { name }),
  DeleteServiceAccount: (surface, name) => ask(surface, confined, deleteServiceAccount, { name }),
};

for (const surface of BOTH) {
  test(`over ${surface} an administrator of one namespace does nothing to those who reach further`, async () => {
    for (const [operation, done] of Object.entries(DONE))
      for (const name of ["wide", "whole"])
        assert.equal((await done(surface, name, name)).code, "PERMISSION_DENIED", `${operation} ${name}`);
  });

  test(`over ${surface} those who reach elsewhere are nobody to an administrator of one namespace`, async () => {
    const reads: typeof DONE = {
      GetUser: (by, name) => ask(by, confined, getUser, { name }),
      ListSessions: (by, name) => ask(by, confined, listSessions, { principal: `service:${name}` }),
    };
    for (const [operation, done] of Object.entries({ ...DONE, ...reads })) {
      const [far, nobody] = [await done(surface, "far", "far"), await done(surface, "nobody", "far")];
      assert.deepEqual([far.code, far.detail?.replace("far", "nobody"), far.reply], [nobody.code, nobody.detail, nobody.reply], operation);
      if (operation !== "ListSessions") assert.equal(far.code, "OBJECT_NOT_FOUND", operation);
    }
    const shown = (rows: unknown): unknown => (rows as Record<string, unknown>[]).map(({ name, namespaces }) => [name, namespaces]);
    const expected = [
      ["near", ["left"]],
      ["whole", ["*"]],
      ["wide", ["left"]],
    ];
    assert.deepEqual(shown((await here.given(surface, listUsers, {}, confined))["users"]), expected);
    assert.deepEqual(shown((await here.given(surface, listServiceAccounts, {}, confined))["service_accounts"]), expected);
    const { sessions } = await here.given(surface, listSessions, { principal: "*" }, confined);
    assert.deepEqual((sessions as Record<string, string>[]).map(({ principal }) => principal).sort(), [
      "service:near",
      "service:whole",
      "service:wide",
    ]);
    const all = await here.given(surface, listSessions, { principal: "*" });
    assert.equal((all["sessions"] as unknown[]).length, Object.keys(REACH).length);
  });

  test(`over ${surface} every failed login has one answer, for names that there are and names that nobody has`, async () => {
    const { api: origin, credential } = here.server;
    const stranger = { origin, ca: credential("ca.pem") };
    const answers = new Set<string>();
    for (const name of ["near", "whole", "nobody"]) {
      const { code, detail, status } = await ask(surface, stranger, login, { name, password: Buffer.from("a wrong password") });
      answers.add(`${code} ${detail} ${status}`);
      const service = await ask(surface, stranger, loginService, { roleId: name, secretId: `${"a".repeat(24)}.${"b".repeat(43)}` });
      answers.add(`${service.code} ${service.detail} ${service.status}`);
    }
    assert.equal(answers.size, 1, [...answers].join("; "));
  });

  test(`over ${surface} a name that was removed is not used again while the policy names it`, async () => {
    const name = `gone-${surface.toLowerCase()}`;
    const user = { name, namespaces: ["left"], roles: [] };
    const bindings = [{ id: "b", members: [`user:${name}`], roles: ["KeyUser"], namespaces: ["left"] }];
    const version = BOTH.indexOf(surface) * 2;
    await here.given(surface, createUser, user);
    await here.given(surface, setPolicy, { expectedVersion: version, document: JSON.stringify({ format: 1, bindings }) });
    await here.given(surface, deleteUser, { name });
    assert.equal((await ask(surface, here.door, createUser, user)).code, "OBJECT_EXISTS");
    await here.given(surface, setPolicy, { expectedVersion: version + 1, document: JSON.stringify({ format: 1 }) });
    await here.given(surface, createUser, user);
    await here.given(surface, deleteUser, { name });
  });
}

test("the metrics count open sessions by namespace, and those of everything by themselves", async () => {
  const counted = async (): Promise<Record<string, number>> => {
    const { body } = await http({ origin: `http://${here.server.addresses["metrics"]}` }, "GET", "/metrics");
    const lines = [...body.toString("utf8").matchAll(/^hsm_active_sessions\{namespace="([^"]*)"\} (\d+)$/gm)];
    return Object.fromEntries(lines.map(([, namespace = "", count]) => [namespace, Number(count)]));
  };
  assert.deepEqual(await counted(), { left: 2, right: 2, "*": 1 });
  await here.given("gRPC", revokeSession, { principal: "service:wide", sessionId: things.get("wide")?.sessionId ?? "" });
  assert.deepEqual(await counted(), { left: 1, right: 1, "*": 1 });
});
