import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import type { CertificateBinding } from "@keystead/contract/config";
import { HsmError } from "@keystead/contract/errors";
import { bindingFor, parseAuthorities, prepareBindings, verifyCertificate } from "./certificate.ts";
import { opensslAuthority, type Wanted } from "./testing/openssl-authority.ts";

const ca = opensslAuthority();
const authorities = parseAuthorities(ca.pem);
const BASIC = ["basicConstraints=critical,CA:FALSE", "extendedKeyUsage=clientAuth"];
const issue = (more: readonly string[] = [], subject = "/CN=alice"): Buffer => ca.issue({ subject, extensions: [...BASIC, ...more] }).der;
const bind = (match: CertificateBinding["match"], principal = "found"): CertificateBinding => ({
  match,
  principal,
  roles: [],
  namespaces: [],
});

function who(der: Buffer, ...bindings: readonly CertificateBinding[]): string | undefined {
  const checked = verifyCertificate(der, authorities, Date.now());
  assert.ok(checked !== undefined, "the certificate does not hold");
  return bindingFor(checked, prepareBindings(bindings))?.principal;
}

test("each kind of name is matched whole, as the bytes of the certificate have it", () => {
  const dns = issue(["subjectAltName=DNS:Signer.Example.org"]);
  assert.equal(who(dns, bind({ sanDns: "signer.example.ORG" })), "found");
  for (const other of ["example.org", "*.example.org", "signer.example.org.", "xsigner.example.org"])
    assert.equal(who(dns, bind({ sanDns: other })), undefined, other);
  const email = issue(["subjectAltName=email:Alice@Example.org"]);
  assert.equal(who(email, bind({ sanEmail: "Alice@example.ORG" })), "found");
  assert.equal(who(email, bind({ sanEmail: "alice@example.org" })), undefined);
  const spiffe = issue(["subjectAltName=URI:spiffe://example.org/ns/prod/sa/signer"]);
  assert.equal(who(spiffe, bind({ spiffeId: "spiffe://example.org/ns/prod/sa/signer" })), "found");
  assert.equal(who(spiffe, bind({ sanUri: "spiffe://example.org/ns/prod/sa/signer" })), "found");
  for (const other of [
    "spiffe://example.org/ns/prod/sa",
    "spiffe://example.org/ns/prod/sa/signer/",
    "spiffe://EXAMPLE.org/ns/prod/sa/signer",
  ])
    assert.equal(who(spiffe, bind({ spiffeId: other })), undefined, other);
  const named = issue([], "/O=Example, Inc./OU=Ops/CN=signer");
  assert.equal(who(named, bind({ subject: "CN=signer,OU=Ops,O=Example\\, Inc." })), "found");
  for (const other of ["CN=signer", "OU=Ops,CN=signer,O=Example\\, Inc.", "CN=signer,OU=ops,O=Example\\, Inc."])
    assert.equal(who(named, bind({ subject: other })), undefined, other);
});

test("one kind of name never speaks for another", () => {
  const der = issue(["subjectAltName=DNS:alice,email:bob@x.org"], "/CN=carol");
  for (const match of [{ sanUri: "alice" }, { sanEmail: "alice" }, { commonName: "alice" }, { sanDns: "bob@x.org" }, { sanDns: "carol" }])
    assert.equal(who(der, bind(match)), undefined, JSON.stringify(match));
});

test("the first kind that fits counts: fingerprint, SPIFFE id, URI, DNS name, e-mail, subject, common name", () => {
  const der = issue(["subjectAltName=URI:spiffe://x/y,DNS:a.org,email:b@c.org"]);
  const fingerprint = verifyCertificate(der, authorities, Date.now())?.certificate.fingerprint256 as string;
  const ranked = [
    bind({ fingerprintSha256: fingerprint }, "1"),
    bind({ spiffeId: "spiffe://x/y" }, "2"),
    bind({ sanUri: "spiffe://x/y" }, "3"),
    bind({ sanDns: "a.org" }, "4"),
    bind({ sanEmail: "b@c.org" }, "5"),
    bind({ subject: "CN=alice" }, "6"),
    bind({ commonName: "alice" }, "7"),
  ];
  for (let from = 0; from < ranked.length; from++) assert.equal(who(der, ...ranked.slice(from).toReversed()), String(from + 1));
});

test("a certificate with a SPIFFE id beside another URI is nobody's, whatever else it says", () => {
  for (const names of ["URI:spiffe://x/y,URI:spiffe://x/z", "URI:spiffe://x/y,URI:https://x.org", "URI:https://x.org,URI:SPIFFE://x/y"]) {
    const der = issue([`subjectAltName=${names}`]);
    for (const match of [{ spiffeId: "spiffe://x/y" }, { sanUri: "https://x.org" }, { commonName: "alice" }])
      assert.equal(who(der, bind(match)), undefined, names);
  }
});

test("a certificate that several bindings of one kind fit is nobody's", () => {
  const der = issue(["subjectAltName=DNS:a.org,DNS:b.org"]);
  assert.equal(who(der, bind({ sanDns: "a.org" }, "a")), "a");
  assert.equal(who(der, bind({ sanDns: "a.org" }, "a"), bind({ sanDns: "b.org" }, "b"), bind({ commonName: "alice" }, "c")), undefined);
});

test("a name that holds another name's words is only itself", () => {
  const der = issue(["subjectAltName=@names", "[names]", "DNS.1=evil.org,DNS:a.org"]);
  assert.equal(who(der, bind({ sanDns: "a.org" })), undefined);
  assert.throws(() => prepareBindings([bind({ subject: "alice" })]), HsmError);
});

const REFUSED: Readonly<Record<string, Wanted["extensions"]>> = {
  "an unknown critical extension": [...BASIC, "1.2.3.4=critical,ASN1:NULL"],
  "critical name constraints of its own": [...BASIC, "nameConstraints=critical,permitted;DNS:a.org"],
  "a key for encryption only": [...BASIC, "keyUsage=critical,keyEncipherment"],
  "a key for servers": ["extendedKeyUsage=serverAuth"],
  "any purpose in place of the one": ["extendedKeyUsage=anyExtendedKeyUsage"],
  "an authority's constraints": ["basicConstraints=critical,CA:TRUE"],
};

for (const [what, extensions] of Object.entries(REFUSED))
  test(`certificate refused: ${what}`, () => {
    assert.equal(verifyCertificate(ca.issue({ extensions: extensions ?? [] }).der, authorities, Date.now()), undefined);
  });

const BAD_AUTHORITIES: Readonly<Record<string, readonly string[]>> = {
  "may not sign certificates": ["basicConstraints=critical,CA:TRUE", "keyUsage=critical,cRLSign"],
  "is for servers only": ["basicConstraints=critical,CA:TRUE", "extendedKeyUsage=serverAuth"],
  "has name constraints, which nobody evaluates here": ["basicConstraints=critical,CA:TRUE", "nameConstraints=permitted;DNS:a.org"],
  "has a critical extension that nobody knows": ["basicConstraints=critical,CA:TRUE", "1.2.3.4=critical,ASN1:NULL"],
  "is none": ["basicConstraints=critical,CA:FALSE"],
};

for (const [what, extensions] of Object.entries(BAD_AUTHORITIES))
  test(`an authority that ${what} issues nobody`, () => {
    const bad = opensslAuthority("/CN=Bad CA", extensions);
    assert.equal(verifyCertificate(bad.issue().der, parseAuthorities(bad.pem), Date.now()), undefined);
  });

test("certificates of RSA, RSA-PSS-signing, Ed25519 and P-384 authorities hold; of a weak RSA key none does", () => {
  const CA = ["basicConstraints=critical,CA:TRUE"];
  for (const [key, holds] of [
    [["-algorithm", "RSA", "-pkeyopt", "rsa_keygen_bits:2048"], true],
    [["-algorithm", "RSA-PSS", "-pkeyopt", "rsa_keygen_bits:2048"], true],
    [["-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:P-384"], true],
    [["-algorithm", "RSA", "-pkeyopt", "rsa_keygen_bits:1024"], false],
  ] as const) {
    const other = opensslAuthority("/CN=Other CA", CA, key);
    assert.equal(verifyCertificate(other.issue().der, parseAuthorities(other.pem), Date.now()) !== undefined, holds, key[1]);
  }
});

test("a mutated certificate is never let in, and never crashes the reader", () => {
  const der = issue(["subjectAltName=DNS:a.org,email:b@c.org,URI:spiffe://x/y"]);
  const bindings = prepareBindings([bind({ commonName: "alice" }), bind({ sanDns: "a.org" }), bind({ spiffeId: "spiffe://x/y" })]);
  fc.assert(
    fc.property(fc.array(fc.tuple(fc.nat(der.length - 1), fc.nat(254)), { minLength: 1, maxLength: 4 }), (changes) => {
      const changed = Buffer.from(der);
      for (const [at, by] of changes) changed[at] = (changed[at] as number) ^ (by + 1);
      if (changed.equals(der)) return;
      const checked = verifyCertificate(changed, authorities, Date.now());
      assert.equal(checked === undefined ? undefined : bindingFor(checked, bindings), undefined);
    }),
    { numRuns: 2000 },
  );
});
