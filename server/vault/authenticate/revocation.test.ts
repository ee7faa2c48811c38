import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { LISTENER, decodeCall, encodeCall, type DecodedCall } from "@keystead/channel/call";
import { HsmError } from "@keystead/contract/errors";
import { readRevocationList } from "@keystead/crypto/x509/revocation-list";
import { Authenticator } from "./authenticate.ts";
import { parseAuthorities, verifyCertificate, type CheckedCertificate } from "./certificate.ts";
import { admits, type RevocationStatus } from "./revocation.ts";
import { RevocationLists } from "./revocation-lists.ts";
import { opensslAuthority, type Issued } from "./testing/openssl-authority.ts";

const DAY_MS = 86_400_000;
const ca = opensslAuthority();
const authorities = parseAuthorities(ca.pem);
const kept = ca.issue();
const taken = ca.issue();
const before = ca.list();
ca.revoke(taken);
const after = ca.list();
const checked = ({ der }: Issued): CheckedCertificate => verifyCertificate(der, authorities, Date.now()) as CheckedCertificate;
const found = (bytes: Buffer): { source: string; bytes: Buffer }[] => [{ source: "list.crl", bytes }];
const listing = (...lists: readonly Buffer[]): RevocationLists => {
  const revoked = new RevocationLists();
  for (const list of lists) revoked.take(found(list), authorities);
  return revoked;
};
const refusal =
  (what: RegExp) =>
  (error: unknown): boolean =>
    error instanceof HsmError && error.code === "INVALID_REQUEST" && what.test(error.detail);

test("who is on the list of openssl ca is revoked, who is not is good, and without a list nobody knows", () => {
  assert.equal(listing().status(checked(kept), Date.now()), "unknown");
  assert.equal(listing(before).status(checked(taken), Date.now()), "good");
  assert.equal(listing(after).status(checked(taken), Date.now()), "revoked");
  assert.equal(listing(after).status(checked(kept), Date.now()), "good");
});

test("a list that has run out, or is of tomorrow, tells of nobody that is good, and still of who is revoked", () => {
  const lists = listing(after);
  for (const now of [Date.now() + 2 * DAY_MS, Date.now() - 2 * DAY_MS]) {
    assert.equal(lists.status(checked(kept), now), "unknown");
    assert.equal(lists.status(checked(taken), now), "revoked");
  }
});

test("an older list never replaces a newer one", () => {
  const lists = listing(after);
  assert.throws(() => lists.take(found(before), authorities), refusal(/older than the one in force/));
  assert.equal(lists.status(checked(taken), Date.now()), "revoked");
});

test("a list in PEM is read as one in DER, and several in one file", () => {
  const pem = `-----BEGIN X509 CRL-----\n${after.toString("base64")}\n-----END X509 CRL-----\n`;
  const lists = new RevocationLists();
  lists.take(found(Buffer.from(pem + pem)), authorities);
  assert.equal(lists.status(checked(taken), Date.now()), "revoked");
  assert.equal(lists.census().length, 1);
});

test("a list of another authority with the same name, of one that may not sign lists, or of nobody is refused", () => {
  const impostor = opensslAuthority();
  assert.throws(() => listing(impostor.list()), refusal(/no authority/));
  const dumb = opensslAuthority("/CN=No lists", ["basicConstraints=critical,CA:TRUE", "keyUsage=critical,keyCertSign"]);
  assert.throws(() => new RevocationLists().take(found(dumb.list()), parseAuthorities(dumb.pem)), refusal(/no authority/));
  assert.throws(() => listing(Buffer.from("")), refusal(/list.crl: it holds no list/));
  assert.throws(() => listing(ca.der), refusal(/list.crl/));
});

test("one broken file does not keep the lists of others out of force", () => {
  const lists = new RevocationLists();
  assert.throws(() => lists.take([...found(Buffer.from("nothing")), ...found(after)], authorities), HsmError);
  assert.equal(lists.status(checked(taken), Date.now()), "revoked");
});

test("one source that says revoked is enough; where none can tell, the configuration decides", async () => {
  const source = (status: RevocationStatus) => ({ status: () => status });
  for (const [answers, unknown, expected] of [
    [[], "refuse", true],
    [["good"], "refuse", true],
    [["good", "revoked"], "accept", false],
    [["unknown", "good"], "refuse", true],
    [["unknown"], "refuse", false],
    [["unknown", "unknown"], "accept", true],
    [["unknown", "revoked"], "accept", false],
  ] as const)
    assert.equal(await admits({ sources: answers.map(source), unknown }, checked(kept), Date.now()), expected, JSON.stringify(answers));
});

const call = (certificate: Buffer): DecodedCall =>
  decodeCall(
    encodeCall({ listener: LISTENER.tls, address: "::1", requestId: "r", trace: "", token: "", certificate }, Buffer.alloc(0)) as Buffer,
  );

test("a revoked certificate is refused from the moment its list is taken, also one that was let in before", async () => {
  const revoked = listing(before);
  const authenticator = new Authenticator({
    authorities,
    certificates: [{ match: { commonName: "alice" }, principal: "alice", roles: [], namespaces: [] }],
    revocation: { sources: [revoked], unknown: "refuse" },
    keySets: [],
    developmentPrincipal: undefined,
    now: Date.now,
  });
  const asked = call(taken.der);
  assert.equal((await authenticator.authenticate(asked)).id, "cert:alice");
  assert.ok(authenticator.remembered(asked));
  revoked.take(found(after), authorities);
  authenticator.forget();
  assert.equal(authenticator.remembered(asked), undefined);
  await assert.rejects(authenticator.authenticate(asked), { code: "UNAUTHENTICATED", detail: "authentication failed" });
  assert.equal((await authenticator.authenticate(call(kept.der))).id, "cert:alice");
});

test("an authority that is taken out of the file is nobody's from then on", async () => {
  const authenticator = new Authenticator({
    authorities,
    certificates: [{ match: { commonName: "alice" }, principal: "alice", roles: [], namespaces: [] }],
    keySets: [],
    developmentPrincipal: undefined,
    now: Date.now,
  });
  await authenticator.authenticate(call(kept.der));
  authenticator.replaceAuthorities(parseAuthorities(opensslAuthority("/CN=Next CA").pem));
  assert.equal(authenticator.remembered(call(kept.der)), undefined);
  await assert.rejects(authenticator.authenticate(call(kept.der)), { code: "UNAUTHENTICATED" });
});

test("a mutated list is refused and never crashes the reader", () => {
  fc.assert(
    fc.property(fc.nat(after.length - 1), fc.nat(254), (at, by) => {
      const changed = Buffer.from(after);
      changed[at] = (changed[at] as number) ^ (by + 1);
      assert.throws(() => listing(changed), HsmError);
    }),
    { numRuns: 1000 },
  );
});

test("a list cut short anywhere is refused", () => {
  for (let end = 0; end < after.length; end++) assert.throws(() => readRevocationList(after.subarray(0, end)), { name: "MalformedDer" });
});
