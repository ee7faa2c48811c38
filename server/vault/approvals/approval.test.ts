/**
 * The states of a pending request against a small independent model: random persons do random things at random times, and
 * what the code says and what the model says must be the same at every step.
 */
import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { HsmError } from "@keystead/contract/errors";
import type { EvidencedVerdict } from "@keystead/crypto/public/approval-evidence";
import { subjectText, type Verdict } from "@keystead/crypto/public/approval-statement";
import { begun, expired, fetched, isClosed, listingOf, lost, performed, withdrawn, withVerdict, type Approval } from "./approval.ts";
import { enough, meets } from "./verdicts.ts";

const PERSONS = ["ann", "ben", "cem", "dee"] as const;
const HOUR = 3_600_000;
const START = Date.parse("2030-01-01T00:00:00Z");

const pending = (quorum: number, overrideQuorum: number): Approval => ({
  state: "pending",
  subject: subjectText({
    approval: "a",
    created: new Date(START).toISOString(),
    expires: new Date(START + HOUR).toISOString(),
    key: "k",
    namespace: "default",
    operation: "DeleteKey",
    override: overrideQuorum === 0 ? null : { quorum: overrideQuorum, reason: "", roles: ["Boss"], rule: "override" },
    payload: "00",
    policy: "1",
    request: {},
    requester: "cert:req",
    rules: [{ quorum, reason: "", roles: ["Approver"], rule: "r" }],
    vault: "v",
  }),
  requester: { id: "cert:req", person: "req", method: "certificate", roles: [], namespaces: "all", defaultNamespace: "default" },
  address: "",
  requestId: "r",
  saltBytes: 0,
  createdAt: START,
  expiresAt: START + HOUR,
  verdicts: [],
});

const verdict = (person: string, given: Verdict): EvidencedVerdict => ({
  verdict: given,
  reason: "",
  principal: `cert:${person}`,
  person,
  roles: given === "override" ? ["Boss"] : ["Approver"],
  time: new Date(START).toISOString(),
  keyId: `key-${person}`,
  publicKey: "",
  signature: "",
});

/** What somebody does. */
type Act =
  | { readonly act: "verdict"; readonly person: string; readonly given: Verdict }
  | { readonly act: "cancel" | "expire" | "begin" | "perform" | "refuse" | "lose" | "fetch" }
  | { readonly act: "wait"; readonly ms: number }
  | { readonly act: "revoke"; readonly person: string };

const ACTS: fc.Arbitrary<Act> = fc.oneof(
  {
    weight: 6,
    arbitrary: fc.record({
      act: fc.constant("verdict" as const),
      person: fc.constantFrom(...PERSONS),
      given: fc.oneof(
        { weight: 5, arbitrary: fc.constant("approve" as const) },
        { weight: 1, arbitrary: fc.constantFrom("deny" as const, "override" as const) },
      ),
    }),
  },
  { weight: 4, arbitrary: fc.record({ act: fc.constantFrom("cancel", "expire", "begin", "perform", "refuse", "lose", "fetch") }) },
  { weight: 1, arbitrary: fc.record({ act: fc.constant("wait" as const), ms: fc.constantFrom(1, HOUR / 4, HOUR - 1, HOUR) }) },
  { weight: 1, arbitrary: fc.record({ act: fc.constant("revoke" as const), person: fc.constantFrom(...PERSONS) }) },
);

/** The model: sets and words, none of the code's. */
class Model {
  state = "pending";
  now = START;
  said = new Map<string, Set<string>>();
  revoked = new Set<string>();
  performedTimes = 0;
  hasResult = false;
  readonly quorum: number;
  readonly overrideQuorum: number;

  constructor(quorum: number, overrideQuorum: number) {
    this.quorum = quorum;
    this.overrideQuorum = overrideQuorum;
  }

  /** Whether the act is possible; and does it. */
  does(act: Act): boolean {
    const over = this.now >= START + HOUR;
    const from = (...states: readonly string[]): boolean => states.includes(this.state);
    const become = (state: string): true => {
      this.state = state;
      return true;
    };
    switch (act.act) {
      case "wait":
        this.now += act.ms;
        return true;
      case "revoke":
        this.revoked.add(act.person);
        return true;
      case "verdict": {
        const before = this.said.get(act.given) ?? new Set<string>();
        const key = this.revoked.has(act.person) ? `new ${act.person}` : act.person;
        const again = before.has(`new ${act.person}`) || (before.has(act.person) && !this.revoked.has(act.person));
        if (!from("pending") || over || again) return false;
        this.said.set(act.given, new Set([...before, key]));
        if (act.given === "deny") return become("denied");
        const count = (given: string): number => [...(this.said.get(given) ?? [])].filter((signed) => !this.revoked.has(signed)).length;
        if (count("approve") >= this.quorum || (this.overrideQuorum > 0 && count("override") >= this.overrideQuorum))
          this.state = "approved";
        return true;
      }
      case "cancel":
        return from("pending") && become("cancelled");
      case "expire":
        return over && from("pending", "approved") && become("expired");
      case "begin":
        return from("approved") && !over && become("executing");
      case "perform":
        if (!from("approved", "executing")) return false;
        this.performedTimes += 1;
        this.hasResult = true;
        return become("done");
      case "refuse":
        return from("approved", "executing") && become("failed");
      case "lose":
        return from("executing") && become("failed");
      case "fetch":
        if (!this.hasResult) return false;
        this.hasResult = false;
        return true;
    }
  }
}

function step(approval: Approval, act: Act, now: number, stands: (keyId: string) => boolean): Approval {
  switch (act.act) {
    case "wait":
    case "revoke":
      return approval;
    case "verdict":
      // A revoked key is never used again; who had one signs with another.
      return withVerdict(
        approval,
        { ...verdict(act.person, act.given), keyId: stands(`key-${act.person}`) ? `key-${act.person}` : `new-${act.person}` },
        (next) => enough(next, stands),
        now,
        stands,
      );
    case "cancel":
      return withdrawn(approval, now);
    case "expire":
      return expired(approval, now);
    case "begin":
      return begun(approval, now);
    case "perform":
      return performed(approval, "OK", "", now, "secret");
    case "refuse":
      return performed(approval, "PERMISSION_DENIED", "no", now, undefined);
    case "lose":
      return lost(approval, now);
    case "fetch":
      return fetched(approval);
  }
}

test("whatever people do, in whatever order, a request is where the model says, and is performed at most once", () => {
  const ends = new Set<string>();
  fc.assert(
    fc.property(
      fc.integer({ min: 1, max: 3 }),
      fc.integer({ min: 0, max: 2 }),
      fc.array(ACTS, { maxLength: 30 }),
      (quorum, override, acts) => {
        const model = new Model(quorum, override);
        let approval = pending(quorum, override);
        for (const act of acts) {
          const before = approval;
          const possible = model.does(act);
          let did = true;
          try {
            approval = step(approval, act, model.now, (keyId) => keyId.startsWith("new-") || !model.revoked.has(keyId.slice(4)));
          } catch (error) {
            assert.ok(error instanceof HsmError, String(error));
            did = false;
          }
          assert.equal(did, possible, `${JSON.stringify(act)} in ${before.state}`);
          assert.equal(approval.state, model.state, JSON.stringify(act));
          if (isClosed(before)) assert.equal(approval.state, before.state, "what is closed stays as it is");
          assert.equal(isClosed(approval), approval.closedAt !== undefined);
          assert.equal(approval.result !== undefined, model.hasResult);
        }
        assert.ok(model.performedTimes <= 1);
        ends.add(approval.state);
      },
    ),
    { numRuns: 5000 },
  );
  assert.deepEqual([...ends].sort(), ["approved", "cancelled", "denied", "done", "executing", "expired", "failed", "pending"]);
});

test("seen elsewhere, not here: a quorum of zero or of nonsense is met by nobody, however many agree", () => {
  const approval: Approval = { ...pending(1, 0), verdicts: PERSONS.map((person) => verdict(person, "approve")) };
  const met = (quorum: number): boolean => meets(approval, { quorum, roles: ["Approver"] }, "approve", () => true);
  assert.deepEqual([1, PERSONS.length, PERSONS.length + 1].map(met), [true, true, false]);
  for (const quorum of [0, -1, 0.5, NaN, Infinity, undefined as never]) assert.equal(met(quorum), false, String(quorum));
});

test("what a listing needs is read beside the subject, and of documents without it from the subject", () => {
  const old = pending(1, 1);
  assert.deepEqual(listingOf(old), { namespace: "default", roles: ["Approver", "Boss"] });
  assert.equal(listingOf(old), listingOf(old));
  const listing = { namespace: "retail", roles: ["Approver"] };
  assert.equal(listingOf({ ...old, subject: "nothing that anybody could read", listing }), listing);
  assert.deepEqual(listingOf(withdrawn({ ...old, listing }, START)), listing);
});
