import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import fc from "fast-check";
import type { Permission } from "@keystead/contract/permissions";
import { parsePolicy } from "@keystead/contract/policy/parse";
import { CompiledPolicy } from "./compile.ts";
import type { Situation } from "./conditions.ts";
import { decide, type Case, type Note } from "./decide.ts";
import { findRole } from "./roles.ts";

const policy = (document: object): CompiledPolicy => new CompiledPolicy(parsePolicy(JSON.stringify({ format: 1, ...document }), findRole));

interface Asking {
  readonly id?: string;
  readonly carries?: readonly Permission[];
  readonly reach?: readonly string[] | "all";
  readonly needs?: readonly Permission[];
  readonly listing?: boolean;
  readonly admitted?: boolean;
  readonly so?: Partial<Situation>;
}

const asked = ({
  id = "user:alice",
  carries = [],
  reach = "all",
  needs = ["crypto:sign"],
  listing = false,
  admitted = true,
  so = {},
}: Asking): Case => ({
  asker: { id, permissions: new Set(carries), namespaces: reach === "all" ? "all" : new Set(reach) },
  situation: {
    time: 0,
    address: "10.0.0.1",
    operation: "Sign",
    namespace: "payments",
    keyId: "k1",
    algorithm: "RSA-2048",
    tags: [],
    principal: id,
    method: "token",
    secondFactorAt: undefined,
    ...so,
  },
  needs,
  listing,
  admitted,
});

const answer = (compiled: CompiledPolicy, asking: Asking): string => {
  const verdict = decide(compiled, asked(asking));
  return verdict.allowed ? ["allowed", ...verdict.approvals.map(({ id }) => id)].join(" ") : `${verdict.rule} ${verdict.name}`.trim();
};

const BINDING = { id: "b", members: ["user:alice"], roles: ["KeyUser"], namespaces: ["payments"] };

test("a stored rule about keys that names what is about no key refuses it, or asks approval for it, and gives it to nobody", () => {
  const condition = "key.id == 'k1'";
  const rule = { id: "r", namespaces: ["payments"], permissions: ["audit:view", "crypto:sign"], condition };
  const nothing: Partial<Situation> = { keyId: "", algorithm: "" };
  const log = { carries: ["audit:view", "crypto:sign"] as Permission[], needs: ["audit:view"] as Permission[] };
  const denying = policy({ denials: [{ ...rule, members: ["user:alice"] }] });
  assert.equal(answer(denying, { ...log, so: nothing }), "denial r");
  assert.equal(answer(denying, { ...log, so: { ...nothing, namespace: "retail" } }), "allowed");
  assert.equal(answer(denying, { ...log, needs: ["crypto:sign"], so: { keyId: "k2" } }), "allowed");
  assert.equal(answer(policy({ approvals: [{ ...rule, role: "KeyAdmin", quorum: 1 }] }), { ...log, so: nothing }), "allowed r");
  const giving = policy({ bindings: [{ ...BINDING, roles: ["Auditor", "KeyUser"], condition: "key.id != 'k1'" }] });
  assert.equal(answer(giving, { needs: ["audit:view"], so: nothing }), "binding audit:view");
  assert.equal(answer(giving, { needs: ["crypto:sign"], so: nothing }), "binding crypto:sign");
  assert.equal(answer(giving, { needs: ["crypto:sign"], so: { keyId: "k2" } }), "allowed");
});

test("without rules the credential's roles decide, within its reach and where the address is admitted", () => {
  const none = policy({});
  assert.equal(answer(none, { carries: ["crypto:sign"] }), "allowed");
  assert.equal(answer(none, {}), "binding crypto:sign");
  assert.equal(answer(none, { carries: ["crypto:sign"], reach: ["retail"] }), "reach");
  assert.equal(answer(none, { carries: ["crypto:sign"], admitted: false }), "address");
  assert.equal(answer(none, { carries: ["crypto:sign"], needs: ["crypto:sign", "crypto:caller_nonce"] }), "binding crypto:caller_nonce");
});

test("a binding gives its roles to its members in its namespaces, and nothing else to anybody", () => {
  const one = policy({ bindings: [BINDING] });
  assert.equal(answer(one, {}), "allowed");
  for (const other of ["user:Alice", "user:alice2", "cert:alice", "jwt:user:alice", "user:alic", "alice"])
    assert.equal(answer(one, { id: other }), "binding crypto:sign", other);
  for (const namespace of ["retail", "", "Payments", "payments2"])
    assert.equal(answer(one, { so: { namespace } }), "binding crypto:sign", namespace);
  assert.equal(answer(one, { needs: ["key:create"] }), "binding key:create");
  // A token that reaches less is not widened by the document.
  assert.equal(answer(one, { reach: ["retail"] }), "reach");
});

test("a denial overrides every allowance, the Administrator's too, and wherever it stands", () => {
  const denials = [
    { id: "d", members: ["*"], permissions: ["crypto:sign"], namespaces: ["payments"], keys: { ids: ["k1"], tags: ["frozen"] } },
  ];
  const both = policy({ bindings: [BINDING, { ...BINDING, id: "c", roles: ["Administrator"], namespaces: ["*"] }], denials });
  assert.equal(answer(both, { carries: ["crypto:sign"] }), "denial d");
  assert.equal(answer(both, { so: { keyId: "k2" } }), "allowed");
  assert.equal(answer(both, { so: { keyId: "k2", tags: ["frozen"] } }), "denial d");
  assert.equal(answer(both, { so: { namespace: "retail" } }), "allowed");
  assert.equal(answer(both, { needs: ["crypto:verify"] }), "allowed");
  assert.equal(answer(both, { needs: ["crypto:verify", "crypto:sign"] }), "denial d");
});

test("a denial of everything to everybody includes callers without a login; a role for everybody does not", () => {
  const denials = [{ id: "d", members: ["*"], permissions: ["*"], namespaces: ["*"] }];
  assert.equal(answer(policy({ denials }), { id: "development", carries: ["crypto:sign"] }), "denial d");
  const open = policy({ bindings: [{ ...BINDING, members: ["*"] }] });
  assert.equal(answer(open, { id: "development" }), "binding crypto:sign");
  assert.equal(answer(open, { id: "cert:somebody" }), "allowed");
});

test("key:use:<family> narrows a role's uses of keys, and nothing else that the role carries", () => {
  const rsa = policy({
    roles: { rsa: { permissions: ["crypto:sign", "key:read", "key:create", "key:use:rsa"] } },
    bindings: [{ ...BINDING, roles: ["rsa"] }],
  });
  assert.equal(answer(rsa, {}), "allowed");
  for (const algorithm of ["ECDSA-P256", "Ed25519", "", "RSA", "__proto__"])
    assert.equal(answer(rsa, { so: { algorithm } }), "binding crypto:sign", algorithm);
  assert.equal(answer(rsa, { needs: ["key:read"], so: { algorithm: "Ed25519" } }), "allowed");
  // Another role without the constraint is not narrowed by this one.
  const two = policy({
    roles: { rsa: { permissions: ["crypto:sign", "key:use:rsa"] } },
    bindings: [{ ...BINDING, roles: ["rsa", "KeyUser"] }],
  });
  assert.equal(answer(two, { so: { algorithm: "Ed25519" } }), "allowed");
});

test("who is confined to some namespaces rules over nothing that is everybody's", () => {
  const none = policy({});
  const server = { namespace: "", keyId: "" };
  const everybodys = ["policy:update", "script:update", "script:read", "approval:revoke_keys", "vault:seal", "vault:rekey"] as const;
  for (const permission of everybodys) {
    const asking = { carries: [permission], needs: [permission], so: server };
    assert.equal(answer(none, { ...asking, reach: ["payments"] }), "reach", permission);
    assert.equal(answer(none, asking), "allowed", permission);
  }
});

test("a binding on keys reaches them by id or tag, and not keys that are made on the way", () => {
  const keyed = policy({
    roles: { maker: { permissions: ["crypto:derive", "key:create"] } },
    bindings: [{ ...BINDING, roles: ["maker"], keys: { ids: ["k1"], tags: ["t"] } }],
  });
  assert.equal(answer(keyed, { needs: ["crypto:derive"] }), "allowed");
  assert.equal(answer(keyed, { needs: ["crypto:derive"], so: { keyId: "k2", tags: ["t"] } }), "allowed");
  assert.equal(answer(keyed, { needs: ["crypto:derive"], so: { keyId: "k2" } }), "binding crypto:derive");
  assert.equal(answer(keyed, { needs: ["crypto:derive"], so: { keyId: "" } }), "binding crypto:derive");
  assert.equal(answer(keyed, { needs: ["key:create"], so: { keyId: "", tags: ["t"] } }), "allowed");
  assert.equal(answer(keyed, { needs: ["crypto:derive", "key:create"] }), "binding key:create");
});

test("a condition that cannot be evaluated allows nothing, and forbids what it would forbid", () => {
  const broken = "1 / (principal.mfa_age - principal.mfa_age) == 1";
  assert.equal(answer(policy({ bindings: [{ ...BINDING, condition: broken }] }), {}), "binding crypto:sign");
  const denials = [{ id: "d", members: ["*"], permissions: ["*"], namespaces: ["*"], condition: broken }];
  assert.equal(answer(policy({ denials }), { carries: ["crypto:sign"] }), "denial d");
  const approvals = [{ id: "a", permissions: ["crypto:sign"], namespaces: ["*"], quorum: 1, role: "KeyAdmin", condition: broken }];
  assert.equal(answer(policy({ approvals }), { carries: ["crypto:sign"] }), "allowed a");
});

test("approvals are asked for by every rule that is about the request, whoever asks", () => {
  const rule = { permissions: ["crypto:sign"], quorum: 2, role: "KeyAdmin" };
  const compiled = policy({
    approvals: [
      { ...rule, id: "everywhere", namespaces: ["*"] },
      { ...rule, id: "tagged", namespaces: ["payments"], keys: { tags: ["root"] } },
      { ...rule, id: "elsewhere", namespaces: ["retail"] },
    ],
  });
  assert.equal(answer(compiled, { carries: ["crypto:sign"] }), "allowed everywhere");
  assert.equal(answer(compiled, { carries: ["crypto:sign"], so: { tags: ["root"] } }), "allowed everywhere tagged");
  assert.equal(answer(compiled, { carries: ["crypto:verify"], needs: ["crypto:verify"] }), "allowed");
  assert.equal(answer(compiled, {}), "binding crypto:sign");
});

test("a list is given to who may see some of it; what is denied of it is left to its entries, unless all is denied", () => {
  const keyed = policy({
    bindings: [{ ...BINDING, keys: { tags: ["t"] } }],
    denials: [{ id: "d", members: ["*"], permissions: ["key:read"], namespaces: ["payments"], keys: { ids: ["secret"] } }],
  });
  const list: Asking = { needs: ["key:read"], listing: true, so: { keyId: "" } };
  assert.equal(answer(keyed, list), "allowed");
  assert.equal(answer(keyed, { ...list, id: "user:bob" }), "binding key:read");
  assert.equal(answer(keyed, { needs: ["key:read"], so: { keyId: "secret", tags: ["t"] } }), "denial d");
  assert.equal(answer(keyed, { needs: ["key:read"], so: { keyId: "other", tags: ["t"] } }), "allowed");
  const shut = policy({ bindings: [BINDING], denials: [{ id: "d", members: ["*"], permissions: ["key:read"], namespaces: ["payments"] }] });
  assert.equal(answer(shut, list), "denial d");
});

test("the document of the handbook is one, and decides as the handbook says", () => {
  const page = readFileSync(join(import.meta.dirname, "../../../docs/operate/policy.md"), "utf8");
  const [, text = ""] = /```json\n([\s\S]*?)```/.exec(page) ?? [];
  const compiled = new CompiledPolicy(parsePolicy(text, findRole));
  const so = { tags: ["cards"], address: "10.2.3.4", time: 100_000_000, secondFactorAt: 99_000_000 };
  assert.equal(answer(compiled, { so }), "allowed");
  assert.equal(answer(compiled, { so: { ...so, tags: ["cards", "frozen"] } }), "denial frozen");
  assert.equal(answer(compiled, { so: { ...so, secondFactorAt: undefined } }), "binding crypto:sign");
  assert.equal(answer(compiled, { carries: ["key:destroy"], needs: ["key:destroy"] }), "allowed two-destroy");
});

/** The rules as they are said in the handbook, in the plainest way: no index, no order, no cache. */
function model(
  document: ModelDocument,
  asking: Required<Pick<Asking, "id" | "carries" | "needs">> & { reach: readonly string[] | "all"; so: Situation },
): boolean {
  const { id, carries, reach, needs, so } = asking;
  const about = (rule: ModelRule): boolean => {
    const member = rule.members.some(
      (text) =>
        text === "*" || text === id || (text.startsWith("group:") && (document.groups[text.slice(6)]?.members.includes(id) ?? false)),
    );
    const space = rule.namespaces.includes("*") || rule.namespaces.includes(so.namespace);
    const key =
      rule.keys === undefined || (rule.keys.ids ?? []).includes(so.keyId) || (rule.keys.tags ?? []).some((tag) => so.tags.includes(tag));
    const condition =
      rule.condition === undefined ||
      (rule.condition === "principal.mfa_age < 60"
        ? so.secondFactorAt !== undefined && so.time - so.secondFactorAt < 60_000
        : so.operation === "Sign");
    return member && space && key && condition;
  };
  if (
    document.denials.some((rule) => about(rule) && needs.some((need) => rule.permissions.includes("*") || rule.permissions.includes(need)))
  )
    return false;
  if (so.namespace !== "" && reach !== "all" && !reach.includes(so.namespace)) return false;
  return needs.every(
    (need) =>
      carries.includes(need) ||
      document.bindings.some((rule) => about(rule) && rule.roles.some((role) => (document.roles[role]?.permissions ?? []).includes(need))),
  );
}
interface ModelRule {
  readonly members: readonly string[];
  readonly namespaces: readonly string[];
  readonly keys?: { readonly ids?: readonly string[]; readonly tags?: readonly string[] };
  readonly condition?: string;
}
interface ModelDocument {
  readonly roles: Record<string, { permissions: string[] }>;
  readonly groups: Record<string, { members: string[] }>;
  readonly bindings: (ModelRule & { roles: string[] })[];
  readonly denials: (ModelRule & { permissions: string[] })[];
}

const PEOPLE = ["user:a", "user:b", "cert:a"];
const SPACES = ["x", "y"];
const NEEDS: Permission[] = ["crypto:sign", "key:read", "crypto:verify"];
const some = <T>(values: readonly T[], least = 1): fc.Arbitrary<T[]> =>
  fc.uniqueArray(fc.constantFrom(...values), { minLength: least, maxLength: values.length });
const rule = fc.record(
  {
    members: some([...PEOPLE, "*", "group:*/g"]),
    namespaces: fc.oneof(fc.constant(["*"]), some(SPACES)),
    keys: fc.oneof(fc.record({ ids: some(["k1", "k2"]) }), fc.record({ tags: some(["t1", "t2"]) })),
    condition: fc.constantFrom("principal.mfa_age < 60", 'request.operation == "Sign"'),
  },
  { requiredKeys: ["members", "namespaces"] },
);

test("whatever the document and the request, the decision is that of the plainest reading of the rules", () => {
  const documents = fc.record({
    roles: fc.record({ r1: fc.record({ permissions: some(NEEDS) }), r2: fc.record({ permissions: some(NEEDS) }) }),
    groups: fc.record({ "*/g": fc.record({ members: some(PEOPLE, 0) }) }),
    bindings: fc.array(
      fc.tuple(rule, some(["r1", "r2"])).map(([scope, roles]) => ({ ...scope, roles })),
      { maxLength: 5 },
    ),
    denials: fc.array(
      fc.tuple(rule, fc.oneof(some(NEEDS), fc.constant(["*"]))).map(([scope, permissions]) => ({ ...scope, permissions })),
      { maxLength: 2 },
    ),
  });
  const requests = fc.record({
    id: fc.constantFrom(...PEOPLE),
    carries: some(NEEDS, 0),
    reach: fc.oneof(fc.constant("all" as const), some(SPACES, 0)),
    needs: some(NEEDS),
    keyId: fc.constantFrom("k1", "k2", "k3"),
    tags: some(["t1", "t2", "t3"], 0),
    namespace: fc.constantFrom(...SPACES),
    operation: fc.constantFrom("Sign", "Verify"),
    factor: fc.constantFrom(undefined, 950_000, 100_000),
  });
  let allowed = 0;
  fc.assert(
    fc.property(documents, requests, (document, { id, carries, reach, needs, factor, ...so }) => {
      const numbered = {
        ...document,
        bindings: document.bindings.map((one, index) => ({ ...one, id: `b${index}` })),
        denials: document.denials.map((one, index) => ({ ...one, id: `d${index}` })),
      };
      const asking = asked({ id, carries, reach, needs, so: { ...so, time: 1_000_000, secondFactorAt: factor } });
      const notes: Note[] = [];
      const compiled = policy(numbered);
      const verdict = decide(compiled, asking);
      assert.equal(verdict.allowed, model(document as ModelDocument, { id, carries, reach, needs, so: asking.situation }));
      // An explanation tells the same decision, and the second asking is the first.
      assert.deepEqual(decide(compiled, asking, notes), verdict);
      assert.ok(notes.length > 0);
      if (verdict.allowed) allowed += 1;
    }),
    { numRuns: 2000 },
  );
  assert.ok(allowed > 100, String(allowed));
});
