import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { HsmError } from "../errors.ts";
import { policyDifferences } from "./differences.ts";
import { EMPTY_POLICY_TEXT, POLICY_LIMITS } from "./document.ts";
import { familiesOfConstraint, findPermission, isAboutKey, usesKey } from "./key-families.ts";
import { patternMatches, readMember } from "./members.ts";
import { parsePolicy } from "./parse.ts";

const builtIn = (name: string): string | undefined => (["KeyUser", "KeyAdmin", "Administrator"].includes(name) ? name : undefined);
const parse = (document: object): ReturnType<typeof parsePolicy> => parsePolicy(JSON.stringify({ format: 1, ...document }), builtIn);
const BINDING = { id: "b", members: ["user:alice"], roles: ["KeyUser"], namespaces: ["payments"] };
const DENIAL = { id: "d", members: ["*"], permissions: ["key:destroy"], namespaces: ["*"] };
const APPROVAL = { id: "a", permissions: ["key:destroy"], namespaces: ["payments"], quorum: 2, role: "KeyAdmin" };

/** What a refusal says, or "read". */
function answer(document: object): string {
  try {
    parse(document);
    return "read";
  } catch (error) {
    assert.ok(error instanceof HsmError && error.code === "INVALID_REQUEST", String(error));
    return error.detail;
  }
}

test("the empty document says nothing, and a whole one is read as it stands", () => {
  const empty = parsePolicy(EMPTY_POLICY_TEXT, builtIn);
  assert.deepEqual([empty.roles.size, empty.groups.size, empty.bindings, empty.denials, empty.approvals], [0, 0, [], [], []]);
  const whole = parse({
    roles: { signer: { description: "signs", permissions: ["crypto:sign", "key:use:rsa", "key:use:ecdsa", "policy:configure"] } },
    groups: { "payments/ops": { members: ["user:alice", "jwt:https://issuer:bob"] }, "*/admins": { members: ["cert:root ca admin"] } },
    bindings: [
      {
        ...BINDING,
        members: ["group:payments/ops", "user:bob"],
        roles: ["signer"],
        keys: { ids: ["k1"], tags: ["cards"] },
        condition: "true",
      },
    ],
    denials: [{ ...DENIAL, permissions: ["*"] }],
    approvals: [{ ...APPROVAL, expirySeconds: 60 }],
  });
  assert.deepEqual(whole.roles.get("signer"), {
    description: "signs",
    permissions: ["crypto:sign", "policy:update"],
    families: ["rsa", "ec"],
  });
  assert.equal(whole.denials[0]?.permissions, "all");
  assert.deepEqual(
    [whole.approvals[0]?.quorum, whole.approvals[0]?.expirySeconds, parse({ approvals: [APPROVAL] }).approvals[0]?.expirySeconds],
    [2, 60, 3600],
  );
});

const WRONG: readonly (readonly [why: string, document: object, told: RegExp])[] = [
  ["another format", { format: 2 }, /^policy: format: must be 1$/],
  ["a member nobody knows", { allow: [] }, /^policy: allow: there is no such member$/],
  ["a rule's member nobody knows", { bindings: [{ ...BINDING, effect: "allow" }] }, /bindings\[0\]\.effect: there is no such member/],
  ["a role that there is not", { bindings: [{ ...BINDING, roles: ["Root"] }] }, /bindings\[0\]\.roles\[0\]: there is no such role/],
  ["a role called like a member of every object", { bindings: [{ ...BINDING, roles: ["constructor"] }] }, /there is no such role/],
  ["a permission that there is not", { denials: [{ ...DENIAL, permissions: ["key:melt"] }] }, /there is no such permission/],
  ["a star among permissions", { denials: [{ ...DENIAL, permissions: ["*", "key:read"] }] }, /there is no such permission/],
  ["a role of all permissions by star", { roles: { all: { permissions: ["*"] } } }, /there is no such permission/],
  ["a built-in role redefined", { roles: { KeyUser: { permissions: ["key:read"] } } }, /is a built-in role/],
  ["an empty role", { roles: { none: { permissions: [] } } }, /must have at least one item/],
  ["a quorum of nobody", { approvals: [{ ...APPROVAL, quorum: 0 }] }, /quorum: must be a whole number from 1 to 16/],
  [
    "an approval of approvals",
    { approvals: [{ ...APPROVAL, permissions: ["approval:decide"] }] },
    /permissions\[0\]: cannot wait for approval/,
  ],
  ["a quorum left out", { approvals: [{ ...APPROVAL, quorum: undefined }] }, /quorum: must be a whole number/],
  ["a quorum in words", { approvals: [{ ...APPROVAL, quorum: "2" }] }, /quorum: must be a whole number/],
  ["approval by a role that there is not", { approvals: [{ ...APPROVAL, role: "Boss" }] }, /role: there is no such role/],
  ["an approval that never ends", { approvals: [{ ...APPROVAL, expirySeconds: 0 }] }, /expirySeconds/],
  ["a group in a group", { groups: { "a/x": { members: ["group:a/y"] }, "a/y": { members: [] } } }, /cannot be a member of a group/],
  ["everybody in a group", { groups: { "a/x": { members: ["*"] } } }, /must be the id of one principal/],
  ["a group without a namespace", { groups: { ops: { members: [] } } }, /a group is named NAMESPACE\/NAME/],
  ["a group that there is not", { bindings: [{ ...BINDING, members: ["group:payments/ops"] }] }, /there is no such group/],
  [
    "a same-named group of another tenant",
    { groups: { "payments/ops": { members: [] } }, bindings: [{ ...BINDING, members: ["group:retail/ops"], namespaces: ["retail"] }] },
    /there is no such group/,
  ],
  [
    "a tenant's group with roles in another tenant",
    { groups: { "payments/ops": { members: [] } }, bindings: [{ ...BINDING, members: ["group:payments/ops"], namespaces: ["retail"] }] },
    /has roles in that namespace alone/,
  ],
  [
    "a tenant's group with roles everywhere",
    { groups: { "payments/ops": { members: [] } }, bindings: [{ ...BINDING, members: ["group:payments/ops"], namespaces: ["*"] }] },
    /has roles in that namespace alone/,
  ],
  ["a member without a method", { bindings: [{ ...BINDING, members: ["alice"] }] }, /members\[0\]: must be the id of a principal/],
  ["the server itself as a member", { bindings: [{ ...BINDING, members: ["ceremony:lifecycle"] }] }, /must be the id of a principal/],
  ["a star inside an id", { bindings: [{ ...BINDING, members: ["user:al*"] }] }, /must be the id of a principal/],
  ["no members", { bindings: [{ ...BINDING, members: [] }] }, /at least one item/],
  ["no namespaces", { bindings: [{ ...BINDING, namespaces: [] }] }, /at least one item/],
  ["a star among namespaces", { bindings: [{ ...BINDING, namespaces: ["*", "payments"] }] }, /\* stands alone/],
  ["a selector of no keys", { bindings: [{ ...BINDING, keys: {} }] }, /must name keys by ids or tags/],
  ["a key id that is a path", { bindings: [{ ...BINDING, keys: { ids: ["../k"] } }] }, /must be the id of a key/],
  [
    "a permission that is about no key, on keys",
    { denials: [{ ...DENIAL, permissions: ["audit:view"], keys: { ids: ["k"] } }] },
    /is not about a key/,
  ],
  ["the same id twice", { bindings: [BINDING], denials: [{ ...DENIAL, id: "b" }] }, /denials\[0\]\.id: is taken by another rule/],
  ["a rule without an id", { bindings: [{ ...BINDING, id: undefined }] }, /bindings\[0\]\.id: must be a text/],
  ["a condition that is a list", { bindings: [{ ...BINDING, condition: ["true"] }] }, /condition: must be a text/],
  [
    "a condition beyond its length",
    { bindings: [{ ...BINDING, condition: "x".repeat(POLICY_LIMITS.conditionLength + 1) }] },
    /at most 1024/,
  ],
  [
    "more conditions than are compiled",
    { bindings: Array.from({ length: POLICY_LIMITS.conditions + 1 }, (_, index) => ({ ...BINDING, id: `b${index}`, condition: "true" })) },
    /at most 512 conditions/,
  ],
  ["rules that are no list", { bindings: {} }, /bindings: must be a list/],
];
for (const [why, document, told] of WRONG)
  test(`a document with ${why} is refused by its place`, () => assert.match(answer(document), told));

for (const name of ["", "/", "Payments", "payments/", " payments", "payments ", "*/", "..", "%2A", "payments\u0000", "ｐayments"])
  test(`a namespace spelled ${JSON.stringify(name)} is none, so no rule can mean another by it`, () =>
    assert.match(answer({ denials: [{ ...DENIAL, namespaces: [name] }] }), /must be the name of a namespace|must not be empty/));

test("a member named twice in the text of a document is refused, as is a document beyond its size", () => {
  assert.throws(() => parsePolicy('{"format":1,"bindings":[],"bindings":[]}', builtIn), { code: "INVALID_REQUEST" });
  assert.throws(() => parsePolicy(`{"format":1}${" ".repeat(POLICY_LIMITS.documentBytes)}`, builtIn), /at most 262144 bytes/);
});

test("what a caller chose as a name is never read as a pattern, and one issuer's pattern takes in no other issuer", () => {
  for (const id of ["jwt:https://a:*", "jwt:https://a:+", "jwt:https://a:/"])
    assert.equal(patternMatches("jwt:https://a:", id, false), true);
  assert.equal(patternMatches("jwt:https://a:", "jwt:https://a:8443:bob", false), false);
  assert.equal(patternMatches("jwt:https://a:", "jwt:https://a:8443:bob", true), true);
  assert.equal(patternMatches("jwt:https://a:", "jwt:https://a:", false), false);
  assert.deepEqual(readMember("user:a*"), undefined);
  assert.deepEqual(readMember("jwt:https://a:*"), { kind: "pattern", prefix: "jwt:https://a:" });
  assert.deepEqual(readMember("group:../ops"), undefined);
});

test("constraints name families, older spellings are known, and nothing else is", () => {
  assert.deepEqual(["key:use:rsa", "key:use:eddsa", "key:use:", "key:use:toString", "key:use", "crypto:sign"].map(familiesOfConstraint), [
    ["rsa"],
    ["ed25519", "ed448"],
    undefined,
    undefined,
    undefined,
    undefined,
  ]);
  assert.deepEqual(["key:describe", "policy:configure", "toString", "*"].map(findPermission), [
    "key:read",
    "policy:update",
    undefined,
    undefined,
  ]);
  assert.deepEqual(
    [usesKey("crypto:sign"), usesKey("key:read"), usesKey("crypto:hash"), usesKey("key:export")],
    [true, false, false, true],
  );
  assert.deepEqual([isAboutKey("key:read"), isAboutKey("audit:view"), isAboutKey("crypto:random")], [true, false, false]);
});

test("whatever is sent, it is read or refused as a request that is not valid", () => {
  fc.assert(
    fc.property(fc.json({ maxDepth: 4 }), fc.constantFrom("roles", "groups", "bindings", "denials", "approvals"), (inner, part) => {
      try {
        parsePolicy(`{"format":1,"${part}":${inner}}`, builtIn);
      } catch (error) {
        assert.ok(error instanceof HsmError && error.code === "INVALID_REQUEST", String(error));
      }
    }),
  );
});

test("differences are told rule by rule, and a document differs from itself in nothing", () => {
  const before = parse({ roles: { a: { permissions: ["key:read"] } }, bindings: [BINDING, { ...BINDING, id: "gone" }] });
  const after = parse({ roles: { a: { permissions: ["key:read", "key:create"] } }, bindings: [BINDING], denials: [DENIAL] });
  assert.deepEqual(policyDifferences(before, before), []);
  assert.deepEqual(
    policyDifferences(before, after).map(({ change, part, name }) => `${change} ${part} ${name}`),
    ["changed roles a", "removed bindings gone", "added denials d"],
  );
});
