/**
 * A certificate authority run by the openssl command: issues, takes back and publishes lists, as operators do it.
 *
 * Everything lies in a folder of its own that goes with the test process.
 */
import { execFileSync } from "node:child_process";
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

export interface Wanted {
  /** As openssl writes it: /CN=alice/O=Example. */
  readonly subject?: string;
  /** Lines of an extension section; client authentication and no authority without it. */
  readonly extensions?: readonly string[];
  readonly key?: readonly string[];
}

export interface Issued {
  readonly der: Buffer;
  readonly certPath: string;
  readonly keyPath: string;
}

export interface OpensslAuthority extends Issued {
  readonly folder: string;
  readonly pem: string;
  issue(wanted?: Wanted): Issued;
  revoke(certificate: Issued): void;
  /** The answer of `openssl ocsp` to a question in DER, signed by this certificate (the authority itself), and more words for it. */
  respond(question: Buffer, signer?: Issued, ...words: readonly string[]): Buffer;
  /** A new list in DER. @param until days, or openssl's own date form YYYYMMDDHHMMSSZ */
  list(until?: { readonly days?: number; readonly last?: string; readonly next?: string }): Buffer;
}

const P256 = ["-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:P-256"];
const CLIENT = ["basicConstraints=critical,CA:FALSE", "keyUsage=critical,digitalSignature", "extendedKeyUsage=clientAuth"];

const openssl = (...args: readonly string[]): Buffer => execFileSync("openssl", args, { stdio: ["ignore", "pipe", "ignore"] });

/** @param extensions of the authority's own certificate */
export function opensslAuthority(
  subject = "/CN=Test CA",
  extensions: readonly string[] = ["basicConstraints=critical,CA:TRUE", "keyUsage=critical,keyCertSign,cRLSign"],
  key: readonly string[] = P256,
): OpensslAuthority {
  const folder = mkdtempSync(join(tmpdir(), "keystead-authority-"));
  process.on("exit", () => rmSync(folder, { recursive: true, force: true }));
  const [keyPath, certPath, config] = [join(folder, "ca.key"), join(folder, "ca.pem"), join(folder, "ca.cnf")];
  mkdirSync(join(folder, "new"));
  writeFileSync(join(folder, "index.txt"), "");
  writeFileSync(join(folder, "serial"), "1000\n");
  writeFileSync(join(folder, "crlnumber"), "01\n");
  writeFileSync(
    config,
    `[ca]\ndefault_ca=own\n[own]\ndatabase=${folder}/index.txt\nserial=${folder}/serial\ncrlnumber=${folder}/crlnumber\nnew_certs_dir=${folder}/new\ncertificate=${certPath}\nprivate_key=${keyPath}\ndefault_md=sha256\npolicy=any\nunique_subject=no\ncrl_extensions=crl\n[crl]\nauthorityKeyIdentifier=keyid\n[any]\ncommonName=optional\norganizationName=optional\norganizationalUnitName=optional\nemailAddress=optional\n[req]\ndistinguished_name=dn\nprompt=no\n[dn]\nCN=unused\n[own_ext]\n${extensions.join("\n")}\nsubjectKeyIdentifier=hash\n`,
  );
  openssl("genpkey", ...key, "-out", keyPath);
  openssl(
    "req",
    "-new",
    "-x509",
    "-config",
    config,
    "-extensions",
    "own_ext",
    "-key",
    keyPath,
    "-subj",
    subject,
    "-days",
    "30",
    "-out",
    certPath,
  );
  let count = 0;
  return {
    folder,
    keyPath,
    certPath,
    pem: readFileSync(certPath, "utf8"),
    der: openssl("x509", "-in", certPath, "-outform", "DER"),
    issue({ subject: name = "/CN=alice", extensions: wanted = CLIENT, key: kind = P256 } = {}) {
      count += 1;
      const path = join(folder, `leaf${count}`);
      writeFileSync(`${path}.ext`, `[leaf]\n${wanted.join("\n")}\n`);
      openssl("genpkey", ...kind, "-out", `${path}.key`);
      openssl("req", "-new", "-config", config, "-utf8", "-key", `${path}.key`, "-subj", name, "-out", `${path}.csr`);
      const files = ["-in", `${path}.csr`, "-out", `${path}.pem`, "-extfile", `${path}.ext`, "-extensions", "leaf"];
      openssl("ca", "-batch", "-config", config, "-utf8", "-notext", "-preserveDN", "-days", "7", ...files);
      return { der: openssl("x509", "-in", `${path}.pem`, "-outform", "DER"), certPath: `${path}.pem`, keyPath: `${path}.key` };
    },
    revoke({ certPath: path }) {
      openssl("ca", "-config", config, "-revoke", path, "-crl_reason", "keyCompromise");
    },
    respond(question, signer = { der: Buffer.alloc(0), certPath, keyPath }, ...words) {
      const [asked, answer] = [join(folder, "ocsp.req"), join(folder, "ocsp.resp")];
      writeFileSync(asked, question);
      const by = ["-rsigner", signer.certPath, "-rkey", signer.keyPath, "-CA", certPath];
      openssl("ocsp", "-index", join(folder, "index.txt"), ...by, "-reqin", asked, "-respout", answer, ...words);
      return readFileSync(answer);
    },
    list({ days = 1, last, next } = {}) {
      const until = next === undefined ? ["-crldays", String(days)] : ["-crl_nextupdate", next];
      const from = last === undefined ? [] : ["-crl_lastupdate", last];
      const pem = join(folder, "list.pem");
      openssl("ca", "-config", config, "-gencrl", ...from, ...until, "-out", pem);
      return openssl("crl", "-in", pem, "-outform", "DER");
    },
  };
}
