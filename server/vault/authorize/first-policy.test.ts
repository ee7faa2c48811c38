/** The first policy against a whole vault: what brings it in force, and what never does. */
import assert from "node:assert/strict";
import { test, type TestContext } from "node:test";
import { HsmError } from "@keystead/contract/errors";
import { getPolicy } from "@keystead/contract/operations/get-policy";
import { ceremonyPrincipal } from "../authenticate/authenticate.ts";
import { ClockedVault } from "../testing/clocked-vault.ts";
import { checkFirstPolicy, putFirstPolicy, type FirstPolicy, type Opening } from "./first-policy.ts";

const PATH = "/etc/hsm/first.json";
const POLICY = { format: 1, denials: [{ id: "nobody", members: ["user:eve"], permissions: ["*"], namespaces: ["*"] }] };
const NAMED: FirstPolicy = { firstPolicyPath: PATH, firstPolicyText: JSON.stringify(POLICY) };

async function vaultOf(t: TestContext) {
  const vault = await ClockedVault.open();
  t.after(async () => {
    vault.monitor.close();
    await vault.vault.log.close();
    vault.vault.objects.close();
  });
  return {
    vault,
    put: (first: FirstPolicy, more: Partial<Opening> = {}) =>
      putFirstPolicy(
        first,
        {
          vault: vault.vault,
          policy: (vault.monitor.parts as NonNullable<typeof vault.monitor.parts>).context.policy,
          firstConfiguration: true,
          used: () => Promise.resolve(false),
          author: ceremonyPrincipal("configuration", ["Administrator"]),
          ...more,
        },
        vault.log,
      ),
    inForce: async () => (await vault.ask(getPolicy, {})).policy,
    document: async () => (await vault.ask(getPolicy, {})).document,
    warnings: () => vault.lines.filter((line) => line.includes("first_policy_path")).length,
  };
}

test("a new vault has the policy that its configuration names, with an event that says whose it is, and has it after a restart", async (t) => {
  const { vault, put, inForce, document } = await vaultOf(t);
  await put(NAMED, { vault: { ...vault.vault, created: true } });
  const policy = await inForce();
  assert.deepEqual([policy?.version, policy?.author, JSON.parse(await document())], [1, "ceremony:configuration", POLICY]);
  const [event] = await vault.events("SetPolicy");
  assert.deepEqual(
    [event?.principal, event?.decision, event?.records?.some(({ name }) => name === "_server/policy/v00000001/0")],
    ["ceremony:configuration", "allow", true],
  );
  await vault.reopen(false);
  assert.equal((await inForce())?.version, 1);
});

test("a vault whose process died before its first policy was there has it at the next start, and one that worked without it never", async (t) => {
  for (const [more, version] of [
    [{ firstConfiguration: false }, 0],
    [{ used: () => Promise.resolve(true) }, 0],
    [{}, 1],
  ] as const) {
    const { vault, put, inForce, warnings } = await vaultOf(t);
    await put(NAMED, { vault: { ...vault.vault, created: false }, ...more });
    assert.equal((await inForce())?.version ?? 0, version);
    assert.equal(warnings(), version === 0 ? 1 : 0);
  }
});

test("a file that says something else later changes nothing but the log of the server, one that says the same not even that", async (t) => {
  const { put, inForce, warnings } = await vaultOf(t);
  await put(NAMED);
  await put({ ...NAMED, firstPolicyText: JSON.stringify(POLICY, undefined, 2) });
  await put({ ...NAMED, firstPolicyText: undefined });
  await put({ firstPolicyPath: undefined });
  assert.equal(warnings(), 0);
  await put({ ...NAMED, firstPolicyText: '{"format":1}' });
  await put({ ...NAMED, firstPolicyText: "no policy at all" });
  assert.equal(warnings(), 2);
  assert.equal((await inForce())?.version, 1);
});

test("what could not be recorded is not in force", async (t) => {
  const { vault, put, inForce } = await vaultOf(t);
  const note = () => Promise.reject(new HsmError("AUDIT_UNAVAILABLE", "the disk is full"));
  await assert.rejects(put(NAMED, { vault: { created: true, note } }), { code: "AUDIT_UNAVAILABLE" });
  assert.equal(await inForce(), undefined);
  // Nothing is locked by it either.
  await put(NAMED, { vault: { ...vault.vault, created: true } });
  assert.equal((await inForce())?.version, 1);
});

test("a document that cannot be in force, or is not there, keeps a vault from being made and is told by file and place", async () => {
  for (const [firstPolicyText, why] of [
    [undefined, /cannot be read/],
    ["{", /JSON/],
    ['{"format":1,"bindings":[{"id":"b","members":["*"],"roles":["Emperor"],"namespaces":["*"]}]}', /there is no such role/],
    [JSON.stringify({ format: 1, denials: [{ ...POLICY.denials[0], condition: "nobody" }] }), /denials\[0\]\.condition/],
    [
      '{"format":1,"approvals":[{"id":"a","permissions":["vault:seal"],"namespaces":["retail"],"quorum":1,"role":"Operator"}]}',
      /about the server/,
    ],
  ] as const)
    await assert.rejects(
      checkFirstPolicy({ firstPolicyPath: PATH, firstPolicyText }),
      (error: HsmError) => error.code === "INVALID_REQUEST" && error.detail.includes(PATH) && why.test(error.detail),
    );
  await checkFirstPolicy(NAMED);
  await checkFirstPolicy({ firstPolicyPath: undefined });
});
