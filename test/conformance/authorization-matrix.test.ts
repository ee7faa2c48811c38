/**
 * Every operation, by every role, in namespaces within and out of reach, by every way to log in, in every state of the
 * vault: each cell through the monitor, against a small model of the rules as the handbook says them. What the roles
 * carry is read from the reference page, not from the code.
 *
 * A gate ends what was permitted before anything is done, so that a cell tells what was decided and changes nothing.
 */
import assert from "node:assert/strict";
import { test } from "node:test";
import type { Message } from "@bufbuild/protobuf";
import { HsmError } from "@keystead/contract/errors";
import type { Operation } from "@keystead/contract/operation";
import { OPERATIONS } from "@keystead/contract/operations/register";
import { setPolicy } from "@keystead/contract/operations/set-policy";
import type { Permission } from "@keystead/contract/permissions";
import type { Principal } from "../../server/vault/authenticate/principal.ts";
import { askAs, person } from "../../server/vault/testing/asking.ts";
import { ClockedVault } from "../../server/vault/testing/clocked-vault.ts";
import { CARRIES, HEAD, PHASES, validMessage } from "./handbook.ts";

const REQUESTS = new Map(OPERATIONS.map((operation) => [operation.name, validMessage(operation.method.input)]));

const POLICY = {
  format: 1,
  bindings: [
    { id: "everybody", members: ["*"], roles: ["KeyUser"], namespaces: ["shared"] },
    { id: "certified", members: ["cert:*"], roles: ["Auditor"], namespaces: ["here"] },
    { id: "too-far", members: ["*"], roles: ["Administrator"], namespaces: ["there"] },
  ],
  denials: [{ id: "no", members: ["*"], permissions: ["crypto:decrypt", "key:destroy"], namespaces: ["shared"] }],
};

const METHODS = { certificate: "cert:", token: "jwt:https://issuer:", "local user": "user:", "development listener": "" } as const;
type Method = keyof typeof METHODS;
const NAMESPACES = ["here", "shared", "there"];
const REACH = ["here", "shared"];

/** The handbook, in the plainest words. */
function may(role: string, method: Method, namespace: string, needs: readonly Permission[]): boolean {
  const roleOf = (name: string, need: Permission): boolean => CARRIES.get(name)?.has(need) === true;
  const everybody = method !== "development listener";
  const whole = namespace === "" && needs.every((need) => ["namespace:read", "audit:view", "token:read"].includes(need));
  if (namespace === "shared" && needs.some((need) => need === "crypto:decrypt" || need === "key:destroy")) return false;
  if (namespace === "there") return false;
  const everybodys = (need: Permission): boolean =>
    /^(?:policy|script):/.test(need) || ["approval:revoke_keys", "vault:seal", "vault:rekey"].includes(need);
  if (namespace === "" && needs.some(everybodys)) return false;
  return needs.every(
    (need) =>
      roleOf(role, need) ||
      ((namespace === "shared" || whole) && everybody && roleOf("KeyUser", need)) ||
      ((namespace === "here" || whole) && method === "certificate" && roleOf("Auditor", need)) ||
      (whole && everybody),
  );
}

const STATES = ["open", "maintenance", "error", "sealed"] as const;
const CLOSED: Readonly<Record<string, string>> = {
  maintenance: "INTEGRITY_FAILURE",
  error: "SELF_TEST_FAILED",
  sealed: "VAULT_SEALED",
  open: "INVALID_REQUEST",
};
const PERMITTED = "SIGNING_REFUSED";
/** What is done in the maintenance that waits for an acceptance, and in no other. */
const LEADS_OUT = new Set(
  "AcceptConfig AcknowledgeAuditBreak ApproveRequest DenyRequest OverrideApproval CancelRequest Login CompleteLogin RefreshSession Logout WhoAmI".split(
    " ",
  ),
);

/** What the monitor says to one cell. */
async function outcome(vault: ClockedVault, operation: Operation, request: Message, principal: Principal): Promise<string> {
  return vault.monitor
    .perform(operation, request as never, { principal, requestId: "cell", address: "10.0.0.1", deadline: Infinity, cancelled: () => false })
    .then(
      () => "performed",
      (error: unknown) => (error instanceof HsmError ? error.code : String(error)),
    );
}

async function cells(vault: ClockedVault, state: (typeof STATES)[number]): Promise<number> {
  let seen = 0;
  for (const operation of OPERATIONS) {
    const request = REQUESTS.get(operation.name) as Message & { namespace?: string };
    const needs = [operation.permission, ...(operation.demands?.(request) ?? [])];
    const named = "namespace" in operation.method.input.field;
    const places =
      operation.scope === "server" || !named
        ? [""]
        : operation.scope === "reach" && operation.name !== "CreateNamespace"
          ? [...NAMESPACES, ""]
          : NAMESPACES;
    for (const namespace of places) {
      const asked = named && operation.scope !== "server" ? { ...request, namespace } : request;
      for (const [method, prefix] of Object.entries(METHODS) as [Method, string][])
        for (const role of [...CARRIES.keys(), "none"]) {
          const principal = person(prefix === "" ? "development" : `${prefix}${role}`, role === "none" ? [] : [role], REACH, {
            method,
            defaultNamespace: "here",
          });
          // In this vault's maintenance the log is not trusted: what leads to an accepted configuration is done in another kind of it.
          const possible =
            PHASES.get(operation.name)?.includes(state) === true && !(state === "maintenance" && LEADS_OUT.has(operation.name));
          const expected = !possible
            ? CLOSED[state]
            : may(role, method, operation.scope === "server" ? "" : namespace, needs)
              ? PERMITTED
              : "PERMISSION_DENIED";
          const got = await outcome(vault, operation, asked, principal);
          assert.equal(got, expected, `${operation.name} by ${role}, ${method}, in '${namespace}', ${state}`);
          seen += 1;
        }
    }
  }
  return seen;
}

test("operation x role x namespace x method x state: every cell is as the handbook says", async (t) => {
  assert.ok(CARRIES.size >= 7 && HEAD.length > 30 && PHASES.size >= OPERATIONS.length);
  const vault = await ClockedVault.open();
  t.after(async () => {
    await vault.vault.log.close();
    vault.vault.objects.close();
  });
  await askAs(vault.monitor, person("user:admin", ["Administrator"]), setPolicy, { document: JSON.stringify(POLICY) });
  vault.gates.push(() => {
    throw new HsmError(PERMITTED, "permitted, and not done");
  });
  let seen = await cells(vault, "open");
  vault.monitor.stop(new HsmError("INTEGRITY_FAILURE", "for this test"));
  seen += await cells(vault, "maintenance");
  vault.monitor.fail(new HsmError("SELF_TEST_FAILED", "for this test"));
  seen += await cells(vault, "error");
  await vault.reopen();
  await vault.vault.log.close();
  vault.monitor.close();
  seen += await cells(vault, "sealed");
  assert.ok(seen > 20_000, String(seen));
  t.diagnostic(`${seen} cells`);
});
