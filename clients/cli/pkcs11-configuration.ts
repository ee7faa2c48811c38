/**
 * The PKCS#11 module's configuration file as far as its troubles go: the files that it names, who may read them, and whether
 * the server answers. The module itself is the judge of the rest.
 */
import { X509Certificate } from "node:crypto";
import { readFileSync, statSync } from "node:fs";
import { connect } from "node:net";
import { dirname } from "node:path";
import { connect as connectTls } from "node:tls";

export interface Finding {
  readonly check: string;
  readonly ok: boolean;
  readonly found: string;
  /** What to do; empty when nothing is wrong. */
  readonly remedy: string;
}

export const good = (check: string, found: string): Finding => ({ check, ok: true, found, remedy: "" });
export const bad = (check: string, found: string, remedy: string): Finding => ({ check, ok: false, found, remedy });

/** Keys whose values are looked at here, each on a line of its own. */
const KEYS = ["endpoint", "ca", "cert", "key", "credential"] as const;
export type ModuleSettings = Partial<Record<(typeof KEYS)[number], string>>;

const TIMEOUT_MS = 5_000;
const reasonOf = (error: unknown): string => (error as NodeJS.ErrnoException).code ?? (error as Error).message;

/** The top level's plain values, of YAML or JSON, with the variables that stand over them. */
export function settingsOf(text: string, env: Readonly<Record<string, string | undefined>>): ModuleSettings {
  const settings: ModuleSettings = {};
  let json: Record<string, unknown> = {};
  try {
    json = JSON.parse(text) as Record<string, unknown>;
  } catch {
    // YAML: the values asked for are never spread over lines.
  }
  for (const key of KEYS) {
    const line = new RegExp(`^${key}:[ \\t]*(?:"([^"]*)"|'([^']*)'|([^#\\n]*?))[ \\t]*(?:#.*)?$`, "m").exec(text);
    const value = env[`HSM_PKCS11_${key.toUpperCase()}`] ?? json[key] ?? line?.slice(1).find((part) => part !== undefined);
    if (typeof value === "string" && value !== "") settings[key] = value;
  }
  return settings;
}

/** Looks at every file that the settings name. @param now milliseconds since the epoch */
export function checkFiles({ ca, cert, key, credential }: ModuleSettings, now: number): Finding[] {
  const findings: Finding[] = [];
  for (const [name, path] of [
    ["ca", ca],
    ["cert", cert],
  ] as const) {
    if (path === undefined) continue;
    try {
      const { subject, validFromDate, validToDate } = new X509Certificate(readFileSync(path));
      const until = validToDate.toISOString().slice(0, 10);
      findings.push(
        validToDate.getTime() < now
          ? bad(name, `${path} ended on ${until}`, "have a new certificate made")
          : validFromDate.getTime() > now
            ? bad(name, `${path} begins on ${validFromDate.toISOString()}`, "set this machine's clock right, or wait")
            : good(name, `${subject.replaceAll("\n", ", ")}, good until ${until}`),
      );
    } catch (error) {
      findings.push(bad(name, `${path} cannot be used (${reasonOf(error)})`, `name a PEM file that this user may read as ${name}`));
    }
  }
  for (const [name, path, forbidden] of [
    ["key", key, 0o007],
    ["credential", credential, 0o027],
  ] as const) {
    if (path === undefined) continue;
    try {
      readFileSync(path).fill(0);
      const mode = statSync(path).mode & 0o777;
      const shown = `mode ${mode.toString(8).padStart(4, "0")}`;
      findings.push(
        (mode & forbidden) === 0
          ? good(name, `${path}, ${shown}`)
          : bad(name, `${path} has ${shown}: others may use it`, `chmod 0600 ${path}`),
      );
    } catch (error) {
      findings.push(
        bad(name, `${path} cannot be read (${reasonOf(error)})`, "run this as the application's user, and let that user read it"),
      );
    }
  }
  if ((cert === undefined) !== (key === undefined))
    findings.push(bad("cert", "cert and key stand together or not at all", "name both, or neither"));
  return findings;
}

/** Whether something answers at the endpoint, and whether it is who it should be. */
export async function checkConnection({ endpoint, ca, cert, key }: ModuleSettings): Promise<Finding> {
  if (endpoint === undefined)
    return bad(
      "connection",
      "there is no endpoint",
      "write endpoint: https://host:8443, or unix:///run/keystead/api.sock on the server's machine",
    );
  try {
    if (endpoint.startsWith("unix://")) return await checkSocket(endpoint.slice("unix://".length));
    const url = URL.parse(endpoint);
    if (url?.protocol !== "https:") return bad("connection", `${endpoint} is no endpoint`, "write https://host:8443 or unix:///path");
    const file = (path: string | undefined): Buffer | undefined => (path === undefined ? undefined : readFileSync(path));
    const options = { ca: file(ca), cert: file(cert), key: file(key), minVersion: "TLSv1.3" as const, ALPNProtocols: ["http/1.1"] };
    const host = url.hostname.replaceAll(/[[\]]/g, "");
    const took = await new Promise<number>((resolve, reject) => {
      const began = performance.now();
      const socket = connectTls({ host, port: Number(url.port || 443), servername: host, timeout: TIMEOUT_MS, ...options });
      socket.once("secureConnect", () => (socket.destroy(), resolve(performance.now() - began)));
      socket.once("timeout", () => socket.destroy(new Error("no answer in time")));
      socket.once("error", reject);
    });
    return good("connection", `${endpoint}: TLS 1.3 in ${took.toFixed(0)} ms`);
  } catch (error) {
    const reason = reasonOf(error);
    const untrusted = /CERT|SIGNATURE|ISSUER|ALTNAME/.test(reason);
    return bad(
      "connection",
      `${endpoint} does not answer as it should (${reason})`,
      untrusted
        ? "the server's certificate is not one of ca, or of another name: name the authority of the server as ca, and the server as in its certificate"
        : reason === "EACCES"
          ? "let the application's user into the socket's folder: it must be in the folder's group"
          : "look whether the server runs (keystead status), and whether host, port or path are right",
    );
  }
}

async function checkSocket(path: string): Promise<Finding> {
  await new Promise<void>((resolve, reject) => {
    const socket = connect(path);
    socket.once("connect", () => (socket.destroy(), resolve()));
    socket.once("error", reject);
  });
  const { mode } = statSync(dirname(path));
  return (mode & 0o027) === 0
    ? good("connection", `${path} answers`)
    : bad(
        "connection",
        `the folder of ${path} has mode ${(mode & 0o777).toString(8)}`,
        "another program may have put its socket there: look whose it is",
      );
}
