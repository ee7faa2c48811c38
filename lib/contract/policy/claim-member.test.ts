import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { CLAIMS_OF_THE_TOKEN, claimPath, SELF_CHOSEN_CLAIMS, topClaim } from "../claim-names.ts";
import { claimMemberText, readClaimMember } from "./claim-member.ts";
import { readMember } from "./members.ts";

const I = "https://idp.example";

test("a claim is method, issuer, name and value, each with one spelling", () => {
  assert.deepEqual(readMember(`claim:oidc:${I}:8443/a#groups=hsm:ops`), {
    kind: "claim",
    scheme: "oidc",
    issuer: `${I}:8443/a`,
    name: "groups",
    value: "hsm:ops",
  });
  const odd = readClaimMember(`claim:jwt:${I}#a%23b%3Dc=%2A%25%23%3D d`);
  assert.deepEqual([odd?.scheme, odd?.name, odd?.value], ["jwt", "a#b=c", "*%#= d"]);
  assert.equal(readClaimMember(`claim:jwt:${I}#groups=%252A`)?.value, "%2A");
  assert.equal(readClaimMember(`claim:jwt:${I}#/realm_access/roles=a`)?.name, "/realm_access/roles");
});

for (const [why, text] of Object.entries({
  "of another method": `claim:saml:${I}#groups=a`,
  "of a method in capitals": `claim:OIDC:${I}#groups=a`,
  "without a method": `claim:${I}#groups=a`,
  "without an issuer": "claim:oidc:#groups=a",
  "without a name": `claim:oidc:${I}#=a`,
  "without a value": `claim:oidc:${I}#groups=`,
  "without an equals sign": `claim:oidc:${I}#groups`,
  "with a second hash": `claim:oidc:${I}#groups=a#b`,
  "with a second equals sign": `claim:oidc:${I}#groups=a=b`,
  "with a star": `claim:oidc:${I}#groups=*`,
  "that is a pattern of principals": "claim:oidc:*",
  "with an escape in small letters": `claim:oidc:${I}#groups=%3d`,
  "with an escape of a letter": `claim:oidc:${I}#groups=%41`,
  "with an escape that ends early": `claim:oidc:${I}#groups=a%2`,
  "with a control character": `claim:oidc:${I}#groups=a\u0000`,
  "with a character that is not seen": `claim:oidc:${I}#groups=a\u200b`,
  "with a pointer of one part": `claim:oidc:${I}#/groups=a`,
  "with a pointer that names nothing": `claim:oidc:${I}#/a/~2=a`,
  "in a group of words": "claim:whatever",
}))
  test(`no member: a claim ${why}`, () => assert.equal(readMember(text), undefined));

test("claims that their bearers choose, or that are about the token, are no members at the top", () => {
  for (const name of [...SELF_CHOSEN_CLAIMS, ...CLAIMS_OF_THE_TOKEN]) {
    assert.equal(readMember(`claim:oidc:${I}#${name}=a`), undefined, name);
    assert.equal(readMember(`claim:oidc:${I}#/${name}=a`), undefined, `/${name}`);
  }
  assert.equal(readMember(`claim:jwt:${I}#/kubernetes.io~1x/name=a`)?.kind, "claim");
});

test("whatever a claim holds has one text, and no other claim has it", () => {
  const part = fc.string({ unit: fc.constantFrom("%", "#", "=", "*", "2", "3", "5", "A", "D", ":", "a"), minLength: 1, maxLength: 6 });
  const claim = fc.record({ scheme: fc.constantFrom("jwt" as const, "oidc" as const), issuer: part, name: part, value: part });
  fc.assert(
    fc.property(claim, claim, (one, other) => {
      assert.deepEqual(readClaimMember(claimMemberText(one)), { kind: "claim", ...one });
      assert.equal(claimMemberText(one) === claimMemberText(other), JSON.stringify(one) === JSON.stringify(other));
    }),
    { numRuns: 2000 },
  );
  // Every text that is read is the one that is written.
  fc.assert(
    fc.property(fc.string({ unit: fc.constantFrom("%", "#", "=", "25", "23", "3D", "2A", "a", ":"), maxLength: 9 }), (rest) => {
      const read = readClaimMember(`claim:jwt:${rest}`);
      if (read !== undefined) assert.equal(claimMemberText(read), `claim:jwt:${rest}`);
    }),
    { numRuns: 5000 },
  );
});

test("the way to a claim is its name or a pointer, and what is at the top is known in both spellings", () => {
  assert.deepEqual([claimPath("a/b"), claimPath("/a~1b/~0"), claimPath("/a~b")], [["a/b"], ["a/b", "~"], undefined]);
  assert.deepEqual([topClaim("email"), topClaim("/email"), topClaim("/a/email"), topClaim("/~")], ["email", "email", undefined, undefined]);
});
