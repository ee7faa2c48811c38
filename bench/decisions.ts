/**
 * What a decision costs: the policy of 1,000 principals, 200 bindings and 20 conditions, asked by each of them in turn.
 */
import { parsePolicy } from "@keystead/contract/policy/parse";
import type { Permission } from "@keystead/contract/permissions";
import { CompiledPolicy } from "../server/vault/authorize/compile.ts";
import { decide, type Case } from "../server/vault/authorize/decide.ts";
import { findRole } from "../server/vault/authorize/roles.ts";

export interface DecisionRow {
  readonly principals: number;
  readonly bindings: number;
  readonly conditions: number;
  /** Microseconds a decision, over all of them, the first of each principal included. */
  readonly averageUs: number;
  readonly allowed: number;
}

const CONDITIONS = [
  'in_range(request.address, "10.0.0.0/8")',
  'request.time.getHours("Europe/Berlin") >= 0',
  '"cards" in key.tags',
  "principal.mfa_age < 3600",
];

/** 200 bindings by principal, group and issuer, one in ten with a condition; denials and an approval rule beside them. */
export function benchPolicy(principals = 1000, bindings = 200): CompiledPolicy {
  const each = principals / bindings;
  const document = {
    format: 1,
    roles: { signer: { permissions: ["crypto:sign", "key:use:rsa", "key:use:ecdsa"] } },
    groups: Object.fromEntries(
      Array.from({ length: bindings / 4 }, (_group, group) => [
        `space-${group * 4}/ops`,
        { members: Array.from({ length: each }, (_member, index) => `user:p${group * 4 * each + index}`) },
      ]),
    ),
    bindings: Array.from({ length: bindings }, (_binding, index) => ({
      id: `b${index}`,
      members: index % 4 === 0 ? [`group:space-${index}/ops`] : Array.from({ length: each }, (_member, at) => `user:p${index * each + at}`),
      roles: index % 2 === 0 ? ["KeyUser"] : ["signer"],
      namespaces: [`space-${index}`],
      ...(index % 10 === 0 ? { condition: CONDITIONS[(index / 10) % CONDITIONS.length] } : {}),
    })),
    denials: [
      { id: "frozen", members: ["*"], permissions: ["*"], namespaces: ["*"], keys: { tags: ["frozen"] } },
      { id: "outside", members: ["jwt:https://partner.example:*"], permissions: ["key:export"], namespaces: ["*"] },
    ],
    approvals: [{ id: "two", permissions: ["key:destroy"], namespaces: ["*"], quorum: 2, role: "KeyAdmin" }],
  };
  return new CompiledPolicy(parsePolicy(JSON.stringify(document), findRole));
}

/** @param count decisions */
export function measureDecisions(count: number): DecisionRow {
  const principals = 1000;
  const bindings = 200;
  const policy = benchPolicy(principals, bindings);
  const askers = Array.from({ length: principals }, (_asker, index) => ({
    id: `user:p${index}`,
    permissions: new Set<Permission>(),
    namespaces: "all" as const,
  }));
  const cases = askers.map((asker, index): Case => ({
    asker,
    needs: ["crypto:sign"],
    listing: false,
    admitted: true,
    situation: {
      time: 1_893_488_400_000,
      address: "10.1.2.3",
      operation: "Sign",
      namespace: `space-${Math.floor(index / (principals / bindings))}`,
      keyId: "k",
      algorithm: "RSA-2048",
      tags: ["cards"],
      principal: asker.id,
      method: "token",
      secondFactorAt: 1_893_488_000_000,
    },
  }));
  let allowed = 0;
  const started = performance.now();
  for (let index = 0; index < count; index += 1) if (decide(policy, cases[(index * 7) % principals] as Case).allowed) allowed += 1;
  const averageUs = ((performance.now() - started) * 1000) / count;
  return { principals, bindings, conditions: bindings / 10, averageUs, allowed };
}
