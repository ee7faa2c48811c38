import assert from "node:assert/strict";
import { test } from "node:test";
import type { NamespaceConfig } from "@keystead/contract/config";
import { HsmError } from "@keystead/contract/errors";
import type { Operation } from "@keystead/contract/operation";
import type { Permission } from "@keystead/contract/permissions";
import { OPERATIONS, operationByName } from "@keystead/contract/operations/register";
import { ceremonyPrincipal } from "../authenticate/authenticate.ts";
import type { Principal } from "../authenticate/principal.ts";
import { consumeGrant, type Grant } from "../grant.ts";
import { Authorizer, type Question } from "./authorize.ts";
import { ROLES, findRole, permissionsOf } from "./roles.ts";

/** Written by hand from the roles as documented, not from the code: who may do what. A = Administrator, N = NamespaceAdmin, ... */
const TABLE: Readonly<Record<string, string>> = {
  GenerateKey: "A N O K",
  ImportKey: "A N O K",
  GetKey: "A N O K U S R",
  GetPublicKey: "A N O K U S R",
  ListKeys: "A N O K U S R",
  RotateKey: "A N O K",
  DeleteKey: "A N K",
  ActivateKey: "A N O K",
  SuspendKey: "A N O K",
  ResumeKey: "A N O K",
  DeactivateKey: "A N O K",
  RevokeKey: "A N K",
  RollbackKey: "A N O K",
  ListVersions: "A N O K U S R",
  UpdateKey: "A N O K",
  DestroyKey: "A N K",
  CancelDestruction: "A N K",
  PurgeKey: "A N K",
  SetAttributes: "A N O K",
  FindObjects: "A N O K U S R",
  CopyKey: "A N K",
  WrapKey: "A N K",
  UnwrapKey: "A N O K",
  ExportKey: "A N K",
  RewrapData: "A O U S",
  ApprovePurge: "A",
  Sign: "A O U S",
  SignDigest: "A S",
  SignRaw: "A S",
  GenerateCsr: "A O U S",
  GenerateCertificate: "A O U S",
  Verify: "A O U S",
  Encrypt: "A O U S",
  Decrypt: "A O U S",
  GenerateMac: "A O U S",
  VerifyMac: "A O U S",
  GenerateDataKey: "A O U S",
  Hash: "A O U S",
  GenerateRandom: "A O U S",
  Batch: "A O U S",
  CreateNamespace: "A",
  ListNamespaces: "A N O K R",
  GetAuditLog: "A N R",
  StreamAuditLog: "A N R",
  CreateSink: "A N",
  GetSink: "A N R",
  ListSinks: "A N R",
  UpdateSink: "A N",
  DeleteSink: "A N",
  TestSink: "A N",
  ListDeliveries: "A N R",
  RedeliverDelivery: "A N",
  RotateSinkSecret: "A N",
  GetNamespace: "A N O K R",
  UpdateNamespace: "A",
  SuspendNamespace: "A N",
  ResumeNamespace: "A",
  DeleteNamespace: "A",
  CancelNamespaceDeletion: "A",
  PurgeNamespace: "A",
  SetBudget: "A N",
  ListBudgets: "A N R",
  DeleteBudget: "A N",
  GetStatus: "A N O K U S R",
  ListAlerts: "A O R",
  Unseal: "A",
  RekeyVault: "A",
  Seal: "A",
  Encapsulate: "A O S",
  Decapsulate: "A O S",
  AgreeKey: "A O S",
  DeriveKey: "A O S",
  GetAuditCheckpoint: "A N O K U S R",
  ListAuditCheckpoints: "A N O K U S R",
  ProveAuditEvent: "A N O K U S R",
  ProveAuditConsistency: "A N O K U S R",
  GetAuditEntries: "A N O K U S R",
  GetAuditTile: "A N O K U S R",
  GetAuditBreak: "A N O K U S R",
  AcknowledgeAuditBreak: "A",
  GetPolicy: "A R",
  SetPolicy: "A",
  ListPolicyVersions: "A R",
  DiffPolicy: "A R",
  TestPolicy: "A R",
  ExplainDecision: "A R",
  ReplayPolicy: "A R",
  ListRoles: "A R",
  ListConfigVersions: "A R",
  GetConfigVersion: "A R",
  AcceptConfig: "A",
  CreateGrant: "A O U",
  ListGrants: "A O U",
  RevokeGrant: "A O U",
  HpkeSeal: "A O U S",
  HpkeOpen: "A O U S",
  ListApprovals: "A N O K U S R",
  GetApproval: "A N O K U S R",
  ApproveRequest: "A N O K U R",
  DenyRequest: "A N O K U R",
  CancelRequest: "A N O K U S R",
  OverrideApproval: "A",
  RegisterApproverKey: "A N O K U R",
  AdoptPasskey: "A N O K U R",
  ListApproverKeys: "A N O K U S R",
  RevokeApproverKey: "A N O K U R",
  UploadScript: "A",
  GetScript: "A R",
  ListScripts: "A R",
  EnableScript: "A",
  DisableScript: "A",
  DeleteScript: "A",
  SimulateScript: "A R",
  // One's own; somebody else's needs a permission more.
  CreateUser: "A",
  GetUser: "A N O K U S R",
  ListUsers: "A R",
  UpdateUser: "A",
  DeleteUser: "A",
  SetPassword: "A N O K U S R",
  UnlockUser: "A",
  EnrollTotp: "A N O K U S R",
  ConfirmTotp: "A N O K U S R",
  BeginWebAuthnRegistration: "A N O K U S R",
  FinishWebAuthnRegistration: "A N O K U S R",
  RemoveFactor: "A N O K U S R",
  GenerateRecoveryCodes: "A N O K U S R",
  Logout: "A N O K U S R",
  ListSessions: "A N O K U S R",
  RevokeSession: "A N O K U S R",
  WhoAmI: "A N O K U S R",
  CreateServiceAccount: "A",
  ListServiceAccounts: "A R",
  DeleteServiceAccount: "A",
  CreateSecretId: "A",
  RevokeSecretId: "A",
  // For callers without a credential, whom the monitor gives this one permission; the Administrator has every one.
  Login: "A",
  CompleteLogin: "A",
  RefreshSession: "A",
  LoginService: "A",
  LoginOidc: "A",
  GetJwks: "A",
  StoreObject: "A N O K",
  GetStoredObject: "A N O K U S R",
  FindStoredObjects: "A N O K U S R",
  UpdateStoredObject: "A N O K",
  DeleteStoredObject: "A N O K",
  CreateToken: "A",
  ListTokens: "A N O K U S R",
  GetToken: "A N O K U S R",
  DeleteToken: "A",
  LoginToken: "A",
  // What a security officer's PIN gives, and no role but the Administrator's.
  InitToken: "A",
  InitTokenPin: "A",
  SetTokenPin: "A N O K U S R",
  Reauthenticate: "A N O K U S R",
};
const LETTERS: Readonly<Record<string, string>> = {
  Administrator: "A",
  NamespaceAdmin: "N",
  Operator: "O",
  KeyAdmin: "K",
  KeyUser: "U",
  Service: "S",
  Auditor: "R",
};

function principal(roles: readonly string[], namespaces: readonly string[] | "all" = ["default"]): Principal {
  const all: Principal = { ...ceremonyPrincipal("test", roles), method: "token" };
  return namespaces === "all" ? all : { ...all, namespaces: new Set(namespaces) };
}

const operation = (name: string): Operation => operationByName(name) as Operation;
const ask = (more: Partial<Question> = {}): Question => ({
  principal: principal(["KeyUser"]),
  operation: operation("Sign"),
  namespace: "default",
  keyId: "k",
  address: "192.0.2.1",
  ...more,
});
/** Who rules over all namespaces must reach all of them. */
const reachFor = (what: string): readonly string[] | "all" => (operation(what).permission.startsWith("policy:") ? "all" : ["default"]);
const plain = new Authorizer({});

/** What a refusal says, or "allowed". */
function answer(authorizer: Authorizer, question: Question): string {
  try {
    authorizer.decide(question);
    return "allowed";
  } catch (error) {
    assert.ok(error instanceof HsmError, String(error));
    return `${error.code}: ${error.detail}`;
  }
}

test("the table names every operation and every role there is", () => {
  assert.deepEqual(Object.keys(TABLE).sort(), OPERATIONS.map(({ name }) => name).sort());
  assert.deepEqual(Object.keys(LETTERS).sort(), Object.keys(ROLES).sort());
});

for (const [name, letter] of Object.entries(LETTERS)) {
  for (const [what, allowed] of Object.entries(TABLE)) {
    const may = allowed.split(" ").includes(letter);
    test(`${name} ${may ? "may" : "may not"} ${what}`, () => {
      assert.equal(
        answer(plain, ask({ principal: principal([name], reachFor(what)), operation: operation(what) })),
        may ? "allowed" : `PERMISSION_DENIED: ${what} is not permitted here`,
      );
    });
  }
}

test("nobody may do anything without a role, or with names that are none", () => {
  for (const roles of [[], ["nobody"], ["__proto__"], ["constructor"], ["toString"], [""], ["administrator "]]) {
    assert.equal(permissionsOf(roles).size, 0, String(roles));
    for (const row of OPERATIONS) assert.notEqual(answer(plain, ask({ principal: principal(roles), operation: row })), "allowed");
  }
});

test("role aliases are those of the table and nothing else", () => {
  assert.deepEqual(["admin", "administrator", "user", "operator", "auditor", "service", "Administrator"].map(findRole), [
    "Administrator",
    "Administrator",
    "KeyUser",
    "Operator",
    "Auditor",
    "Service",
    "Administrator",
  ]);
  for (const none of ["", "Admin", "root", "__proto__", "hasOwnProperty", "valueOf"]) assert.equal(findRole(none), undefined);
});

test("a shared secret demands key:create to become a key, and a permission of its own to leave", () => {
  const encapsulate = operation("Encapsulate");
  const asked = (asBytes: boolean): readonly Permission[] => encapsulate.demands?.({ asBytes } as never) ?? assert.fail();
  const may = (role: string, asBytes: boolean): boolean =>
    answer(plain, ask({ principal: principal([role]), operation: encapsulate, demands: asked(asBytes) })) === "allowed";
  assert.deepEqual([asked(false), asked(true)], [["key:create"], ["crypto:shared_secret"]]);
  // A program gets bytes but makes no keys; one who makes keys but uses none gets neither.
  assert.deepEqual([may("Service", false), may("Service", true)], [false, true]);
  assert.deepEqual([may("Operator", false), may("Operator", true)], [true, true]);
  for (const role of ["KeyAdmin", "NamespaceAdmin", "KeyUser", "Auditor"])
    assert.deepEqual([may(role, false), may(role, true)], [false, false]);
});

test("an Administrator who is confined to some namespaces has no say in the policy of all", () => {
  for (const name of OPERATIONS.map((row) => row.name).filter((one) => reachFor(one) === "all"))
    assert.notEqual(
      answer(plain, ask({ principal: principal(["Administrator"]), operation: operation(name), namespace: "" })),
      "allowed",
      name,
    );
});

test("two roles may together what each may alone, and no more", () => {
  for (const { name } of OPERATIONS) {
    const both = principal(["Auditor", "Service"], reachFor(name));
    const may = ["R", "S"].some((letter) => (TABLE[name] as string).split(" ").includes(letter));
    assert.equal(answer(plain, ask({ principal: both, operation: operation(name) })) === "allowed", may, name);
  }
});

test("a namespace out of reach has one answer, whether it exists or not, whatever the role", () => {
  const configured: Record<string, NamespaceConfig> = {
    existing: { description: "", maxKeys: 0, allowedIps: [], deniedIps: [] },
    walled: { description: "", maxKeys: 0, allowedIps: ["192.0.2.1"], deniedIps: [] },
  };
  const authorizer = new Authorizer(configured);
  for (const roles of [["Administrator"], ["KeyUser"], []]) {
    const answers = ["existing", "walled", "missing", "Default", "default ", "__proto__"].map((namespace) =>
      answer(authorizer, ask({ principal: principal(roles), namespace })),
    );
    assert.deepEqual(new Set(answers), new Set(["PERMISSION_DENIED: Sign is not permitted here"]));
  }
  assert.equal(answer(authorizer, ask({ principal: principal(["Administrator"], "all"), namespace: "missing" })), "allowed");
  assert.notEqual(answer(authorizer, ask({ principal: principal(["Administrator"], []) })), "allowed");
});

const ADDRESSES: readonly (readonly [allowed: string[], denied: string[], address: string, admitted: boolean])[] = [
  [[], [], "anything", true],
  [["192.0.2.0/24"], [], "192.0.2.255", true],
  [["192.0.2.0/24"], [], "192.0.3.0", false],
  [["192.0.2.7"], [], "192.0.2.7", true],
  [["192.0.2.7"], [], "192.0.2.8", false],
  [["192.0.2.0/24"], ["192.0.2.7"], "192.0.2.7", false],
  [["192.0.2.0/24"], ["192.0.2.7"], "192.0.2.6", true],
  [[], ["192.0.2.0/25"], "192.0.2.127", false],
  [[], ["192.0.2.0/25"], "192.0.2.128", true],
  [[], ["192.0.2.0/25"], "2001:db8::1", true],
  [["192.0.2.7"], [], "::ffff:192.0.2.7", true],
  [[], ["192.0.2.7"], "::ffff:192.0.2.7", false],
  [[], ["192.0.2.7"], "::ffff:c000:207", false],
  [[], ["192.0.2.7"], "::FFFF:192.0.2.7", false],
  [["2001:db8::/32"], [], "2001:db8:ffff::1", true],
  [["2001:db8::/32"], [], "2001:db9::1", false],
  [["::1"], [], "0:0:0:0:0:0:0:1", true],
  [["::1"], [], "127.0.0.1", false],
  [["0.0.0.0/0"], [], "203.0.113.9", true],
  [["0.0.0.0/0"], [], "2001:db8::1", false],
  [["192.0.2.0/24"], [], "", false],
  [["192.0.2.0/24"], [], "somewhere", false],
  [["192.0.2.0/24"], [], "192.0.2.1 ", false],
  [["192.0.2.0/24"], [], "192.0.2.1:443", false],
  [["fe80::/10"], [], "fe80::1%eth0", true],
  [[], ["192.0.2.7"], "", false],
  [[], ["192.0.2.7"], "somewhere", false],
];

for (const [allowedIps, deniedIps, address, admitted] of ADDRESSES) {
  test(`allowed [${allowedIps.join()}], denied [${deniedIps.join()}]: ${address || "no address"} is ${admitted ? "admitted" : "refused like everything else"}`, () => {
    const authorizer = new Authorizer({ default: { description: "", maxKeys: 0, allowedIps, deniedIps } });
    assert.equal(answer(authorizer, ask({ address })), admitted ? "allowed" : "PERMISSION_DENIED: Sign is not permitted here");
    assert.equal(answer(authorizer, ask({ address, namespace: "free", principal: principal(["KeyUser"], "all") })), "allowed");
  });
}

test("the server makes its configured namespaces whatever addresses they admit", () => {
  const authorizer = new Authorizer({ walled: { description: "", maxKeys: 0, allowedIps: ["192.0.2.1"], deniedIps: ["192.0.2.2"] } });
  const question = ask({
    principal: ceremonyPrincipal("configuration", ["Administrator"]),
    operation: operation("CreateNamespace"),
    namespace: "walled",
    address: "",
  });
  assert.equal(answer(authorizer, question), "allowed");
  assert.notEqual(answer(authorizer, { ...question, principal: principal(["Administrator"], "all") }), "allowed");
});

test("a grant says what was decided, works once, and comes only with operations that use a key", () => {
  const grant = plain.decide(ask()) as Grant;
  assert.deepEqual(
    { ...consumeGrant(grant), brand: undefined },
    {
      principal: "ceremony:test",
      operation: "Sign",
      namespace: "default",
      keyId: "k",
      usage: "sign",
      mayUseRevoked: false,
      brand: undefined,
    },
  );
  for (const [role, may] of [
    ["Administrator", true],
    ["Operator", true],
    ["KeyUser", false],
    ["Service", false],
  ] as const)
    assert.equal((plain.decide(ask({ principal: principal([role]) })) as Grant).mayUseRevoked, may, role);
  assert.throws(() => consumeGrant(grant), { code: "PERMISSION_DENIED" });
  for (const row of OPERATIONS)
    assert.equal(
      plain.decide(ask({ principal: principal(["Administrator"], "all"), operation: row })) === undefined,
      row.usage === undefined,
      row.name,
    );
});

test("what a request demands beyond its operation is needed too, every permission of it", () => {
  const user = principal(["KeyUser"]);
  assert.equal(answer(plain, ask({ principal: user, demands: [] })), "allowed");
  assert.equal(answer(plain, ask({ principal: user, demands: ["crypto:verify"] })), "allowed");
  assert.equal(
    answer(plain, ask({ principal: user, demands: ["crypto:verify", "key:create"] })),
    "PERMISSION_DENIED: Sign is not permitted here",
  );
  assert.equal(answer(plain, ask({ principal: principal(["Administrator"]), demands: ["crypto:verify", "key:create"] })), "allowed");
});

test("the grant of a second key is for the use decided on, not for the operation's own", () => {
  const grant = plain.decide(ask({ keyId: "other", use: "export" })) as Grant;
  assert.equal(grant.keyId, "other");
  assert.equal(consumeGrant(grant).usage, "export");
});

test("no look-alike of a grant opens anything, and a grant cannot be changed", () => {
  const grant = plain.decide(ask()) as Grant;
  for (const fake of [{ ...grant }, Object.create(grant) as Grant, structuredClone({ ...grant, brand: undefined }) as unknown as Grant])
    assert.throws(() => consumeGrant(fake), { code: "PERMISSION_DENIED" });
  assert.throws(() => {
    (grant as { keyId: string }).keyId = "other";
  }, TypeError);
  assert.equal(consumeGrant(grant).keyId, "k");
});
