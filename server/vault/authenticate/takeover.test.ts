/** Who may make users and set passwords becomes nobody who holds more. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { createSecretId } from "@keystead/contract/operations/create-secret-id";
import { createServiceAccount } from "@keystead/contract/operations/create-service-account";
import { createUser } from "@keystead/contract/operations/create-user";
import { removeFactor } from "@keystead/contract/operations/remove-factor";
import { setPassword } from "@keystead/contract/operations/set-password";
import { setPolicy } from "@keystead/contract/operations/set-policy";
import { person } from "../testing/approvers.ts";
import { ClockedVault } from "../testing/clocked-vault.ts";

test("what the policy gives to a user or service account, nobody takes over who does not have it", async () => {
  const vault = await ClockedVault.open();
  const [desk, admin] = [person("desk", ["Auditor"]), person("admin", ["Administrator"])];
  await vault.ask(createUser, { name: "boss", roles: [], namespaces: ["*"] });
  await vault.ask(createUser, { name: "clerk", roles: [], namespaces: ["*"] });
  await vault.ask(createServiceAccount, { name: "deploy", roles: [], namespaces: ["*"] });
  const document = {
    format: 1,
    roles: { HelpDesk: { permissions: ["identity:manage", "identity:self"] } },
    bindings: [
      { id: "desk", members: ["cert:desk"], roles: ["HelpDesk"], namespaces: ["*"] },
      { id: "boss", members: ["user:boss", "user:future", "service:deploy"], roles: ["KeyAdmin"], namespaces: ["*"] },
      { id: "all", members: ["*"], roles: ["KeyUser"], namespaces: ["*"] },
    ],
  };
  await vault.askAs(admin, setPolicy, { document: JSON.stringify(document) });
  const password = (): Buffer => Buffer.from("a password of theirs");
  const by = (who: typeof desk): Promise<string[]> =>
    Promise.all(
      [
        vault.askAs(who, setPassword, { name: "boss", password: password() }),
        vault.askAs(who, createUser, { name: "future", roles: [], namespaces: ["*"], password: password() }),
        vault.askAs(who, createSecretId, { name: "deploy" }),
        vault.askAs(who, removeFactor, { name: "boss", factorId: "recovery-codes" }),
      ].map((asking) => vault.codeOf(asking)),
    );
  assert.deepEqual(
    await by(desk),
    Array.from({ length: 4 }, () => "PERMISSION_DENIED"),
  );
  // What everybody has by the same rule is nothing more.
  assert.equal(await vault.codeOf(vault.askAs(desk, setPassword, { name: "clerk", password: password() })), "OK");
  assert.equal(await vault.codeOf(vault.askAs(admin, setPassword, { name: "boss", password: password() })), "OK");
  assert.equal(await vault.codeOf(vault.askAs(admin, createSecretId, { name: "deploy" })), "OK");
});
