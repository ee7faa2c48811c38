import assert from "node:assert/strict";
import { generateKeyPairSync, sign, X509Certificate } from "node:crypto";
import { test } from "node:test";
import fc from "fast-check";
import { publicKeyDer } from "../formats/public-key.ts";
import { signed, toBeSignedCertificate } from "./certificate.ts";
import { distinguishedName } from "./distinguished-name.ts";
import { signatureAlgorithm } from "./signature-algorithm.ts";

const { privateKey, publicKey } = generateKeyPairSync("ed25519");

/** How OpenSSL reads a name: one attribute a line, most general first. */
function read(name: Buffer): string {
  const algorithm = signatureAlgorithm("Ed25519", {});
  const toBeSigned = toBeSignedCertificate({
    subject: name,
    issuer: name,
    spki: publicKeyDer(publicKey),
    extensions: [],
    serial: Buffer.from([1]),
    notBefore: 0,
    notAfter: 86_400_000,
    algorithm,
  });
  return new X509Certificate(signed(toBeSigned, algorithm, sign(null, toBeSigned, privateKey))).subject;
}

test("names are read by OpenSSL as they were written, most general part first", () => {
  for (const [text, expected] of [
    ["CN=Steve", "CN=Steve"],
    ["CN=api.example.com,OU=Ops,O=Example,L=Kiel,ST=SH,C=DE", "C=DE\nST=SH\nL=Kiel\nO=Example\nOU=Ops\nCN=api.example.com"],
    ["cn=lower , o = spaces around ", "O=spaces around\nCN=lower"],
    ["CN=a\\, b,O=c\\+d\\=e", "O=c\\+d=e\nCN=a\\, b"],
    ["CN=\\20leading and trailing\\20", "CN=\\ leading and trailing\\ "],
    ["CN=Gr\\c3\\bc\\c3\\9fe", "CN=Grüße"],
    ["CN=Lučić", "CN=Lučić"],
    ["UID=jsmith,DC=example,DC=net", "DC=net\nDC=example\nUID=jsmith"],
    ["OU=Sales+CN=J. Smith,DC=example", "DC=example\nOU=Sales + CN=J. Smith"],
    ["emailAddress=a@b.example,serialNumber=A-1", "serialNumber=A-1\nemailAddress=a@b.example"],
  ] as const)
    assert.equal(read(distinguishedName(text)), expected, text);
});

test("what is not RFC 4514, or not what X.520 allows, is refused", () => {
  for (const text of [
    "",
    "  ",
    "CN",
    "CN=",
    "=x",
    "CN=a,",
    ",CN=a",
    "CN=a,,O=b",
    "CN=a+",
    "XX=a",
    "__proto__=a",
    "2.5.4.3=a",
    "CN=#04024869",
    'CN="quoted"',
    "CN=a;O=b",
    "CN=<a>",
    "CN=a\\",
    "CN=a\\q",
    "CN=\\ff",
    "CN=a\\00b",
    "CN=a\nb",
    "C=de",
    "C=DEU",
    "serialNumber=ä",
    "DC=ä",
    `CN=${"a".repeat(65)}`,
  ])
    assert.throws(() => distinguishedName(text), { code: "INVALID_REQUEST" }, text);
});

test("any common name, escaped, comes back whole", () => {
  fc.assert(
    fc.property(
      fc.string({ unit: "grapheme", minLength: 1, maxLength: 12 }).filter((value) => !/\p{Cc}/u.test(value) && [...value].length <= 64),
      (value) => {
        const escaped = value.replaceAll(/[",+;<>=\\#]/g, "\\$&").replace(/^ | $/g, "\\ ");
        const text = `CN=${value === " " ? "\\ " : escaped}`;
        const der = distinguishedName(text);
        assert.ok(der.includes(Buffer.from(value, "utf8")), text);
      },
    ),
  );
});
