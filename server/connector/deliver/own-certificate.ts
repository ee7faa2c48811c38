/** Our own certificate and key, where the secret of a sink is that: for receivers that ask who we are by TLS. */
import { createPrivateKey } from "node:crypto";
import { UnusableTarget } from "./sink.ts";

/** Certificates and key out of one PEM text. @throws {UnusableTarget} */
export function ownCertificate(secret: Buffer): { certificate: Buffer; key: Buffer } {
  try {
    createPrivateKey(secret);
  } catch {
    throw new UnusableTarget("the secret holds no private key in PEM");
  }
  if (!secret.includes("-----BEGIN CERTIFICATE-----")) throw new UnusableTarget("the secret holds no certificate in PEM");
  // OpenSSL takes from a PEM text what it looks for.
  return { certificate: secret, key: secret };
}
