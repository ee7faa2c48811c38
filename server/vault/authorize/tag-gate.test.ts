import assert from "node:assert/strict";
import { test, type TestContext } from "node:test";
import { Algorithm, Kdf, KeyMaterialFormat } from "@keystead/contract/generated/hsm/hsm_pb";
import { HsmError } from "@keystead/contract/errors";
import { createGrant } from "@keystead/contract/operations/create-grant";
import { createNamespace } from "@keystead/contract/operations/create-namespace";
import { deriveKey } from "@keystead/contract/operations/derive-key";
import { generateKey } from "@keystead/contract/operations/generate-key";
import { getKey } from "@keystead/contract/operations/get-key";
import { importKey } from "@keystead/contract/operations/import-key";
import { setPolicy } from "@keystead/contract/operations/set-policy";
import { updateKey } from "@keystead/contract/operations/update-key";
import type { Principal } from "../authenticate/principal.ts";
import { askAs, codeAs, person } from "../testing/asking.ts";
import { ClockedVault } from "../testing/clocked-vault.ts";
import { compileCondition } from "./conditions.ts";
import type { TagRule } from "./tag-gate.ts";

const admin = person("user:admin", ["Administrator"]);
const operator = person("user:operator", ["Operator"]);

async function vaultOf(t: TestContext, prepare: (vault: ClockedVault) => void = () => undefined) {
  const vault = await ClockedVault.open();
  t.after(async () => {
    vault.monitor.close();
    await vault.vault.log.close();
    vault.vault.objects.close();
  });
  prepare(vault);
  await vault.reopen();
  await askAs(vault.monitor, admin, createNamespace, { namespace: "retail" });
  await askAs(vault.monitor, admin, generateKey, { keyId: "ed", algorithm: Algorithm.Ed25519, tags: ["guarded", "plain"] });
  let version = 0;
  const told = (asking: Promise<unknown>): Promise<string> =>
    asking.then(
      () => "OK",
      (error: HsmError) => `${error.code}: ${error.detail}`,
    );
  return {
    vault,
    set: async (document: object) => {
      await askAs(vault.monitor, admin, setPolicy, { expectedVersion: version, document: JSON.stringify({ format: 1, ...document }) });
      version += 1;
    },
    adds: (tag: string, who: Principal = operator) => told(askAs(vault.monitor, who, updateKey, { keyId: "ed", addTags: [tag] })),
    removes: (tag: string, who: Principal = operator) => told(askAs(vault.monitor, who, updateKey, { keyId: "ed", removeTags: [tag] })),
    makes: (tag: string, who: Principal = operator, namespace = "default") =>
      told(askAs(vault.monitor, who, generateKey, { namespace, algorithm: Algorithm.Ed25519, tags: [tag] })),
  };
}

const refused = (rule: string, tag: string): string => `PERMISSION_DENIED: ${rule} looks at the tag '${tag}': to change it needs key:retag`;
const EVERYWHERE = { namespaces: ["*"] };
const GUARDED = { ...EVERYWHERE, keys: { tags: ["guarded"] } };

test("a tag that no rule looks at is changed with key:update alone", async (t) => {
  const { set, adds, removes, makes } = await vaultOf(t);
  assert.deepEqual([await adds("new"), await removes("guarded"), await makes("guarded")], ["OK", "OK", "OK"]);
  await set({ denials: [{ id: "d", members: ["user:eve"], permissions: ["crypto:sign"], ...GUARDED }] });
  assert.deepEqual([await removes("plain"), await adds("other")], ["OK", "OK"]);
});

test("a key's tag is changed by key:retag alone where a rule of the policy looks at it, and the refusal names the rule", async (t) => {
  const { set, adds, removes } = await vaultOf(t);
  const approval = { quorum: 1, role: "Administrator", permissions: ["key:destroy"] };
  const documents: readonly (readonly [document: object, rule: string])[] = [
    [{ denials: [{ id: "d", members: ["user:eve"], permissions: ["crypto:sign"], ...GUARDED }] }, "denial 'd' of the policy"],
    [{ bindings: [{ id: "b", members: ["user:eve"], roles: ["KeyUser"], ...GUARDED }] }, "binding 'b' of the policy"],
    [{ approvals: [{ id: "a", ...approval, ...GUARDED }] }, "approval rule 'a' of the policy"],
    [
      { denials: [{ id: "c", members: ["user:eve"], permissions: ["*"], ...EVERYWHERE, condition: '!("guarded" in key.tags)' }] },
      "denial 'c' of the policy",
    ],
  ];
  for (const [document, rule] of documents) {
    await set(document);
    assert.equal(await removes("guarded"), refused(rule, "guarded"), rule);
    // It may be another's to take away at the same moment.
    assert.equal(await adds("guarded"), refused(rule, "guarded"), rule);
    assert.deepEqual([await removes("guarded", admin), await adds("guarded")], ["OK", refused(rule, "guarded")], rule);
    assert.equal(await adds("guarded", admin), "OK", rule);
  }
  // A rule about another namespace looks at no key of this one.
  await set({
    denials: [{ id: "d", members: ["user:eve"], permissions: ["crypto:sign"], namespaces: ["retail"], keys: { tags: ["guarded"] } }],
  });
  assert.equal(await removes("guarded"), "OK");
});

test("who may not retag brings no tag back that is taken away while the request is under way, and takes none away again", async (t) => {
  const { vault, set, adds, removes } = await vaultOf(t);
  await set({ denials: [{ id: "d", members: ["user:eve"], permissions: ["crypto:sign"], ...GUARDED }] });
  const tags = async (): Promise<readonly string[]> => (await askAs(vault.monitor, admin, getKey, { keyId: "ed" })).key?.tags ?? [];
  let meanwhile: (() => Promise<unknown>) | undefined;
  const once = async (): Promise<void> => {
    const now = meanwhile;
    meanwhile = undefined;
    await now?.();
  };
  vault.gates.push((asked) => (asked.principal.id === operator.id ? once().then(() => undefined) : undefined));
  meanwhile = () => removes("guarded", admin);
  await adds("guarded");
  // Whether the request came that far or not.
  await once();
  assert.ok(!(await tags()).includes("guarded"));
  meanwhile = () => adds("guarded", admin);
  await removes("guarded");
  await once();
  assert.ok((await tags()).includes("guarded"));
});

test("a condition that looks at tags otherwise than by name looks at all of them", async (t) => {
  const tagsOf = (text: string): unknown => compileCondition(text).tags;
  assert.equal(tagsOf('request.namespace == "retail"'), undefined);
  assert.deepEqual(tagsOf('"a" in key.tags && !("b" in key.tags)'), new Set(["a", "b"]));
  for (const text of [
    "size(key.tags) > 1",
    'key.tags.exists(tag, tag.startsWith("x"))',
    'key.tags == ["a"]',
    "request.namespace in key.tags",
    '"a" in key.tags || (true ? key.tags : key.tags) == ["b"]',
    '["a"].exists(tag, tag in key.tags)',
  ])
    assert.equal(tagsOf(text), "all", text);
  const { set, adds } = await vaultOf(t);
  await set({ denials: [{ id: "many", members: ["user:eve"], permissions: ["*"], ...EVERYWHERE, condition: "size(key.tags) > 9" }] });
  assert.equal(await adds("whatever"), refused("denial 'many' of the policy", "whatever"));
});

test("a key is made with a tag that gives or lifts by key:retag alone, and with one that only takes away by anybody", async (t) => {
  const { vault, set, makes } = await vaultOf(t);
  await set({
    bindings: [{ id: "b", members: ["user:eve"], roles: ["KeyUser"], namespaces: ["default"], keys: { tags: ["given"] } }],
    denials: [
      { id: "d", members: ["user:eve"], permissions: ["crypto:sign"], ...GUARDED },
      { id: "c", members: ["user:eve"], permissions: ["*"], ...EVERYWHERE, condition: '!("lifted" in key.tags)' },
    ],
  });
  const [given, lifted] = [refused("binding 'b' of the policy", "given"), refused("denial 'c' of the policy", "lifted")];
  assert.deepEqual(
    [await makes("given"), await makes("lifted"), await makes("guarded"), await makes("given", operator, "retail")],
    [given, lifted, "OK", "OK"],
  );
  assert.deepEqual([await makes("given", admin), await makes("lifted", admin)], ["OK", "OK"]);
  const secret = { algorithm: Algorithm.GenericSecret, keyId: "secret" };
  const imports = (tags: readonly string[]): Promise<string> =>
    codeAs(vault.monitor, operator, importKey, {
      ...secret,
      keyMaterial: Buffer.alloc(32, 7),
      format: KeyMaterialFormat.RAW,
      tags: [...tags],
    });
  const derives = (tags: readonly string[]): Promise<string> =>
    codeAs(vault.monitor, operator, deriveKey, {
      keyId: "secret",
      derivation: { function: Kdf.HKDF },
      asKey: { algorithm: Algorithm.Aes256Gcm, tags: [...tags] },
    });
  assert.deepEqual([await imports(["given"]), await imports(["guarded"])], ["PERMISSION_DENIED", "OK"]);
  assert.deepEqual([await derives(["given"]), await derives(["guarded"])], ["PERMISSION_DENIED", "OK"]);
});

test("key:retag may be given by a role of the policy, per namespace and per key, before and after the change", async (t) => {
  const { set, adds, removes } = await vaultOf(t);
  const denials = [{ id: "d", members: ["user:eve"], permissions: ["crypto:sign"], ...GUARDED }];
  const roles = { Tagger: { permissions: ["key:retag"] } };
  const bound = (more: object): object => ({
    roles,
    denials,
    bindings: [{ id: "t", members: [operator.id], roles: ["Tagger"], ...EVERYWHERE, ...more }],
  });
  await set(bound({ namespaces: ["retail"] }));
  assert.equal(await removes("guarded"), refused("denial 'd' of the policy", "guarded"));
  await set(bound({ keys: { ids: ["ed"] } }));
  assert.deepEqual([await removes("guarded"), await adds("guarded")], ["OK", "OK"]);
  // By the tag itself: it does not reach what has the tag no more.
  await set(bound({ keys: { tags: ["guarded"] } }));
  assert.match(await removes("guarded"), /^PERMISSION_DENIED/);
});

test("grants, approval rules of the configuration, policy scripts and retention look at tags too", async (t) => {
  const scripts: TagRule[] = [];
  const { vault, adds, removes, makes } = await vaultOf(t, (made) => {
    made.retention.set("short", 1000);
    made.approvalsConfig = {
      ...made.approvalsConfig,
      rules: [
        {
          name: "release",
          operations: ["Sign"],
          permissions: [],
          namespaces: [],
          keyTags: ["guarded"],
          quorum: 1,
          roles: ["Administrator"],
          expirySeconds: 60,
          reason: "",
        },
      ],
    };
    const tagged = made.authorizer.tags(() => scripts);
    made.gates.push((asked) => tagged(asked));
  });
  assert.equal(await removes("guarded"), refused("approval rule 'release'", "guarded"));
  assert.equal(await adds("short"), refused("the retention", "short"));
  assert.deepEqual([await makes("guarded"), await makes("short")], ["OK", "OK"]);
  vault.standing = (id) => (id === admin.id ? admin : undefined);
  const { grant } = await askAs(vault.monitor, admin, createGrant, {
    keyId: "ed",
    grantee: "user:bob",
    operation: "Sign",
    condition: '"granted" in key.tags',
  });
  assert.equal(await adds("granted"), refused(`grant ${grant?.grantId}`, "granted"));
  scripts.push({ name: "policy script 'hours'", tags: "all", namespaces: "all", gives: false });
  assert.equal(await adds("any"), refused("policy script 'hours'", "any"));
  assert.equal(await makes("any"), "OK");
});
