import assert from "node:assert/strict";
import { test } from "node:test";
import type { KeyAttributes, KeyStateName } from "./attributes.ts";
import { NO_RETENTION, retentionEnd, versionRetentionEnd, type RetentionRules } from "./retention.ts";

const revocation = (time: number) => ({ reason: "superseded" as const, time, comment: "" });

/** A key whose versions were revoked at these times (undefined: not by themselves); the last is current. */
function key(state: KeyStateName, tags: readonly string[], ...revoked: (number | undefined)[]): KeyAttributes {
  return {
    state,
    tags,
    current: revoked.length,
    ...(state === "revoked" ? { revocation: revocation(1000) } : {}),
    versions: revoked.map((time, at) => ({
      version: at + 1,
      state: time === undefined ? "deactivated" : "revoked",
      ...(time === undefined ? {} : { revocation: revocation(time) }),
    })),
  } as unknown as KeyAttributes;
}
const K = { namespace: "ns", keyId: "k" };
const rules = (more: Partial<RetentionRules>): RetentionRules => ({ ...NO_RETENTION, ...more });
const end = (attributes: KeyAttributes, more: Partial<RetentionRules>, which = K): unknown => retentionEnd(which, attributes, rules(more));

test("of the default and the classes of a key's tags the longest counts, from the revocation", () => {
  const tags = new Map([
    ["short", 5],
    ["long", 50],
  ]);
  const one = (...own: string[]): KeyAttributes => key("revoked", own, undefined);
  assert.equal(end(one("short"), {}), undefined);
  assert.equal(end(one("other"), { tags }), undefined);
  assert.deepEqual(end(one(), { keep: 10 }), { at: 1010, because: "default" });
  assert.deepEqual(end(one("short"), { keep: 10, tags }), { at: 1010, because: "default" });
  assert.deepEqual(end(one("short", "long"), { keep: 10, tags }), { at: 1050, because: "long" });
  for (const state of ["active", "suspended", "deactivated", "destroyed"] as const)
    assert.equal(end(key(state, ["long"], undefined), { keep: 10, tags }), undefined);
});

test("a namespace's own default and tags stand in the place of the general ones", () => {
  const more = {
    keep: 10,
    tags: new Map([
      ["a", 20],
      ["b", 30],
    ]),
    namespaces: new Map([["ns", { keep: 1, tags: new Map([["a", 2]]) }]]),
  };
  assert.deepEqual(end(key("revoked", [], undefined), more), { at: 1001, because: "default" });
  assert.deepEqual(end(key("revoked", ["a"], undefined), more), { at: 1002, because: "a" });
  assert.deepEqual(end(key("revoked", ["a", "b"], undefined), more), { at: 1030, because: "b" });
  assert.deepEqual(end(key("revoked", ["a"], undefined), more, { namespace: "else", keyId: "k" }), { at: 1020, because: "a" });
});

test("an override for a key lengthens and never shortens; one for a version replaces, either way", () => {
  const one = key("revoked", [], undefined);
  const over = (keep: number, version?: number, namespace?: string) => ({
    keyId: "k",
    keep,
    ...(version === undefined ? {} : { version }),
    ...(namespace === undefined ? {} : { namespace }),
  });
  assert.deepEqual(end(one, { keep: 10, overrides: [over(5)] }), { at: 1010, because: "default" });
  assert.deepEqual(end(one, { keep: 10, overrides: [over(15)] }), { at: 1015, because: "override" });
  assert.deepEqual(end(one, { overrides: [over(15)] }), { at: 1015, because: "override" });
  assert.deepEqual(end(one, { keep: 10, overrides: [over(5, 1), over(99)] }), { at: 1005, because: "override" });
  assert.deepEqual(end(one, { keep: 10, overrides: [over(5, 2)] }), { at: 1010, because: "default" });
  assert.deepEqual(end(one, { keep: 10, overrides: [over(5, 1, "else")] }), { at: 1010, because: "default" });
  assert.deepEqual(end(one, { keep: 10, overrides: [over(5, 1), over(7, 1, "ns")] }), { at: 1007, because: "override" });
  assert.deepEqual(end(one, { keep: 10, overrides: [over(15)] }, { namespace: "ns", keyId: "other" }), { at: 1010, because: "default" });
});

test("a key is kept for as long as any of its versions must be", () => {
  const three = key("revoked", [], 500, undefined, undefined);
  const kept = { keyId: "k", version: 1, keep: 900 };
  assert.deepEqual(end(three, { keep: 10 }), { at: 1010, because: "default" });
  assert.deepEqual(end(three, { keep: 10, overrides: [kept] }), { at: 1400, because: "override" });
  // A version that nothing counts for has no end, and neither has its key.
  assert.equal(end(three, { overrides: [kept] }), undefined);
});

test("an older version that was revoked by itself goes when it may, whatever its key does; the current one never does", () => {
  const active = key("active", ["t"], 500, undefined, 700);
  const more = rules({ tags: new Map([["t", 10]]) });
  const ends = active.versions.map((version) => versionRetentionEnd(K, active, version, more));
  assert.deepEqual(ends, [{ at: 510, because: "t" }, undefined, undefined]);
});
