/** For tests: an authority, and what it certifies, made by openssl and gone with its folder. */
import { execFileSync } from "node:child_process";
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";

export interface Certified {
  readonly certPath: string;
  readonly keyPath: string;
  readonly caPath: string;
  /** PEM of the authority. */
  readonly ca: string;
}

/** A certificate for a name, `localhost` and 127.0.0.1, from an authority that a folder gets on the first call. */
export function certified(folder: string, name: string): Certified {
  const path = (file: string): string => join(folder, file);
  const openssl = (...args: string[]): void => void execFileSync("openssl", args, { cwd: folder, stdio: "ignore" });
  const curve = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes"];
  let ca: string;
  try {
    ca = readFileSync(path("ca.pem"), "utf8");
  } catch {
    openssl("req", "-x509", ...curve, "-subj", "/CN=receivers", "-days", "2", "-keyout", "ca.key", "-out", "ca.pem");
    ca = readFileSync(path("ca.pem"), "utf8");
  }
  writeFileSync(path(`${name}.ext`), `subjectAltName=DNS:${name},DNS:localhost,IP:127.0.0.1\n`);
  openssl("req", ...curve, "-subj", `/CN=${name}`, "-keyout", `${name}.key`, "-out", `${name}.csr`);
  const signed = ["-CA", "ca.pem", "-CAkey", "ca.key", "-CAcreateserial", "-days", "2", "-extfile", `${name}.ext`];
  openssl("x509", "-req", "-in", `${name}.csr`, ...signed, "-out", `${name}.pem`);
  return { certPath: path(`${name}.pem`), keyPath: path(`${name}.key`), caPath: path("ca.pem"), ca };
}
