import assert from "node:assert/strict";
import { generateKeyPairSync, sign, X509Certificate } from "node:crypto";
import { test } from "node:test";
import { publicKeyDer } from "../formats/public-key.ts";
import { signed, toBeSignedCertificate } from "./certificate.ts";
import { distinguishedName } from "./distinguished-name.ts";
import { claimExtensions, identifierExtensions, keyIdentifier, type Claims } from "./extensions.ts";
import { signatureAlgorithm } from "./signature-algorithm.ts";

const { privateKey, publicKey } = generateKeyPairSync("ed25519");
const NONE: Claims = {
  dnsNames: [],
  ipAddresses: [],
  emailAddresses: [],
  uris: [],
  keyUsage: [],
  purposes: [],
  isCa: false,
  pathLength: undefined,
};

function certified(claims: Partial<Claims>, notAfter = Date.UTC(2030, 0, 1)): X509Certificate {
  const algorithm = signatureAlgorithm("Ed25519", {});
  const name = distinguishedName("CN=x");
  const spki = publicKeyDer(publicKey);
  const toBeSigned = toBeSignedCertificate({
    subject: name,
    issuer: name,
    spki,
    extensions: [...claimExtensions({ ...NONE, ...claims }), ...identifierExtensions(spki, keyIdentifier(spki))],
    serial: Buffer.from("0080", "hex"),
    notBefore: Date.UTC(2026, 0, 1),
    notAfter,
    algorithm,
  });
  return new X509Certificate(signed(toBeSigned, algorithm, sign(null, toBeSigned, privateKey)));
}

test("alternative names are those OpenSSL reads back", () => {
  const certificate = certified({
    dnsNames: ["api.example.com", "*.example.com", "xn--bcher-kva.example", "_service.example.com"],
    ipAddresses: ["192.0.2.1", "2001:db8::1", "::", "::1", "::ffff:192.0.2.7", "1:2:3:4:5:6:7:8", "fe80::"],
    emailAddresses: ["a.b+c@example.com"],
    uris: ["https://example.com/a?b=c", "urn:uuid:1"],
  });
  assert.equal(
    certificate.subjectAltName,
    [
      "email:a.b+c@example.com",
      "DNS:api.example.com",
      "DNS:*.example.com",
      "DNS:xn--bcher-kva.example",
      "DNS:_service.example.com",
      "URI:https://example.com/a?b=c",
      "URI:urn:uuid:1",
      "IP Address:192.0.2.1",
      "IP Address:2001:DB8:0:0:0:0:0:1",
      "IP Address:0:0:0:0:0:0:0:0",
      "IP Address:0:0:0:0:0:0:0:1",
      "IP Address:0:0:0:0:0:FFFF:C000:207",
      "IP Address:1:2:3:4:5:6:7:8",
      "IP Address:FE80:0:0:0:0:0:0:0",
    ].join(", "),
  );
  assert.equal(certificate.checkHost("api.example.com"), "api.example.com");
  assert.equal(certificate.checkIP("2001:db8::1"), "2001:db8::1");
});

test("names that are none are refused", () => {
  for (const claims of [
    { dnsNames: [""] },
    { dnsNames: ["a..b"] },
    { dnsNames: ["-a.example"] },
    { dnsNames: ["bücher.example"] },
    { dnsNames: ["a b"] },
    { dnsNames: ["a.*.example"] },
    { dnsNames: [`${"a".repeat(64)}.example`] },
    { ipAddresses: ["192.0.2"] },
    { ipAddresses: ["192.0.2.0/24"] },
    { ipAddresses: ["fe80::1%eth0"] },
    { emailAddresses: ["nobody"] },
    { emailAddresses: ["a b@example.com"] },
    { uris: ["/relative"] },
    { uris: ["https://example.com/ä"] },
    { keyUsage: ["key_cert_sign"] },
    { pathLength: 0 },
  ] as Partial<Claims>[])
    assert.throws(() => claimExtensions({ ...NONE, ...claims }), { code: "INVALID_REQUEST" }, JSON.stringify(claims));
});

test("an authority is one, and nothing else is; usages and purposes are those asked for", () => {
  const authority = certified({ isCa: true, pathLength: 0, keyUsage: ["key_cert_sign", "crl_sign"] });
  assert.equal(authority.ca, true);
  assert.equal(certified({}).ca, false);
  const server = certified({ purposes: ["server_auth", "ocsp_signing", "server_auth"], keyUsage: ["digital_signature", "decipher_only"] });
  assert.deepEqual(server.keyUsage, ["1.3.6.1.5.5.7.3.1", "1.3.6.1.5.5.7.3.9"]);
});

test("times change form in 2050, and serial numbers stay positive", () => {
  assert.equal(certified({}).serialNumber, "80");
  assert.equal(certified({}, Date.UTC(2049, 11, 31, 23, 59, 59)).validTo, "Dec 31 23:59:59 2049 GMT");
  assert.equal(certified({}, Date.UTC(2050, 0, 1)).validTo, "Jan  1 00:00:00 2050 GMT");
  assert.equal(certified({}, Date.UTC(9999, 11, 31, 23, 59, 59)).validTo, "Dec 31 23:59:59 9999 GMT");
});
