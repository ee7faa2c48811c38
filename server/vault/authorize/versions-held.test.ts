import assert from "node:assert/strict";
import { test } from "node:test";
import { getPolicy } from "@keystead/contract/operations/get-policy";
import { getConfigVersion } from "@keystead/contract/operations/get-config-version";
import { listPolicyVersions } from "@keystead/contract/operations/list-policy-versions";
import { setPolicy } from "@keystead/contract/operations/set-policy";
import { diffPolicy } from "@keystead/contract/operations/diff-policy";
import { askAs, codeAs, person } from "../testing/asking.ts";
import { ClockedVault } from "../testing/clocked-vault.ts";

const admin = person("user:admin", ["Administrator"]);
const document = (version: number): string =>
  JSON.stringify({
    format: 1,
    roles: { [`Role${version}`]: { permissions: ["key:read"], description: "long ".repeat(200) } },
  });

test("of versions that are not in force the text is not held: it is read again, and checked, when somebody asks for it", async (t) => {
  const vault = await ClockedVault.open();
  t.after(async () => {
    vault.monitor.close();
    await vault.vault.log.close();
    vault.vault.objects.close();
  });
  for (let version = 1; version <= 3; version += 1) {
    vault.configuration = JSON.stringify({ server: { version } });
    await vault.reopen();
    await askAs(vault.monitor, admin, setPolicy, { expectedVersion: version - 1, document: document(version) });
  }
  const held = (): string =>
    JSON.stringify([vault.vault.documents.list("policy"), vault.vault.documents.list("configuration")].flat().map(({ value }) => value));
  for (const reopened of [false, true]) {
    if (reopened) await vault.reopen();
    assert.doesNotMatch(held(), /"document"|Role1|long long|server/);
    for (const version of [1, 2, 3]) {
      const got = await askAs(vault.monitor, admin, getPolicy, { version });
      assert.ok(got.document.includes(`Role${version}`) && got.statement.includes(`Role${version}`), String(version));
      const configured = await askAs(vault.monitor, admin, getConfigVersion, { version });
      assert.deepEqual(JSON.parse(configured.document), { server: { version } });
    }
    assert.equal(await codeAs(vault.monitor, admin, getPolicy, { version: 4 }), "OBJECT_NOT_FOUND");
    assert.equal((await askAs(vault.monitor, admin, getPolicy, {})).policy?.version, 3);
    assert.equal((await askAs(vault.monitor, admin, listPolicyVersions, {})).policies.length, 3);
    assert.equal((await askAs(vault.monitor, admin, diffPolicy, { fromVersion: 1, toVersion: 2 })).differences.length, 2);
  }
});
