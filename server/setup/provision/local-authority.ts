/**
 * The local certificate authority of the development and test presets, and the leaf certificates it issues.
 * ECDSA P-256; the authority is valid ten years and never replaced, leaves one year and renewed in their last 30 days.
 *
 * @see RFC 5280 §4.2 (extensions)
 */
import "reflect-metadata";
import { X509Certificate, createPrivateKey, webcrypto } from "node:crypto";
import { isIP } from "node:net";
import * as x509 from "@peculiar/x509";
import { HsmError } from "@keystead/contract/errors";
import { createFile, readIfPresent, replaceFile } from "./durable-file.ts";

const EC = { name: "ECDSA", namedCurve: "P-256", hash: "SHA-256" } as const;
type KeyPair = webcrypto.CryptoKeyPair;
const DAY_MILLISECONDS = 86_400_000;
const AUTHORITY_DAYS = 3650;
const LEAF_DAYS = 365;
const RENEW_BELOW_DAYS = 30;

/** A certificate's file and its key's. */
export interface CertificateFiles {
  readonly certPath: string;
  readonly keyPath: string;
}

export interface LeafRequest extends CertificateFiles {
  readonly commonName: string;
  readonly purpose: "server" | "client";
  /** Host names and IP addresses; servers only. */
  readonly names: readonly string[];
}

const provider = webcrypto as unknown as Crypto;

async function newKey(): Promise<{ pair: KeyPair; pem: string }> {
  const pair = (await webcrypto.subtle.generateKey(EC, true, ["sign", "verify"])) as KeyPair;
  const der = await webcrypto.subtle.exportKey("pkcs8", pair.privateKey);
  return { pair, pem: `${x509.PemConverter.encode(der, "PRIVATE KEY")}\n` };
}

/** A private key file as a key that signs, with its public half. */
async function readKey(pem: string): Promise<KeyPair> {
  const key = createPrivateKey(pem);
  const der = key.export({ format: "der", type: "pkcs8" });
  const { d: _, key_ops: __, ...jwk } = key.export({ format: "jwk" });
  return {
    privateKey: await webcrypto.subtle.importKey("pkcs8", der, EC, true, ["sign"]),
    publicKey: await webcrypto.subtle.importKey("jwk", jwk, EC, true, ["verify"]),
  };
}

/** 127 random bits, positive (RFC 5280 §4.1.2.2). */
function serialNumber(): string {
  const bytes = webcrypto.getRandomValues(new Uint8Array(16));
  bytes[0] = ((bytes[0] ?? 0) & 0x7f) | 0x40;
  return bytes.toHex();
}

/** Validity from a minute ago, so that clocks that differ a little agree. */
function validity(days: number): { notBefore: Date; notAfter: Date } {
  return { notBefore: new Date(Date.now() - 60_000), notAfter: new Date(Date.now() + days * DAY_MILLISECONDS) };
}

/** Makes the authority unless it is there. An authority's certificate or key is never overwritten. */
export async function ensureAuthority({ certPath, keyPath }: CertificateFiles): Promise<void> {
  if (readIfPresent(certPath) !== undefined) return;
  if (readIfPresent(keyPath) === undefined) createFile(keyPath, (await newKey()).pem);
  const keys = await readKey(readIfPresent(keyPath) ?? "");
  const certificate = await x509.X509CertificateGenerator.createSelfSigned(
    {
      serialNumber: serialNumber(),
      name: [{ CN: ["Keystead local authority"] }],
      ...validity(AUTHORITY_DAYS),
      signingAlgorithm: EC,
      keys,
      extensions: [
        new x509.BasicConstraintsExtension(true, 0, true),
        new x509.KeyUsagesExtension(x509.KeyUsageFlags.keyCertSign | x509.KeyUsageFlags.cRLSign, true),
        await x509.SubjectKeyIdentifierExtension.create(keys.publicKey, false, provider),
        await x509.AuthorityKeyIdentifierExtension.create(keys.publicKey, false, provider),
      ],
    },
    provider,
  );
  createFile(certPath, `${certificate.toString("pem")}\n`);
}

/** True when the leaf is whole, issued by this authority, names all that is asked and is valid for a while yet. */
function isGood(request: LeafRequest, authorityPem: string): boolean {
  const certPem = readIfPresent(request.certPath);
  const keyPem = readIfPresent(request.keyPath);
  if (certPem === undefined || keyPem === undefined) return false;
  try {
    const certificate = new X509Certificate(certPem);
    const authority = new X509Certificate(authorityPem);
    return (
      certificate.checkPrivateKey(createPrivateKey(keyPem)) &&
      certificate.checkIssued(authority) &&
      certificate.verify(authority.publicKey) &&
      certificate.validToDate.getTime() - Date.now() > RENEW_BELOW_DAYS * DAY_MILLISECONDS &&
      request.names.every((name) => (isIP(name) === 0 ? certificate.checkHost(name) : certificate.checkIP(name)) !== undefined)
    );
  } catch {
    return false;
  }
}

/** A good leaf is in its files afterwards; true when it was issued now. The key is on disk before its certificate. */
export async function ensureLeaf(request: LeafRequest, authority: CertificateFiles): Promise<boolean> {
  const authorityPem = readIfPresent(authority.certPath) ?? "";
  if (isGood(request, authorityPem)) return false;
  const authorityKeyPem = readIfPresent(authority.keyPath);
  if (authorityKeyPem === undefined)
    throw new HsmError(
      "INVALID_REQUEST",
      `${request.certPath} must be issued, but the authority's key ${authority.keyPath} is missing; restore it, or remove ${authority.certPath} to start a new authority`,
    );
  const signing = await readKey(authorityKeyPem);
  const issuer = new x509.X509Certificate(authorityPem);
  const { pair, pem } = await newKey();
  const server = request.purpose === "server";
  const certificate = await x509.X509CertificateGenerator.create(
    {
      serialNumber: serialNumber(),
      subject: [{ CN: [request.commonName] }],
      issuer: issuer.subjectName,
      ...validity(LEAF_DAYS),
      signingAlgorithm: EC,
      publicKey: pair.publicKey,
      signingKey: signing.privateKey,
      extensions: [
        new x509.BasicConstraintsExtension(false, undefined, true),
        new x509.KeyUsagesExtension(x509.KeyUsageFlags.digitalSignature, true),
        new x509.ExtendedKeyUsageExtension([server ? x509.ExtendedKeyUsage.serverAuth : x509.ExtendedKeyUsage.clientAuth]),
        ...(request.names.length === 0
          ? []
          : [
              new x509.SubjectAlternativeNameExtension(
                request.names.map((name) => ({ type: isIP(name) === 0 ? "dns" : "ip", value: name }) as const),
              ),
            ]),
        await x509.SubjectKeyIdentifierExtension.create(pair.publicKey, false, provider),
        await x509.AuthorityKeyIdentifierExtension.create(signing.publicKey, false, provider),
      ],
    },
    provider,
  );
  replaceFile(request.keyPath, pem);
  replaceFile(request.certPath, `${certificate.toString("pem")}\n`);
  return true;
}
