import { timestampMs } from "@bufbuild/protobuf/wkt";
import { algorithmNumber } from "@keystead/contract/enum-names";
import { HsmError } from "@keystead/contract/errors";
import { generateCertificate as operation } from "@keystead/contract/operations/generate-certificate";
import { pem, publicKeyDer } from "@keystead/crypto/formats/public-key";
import { fillRandom } from "@keystead/crypto/random";
import { signed, toBeSignedCertificate } from "@keystead/crypto/x509/certificate";
import { distinguishedName } from "@keystead/crypto/x509/distinguished-name";
import { claimExtensions, identifierExtensions, keyIdentifier } from "@keystead/crypto/x509/extensions";
import { issuerOf } from "@keystead/crypto/x509/issuer";
import type { CallersKeys } from "../objects/callers-keys.ts";
import { grantOf, handler } from "./handler.ts";
import { claimsOf, signingOf } from "./x509-request.ts";

const DAY_MS = 86_400_000;
/** RFC 5280 §4.1.2.5: the last moment that a certificate can name. */
const LAST_MS = Date.UTC(9999, 11, 31, 23, 59, 59);

/** A certificate for the key's own public half, or for that of another key of the namespace, signed by the key. */
export const generateCertificate = handler(operation, async (invocation, { objects, provider }) => {
  const { request, run, namespace } = invocation;
  const forAnother = request.subjectKeyId !== "" && request.subjectKeyId !== request.keyId;
  const issuers = [request.issuer, request.issuerCertificate].filter((text) => text !== "").length;
  if (issuers !== (forAnother ? 1 : 0))
    throw new HsmError(
      "INVALID_REQUEST",
      "another key's certificate needs issuer or issuer_certificate, one of them; a self-signed one takes neither",
    );
  const key = await objects.open(grantOf(invocation));
  const { params, identifier } = signingOf(key.algorithm, request);
  const issuerSpki = publicKeyDer(key.publicKey ?? key.key);
  const spki = forAnother ? await publicHalfOf(objects, namespace, request.subjectKeyId) : issuerSpki;
  const subject = distinguishedName(request.subject);
  const issuer =
    request.issuerCertificate === ""
      ? { name: forAnother ? distinguishedName(request.issuer) : subject, keyIdentifier: keyIdentifier(issuerSpki) }
      : issuerOf(request.issuerCertificate, issuerSpki);
  const notBefore = request.notBefore === undefined ? objects.now() : timestampMs(request.notBefore);
  const notAfter = notBefore + request.validityDays * DAY_MS;
  if (notBefore < 0 || notAfter > LAST_MS) throw new HsmError("INVALID_REQUEST", "the validity must lie between 1970 and 9999");
  const serial = newSerial();
  const toBeSigned = toBeSignedCertificate({
    serial,
    algorithm: identifier,
    issuer: issuer.name,
    notBefore,
    notAfter,
    subject,
    spki,
    extensions: [...claimExtensions(claimsOf(request)), ...identifierExtensions(spki, issuer.keyIdentifier)],
  });
  const certificate = signed(toBeSigned, identifier, await provider.sign(key, toBeSigned, params, run));
  return {
    reply: {
      certificate: pem("CERTIFICATE", certificate),
      serialNumber: serial.toString("hex"),
      keyId: request.keyId,
      version: key.version,
      algorithm: algorithmNumber(key.algorithm),
    },
    version: key.version,
  };
});

/** SubjectPublicKeyInfo of another key's current version. No private key is opened for it. */
async function publicHalfOf(objects: CallersKeys, namespace: string, keyId: string): Promise<Buffer> {
  const { attributes } = await objects.describe(namespace, keyId);
  const version = attributes.versions.find((candidate) => candidate.version === attributes.current);
  if (attributes.state !== "active" || version?.state !== "active")
    throw new HsmError("KEY_STATE_FORBIDS", `key '${keyId}' is ${attributes.state}`);
  if (version.publicKey === "") throw new HsmError("MECHANISM_NOT_SUPPORTED", `${attributes.algorithm} keys have no public half`);
  return Buffer.from(version.publicKey, "base64");
}

/** 127 random bits with the highest set: positive, of one length, and more than the 64 that CA/Browser rules ask for. */
function newSerial(): Buffer {
  const serial = fillRandom(Buffer.alloc(16));
  serial[0] = ((serial[0] as number) & 0x7f) | 0x40;
  return serial;
}
