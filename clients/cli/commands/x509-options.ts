/** The options that `csr` and `certificate` share: whose the key is, what it is for, how the structure is signed. */
import type { Command } from "commander";
import type { CertificatePurpose, CertificateUsage, SignatureScheme } from "@keystead/client/shapes";
import type { TargetOptions } from "../byte-target.ts";
import { collect, outOptions } from "../command-tree.ts";
import { wholeNumber } from "../whole-number.ts";

export interface X509Options extends TargetOptions {
  readonly subject?: string;
  readonly dns?: readonly string[];
  readonly ip?: readonly string[];
  readonly email?: readonly string[];
  readonly uri?: readonly string[];
  readonly keyUsage?: readonly string[];
  readonly purpose?: readonly string[];
  readonly authority?: boolean;
  readonly pathLength?: number;
  readonly digest?: string;
  readonly scheme?: SignatureScheme;
}

export const x509Options = (command: Command): Command =>
  outOptions(command)
    .requiredOption("--subject <name>", "whose the key is, as RFC 4514: CN=api.example.com,O=Example,C=DE")
    .option("--dns <name>", "a DNS name of the subject; repeat for more", collect)
    .option("--ip <address>", "an IP address of the subject; repeat for more", collect)
    .option("--email <address>", "an e-mail address of the subject; repeat for more", collect)
    .option("--uri <uri>", "a URI of the subject; repeat for more", collect)
    .option("--key-usage <usage>", "what the key is for, such as digital_signature or key_cert_sign; repeat for more", collect)
    .option("--purpose <purpose>", "an extended key usage, such as server_auth; repeat for more", collect)
    .option("--authority", "the key is an authority's")
    .option("--path-length <number>", "with --authority: how many authorities may follow", wholeNumber("--path-length", 0, 255))
    .option("--digest <name>", "digest of the signature (default: the algorithm's own)")
    .option("--scheme <scheme>", "RSA: pss or pkcs1 (default: pss)");

export const x509Fields = ({ subject = "", ...options }: X509Options) => ({
  subject,
  dnsNames: options.dns,
  ipAddresses: options.ip,
  emailAddresses: options.email,
  uris: options.uri,
  keyUsage: options.keyUsage as readonly CertificateUsage[] | undefined,
  purposes: options.purpose as readonly CertificatePurpose[] | undefined,
  isCa: options.authority,
  limitPath: options.pathLength === undefined ? undefined : true,
  pathLength: options.pathLength,
  digest: options.digest,
  scheme: options.scheme,
});
