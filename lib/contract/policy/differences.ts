/**
 * What is different between two policy documents, said rule by rule, in the order of the newer one.
 */
import { canonicalRule, type PolicyDocument } from "./document.ts";

/** One difference. */
export interface PolicyDifference {
  readonly change: "added" | "removed" | "changed";
  /** roles, groups, bindings, denials or approvals. */
  readonly part: string;
  /** Name of the role or group, id of the rule. */
  readonly name: string;
  /** Canonical text; empty when there was or is none. */
  readonly before: string;
  readonly after: string;
}

/** Every difference. Descriptions count: they are part of what was signed. */
export function policyDifferences(before: PolicyDocument, after: PolicyDocument): PolicyDifference[] {
  const old = parts(before);
  const differences: PolicyDifference[] = [];
  for (const [part, now] of parts(after)) {
    const then = old.get(part) as ReadonlyMap<string, string>;
    for (const [name, text] of now) {
      const was = then.get(name);
      if (was === undefined) differences.push({ change: "added", part, name, before: "", after: text });
      else if (was !== text) differences.push({ change: "changed", part, name, before: was, after: text });
    }
    for (const [name, text] of then) if (!now.has(name)) differences.push({ change: "removed", part, name, before: text, after: "" });
  }
  return differences;
}

function parts(document: PolicyDocument): Map<string, ReadonlyMap<string, string>> {
  const named = (values: ReadonlyMap<string, object>): Map<string, string> =>
    new Map([...values].map(([name, value]) => [name, canonicalRule(value)]));
  const rules = (values: readonly { readonly id: string }[]): Map<string, string> =>
    new Map(values.map((value) => [value.id, canonicalRule(value)]));
  return new Map([
    ["roles", named(document.roles)],
    ["groups", named(document.groups)],
    ["bindings", rules(document.bindings)],
    ["denials", rules(document.denials)],
    ["approvals", rules(document.approvals)],
  ]);
}
