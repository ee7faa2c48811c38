/**
 * The PKCS#11 module beside SoftHSM2: the same client, the same machine, windows in turn.
 *
 * The client is clients/pkcs11/probe, which loads either by its path. SoftHSM2 signs in the process of the application; the
 * module asks a whole server, over TLS or over the unix socket, which decides and records each signature.
 */
import { execFileSync, spawn, spawnSync } from "node:child_process";
import { chmodSync, chownSync, existsSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { median } from "./machine.ts";
import { startServer, type BenchServer } from "./server.ts";

export interface Pkcs11Row {
  readonly name: string;
  /** SoftHSM2, or how the module reaches its server. */
  readonly side: string;
  readonly medianUs: number;
  readonly p95Us: number;
  readonly perSecond: number;
}

export interface Pkcs11Options {
  readonly rounds: number;
  readonly seconds: number;
  /** Keys of the namespace when one of them is looked for. */
  readonly keys: number;
}

const SOFTHSM = ["/usr/lib/softhsm/libsofthsm2.so", "/usr/lib/x86_64-linux-gnu/softhsm/libsofthsm2.so"];
/** Whom bench/server.ts runs the server as when root starts it. */
const NOBODY = 65_534;
const PIN = "12345678";
const MANY = 16;
/** A server has run for days, and its code has long been compiled: so long each side and kind is used before it counts. */
const WARM_SECONDS = 3;
const KINDS = { ecdsa: "EcdsaP256", rsa: "Rsa2048" } as const;
/** Who make keys at once. */
const MAKERS = 32;

type Side = { readonly name: string; readonly library: string; readonly environment: Readonly<Record<string, string>> };

/** Why it cannot be measured here, or nothing. */
export function pkcs11Missing(): string | undefined {
  if (spawnSync("cargo", ["--version"]).error !== undefined) return "there is no cargo";
  if (!SOFTHSM.some((path) => existsSync(path)) || spawnSync("softhsm2-util", ["--version"]).error !== undefined)
    return "there is no SoftHSM2";
  return undefined;
}

/** Builds the module and the client, measures both, and removes what it made. */
export async function measurePkcs11(root: string, options: Pkcs11Options, progress: (text: string) => void): Promise<Pkcs11Row[]> {
  const target = join(root, ".keystead/pkcs11");
  progress("building the PKCS#11 module");
  execFileSync("cargo", ["build", "--release", "--locked"], {
    cwd: join(root, "clients/pkcs11"),
    env: { ...process.env, CARGO_TARGET_DIR: target },
    stdio: ["ignore", "ignore", "pipe"],
  });
  const built = (name: string): string => join(target, "release", name);
  const folder = mkdtempSync(join(tmpdir(), "keystead-bench-pkcs11-"));
  chmodSync(folder, 0o755);
  const socket = join(folder, "run/api.sock");
  mkdirSync(join(folder, "run"), { mode: 0o750 });
  if (process.getuid?.() === 0) chownSync(join(folder, "run"), NOBODY, NOBODY);
  const server = await startServer(root, ["--set", `server.unix_socket=${socket}`]);
  try {
    const probe = (side: Side, ...words: readonly string[]): Promise<Record<string, number>> => ask(built("hsm-pkcs11-probe"), side, words);
    const ours = await ourSides(server, folder, socket, built("libhsm_pkcs11.so"));
    const soft = softSide(folder);
    for (const kind of Object.keys(KINDS)) await probe(soft, "make", `label=${kind}`, `mechanism=${kind}`);
    progress("PKCS#11: warming the server up");
    for (const side of ours)
      for (const kind of Object.keys(KINDS))
        await probe(side, "sign", `label=${kind}`, `mechanism=${kind}`, `threads=${MANY}`, `seconds=${WARM_SECONDS}`);
    const rows: Pkcs11Row[] = [];
    for (const [kind, threads] of [
      ["ecdsa", 1],
      ["rsa", 1],
      ["ecdsa", MANY],
      ["rsa", MANY],
    ] as const) {
      const found = new Map<string, Record<string, number>[]>();
      for (let round = 0; round < options.rounds; round += 1)
        for (const side of [soft, ...ours]) {
          progress(`PKCS#11: ${kind}, ${threads} threads, ${side.name}`);
          const one = await probe(side, "sign", `label=${kind}`, `mechanism=${kind}`, `threads=${threads}`, `seconds=${options.seconds}`);
          found.set(side.name, [...(found.get(side.name) ?? []), one]);
        }
      for (const [name, all] of found) rows.push(rowOf(`sign ${kind}, ${threads} threads`, name, all));
    }
    progress(`PKCS#11: making ${options.keys} keys`);
    await fill(server, options.keys);
    for (const side of ours) rows.push(rowOf(`find one of ${options.keys}`, side.name, [await probe(side, "find", "label=rsa")]));
    return rows;
  } finally {
    await server.stop();
    rmSync(folder, { recursive: true, force: true });
  }
}

function rowOf(name: string, side: string, all: readonly Record<string, number>[]): Pkcs11Row {
  const of = (field: string): number => median(all.map((one) => one[field] ?? Number.NaN));
  return { name, side, medianUs: of("medianUs"), p95Us: of("p95Us"), perSecond: of("perSecond") };
}

async function ourSides(server: BenchServer, folder: string, socket: string, library: string): Promise<Side[]> {
  for (const [keyId, algorithm] of Object.entries(KINDS)) await server.call("POST", "/api/v1/keys", { key_id: keyId, algorithm });
  const file = (name: string, content: string): string => {
    const path = join(folder, name);
    writeFileSync(path, content, { mode: 0o600 });
    return path;
  };
  const config = {
    endpoint: `https://localhost:${server.port}`,
    ca: file("ca.pem", server.ca),
    cert: file("cert.pem", server.cert),
    key: file("key.pem", server.key),
    slots: [{ namespace: "default" }],
  };
  await server.call("POST", "/api/v1/service-accounts", { name: "bench", roles: ["Service"], namespaces: ["default"] });
  const { secret_id: secretId } = await server.call("POST", "/api/v1/service-accounts/bench/secret-ids", {});
  const credential = file("credential", `role_id: bench\nsecret_id: ${String(secretId)}\n`);
  const local = { endpoint: `unix://${socket}`, credential, slots: config.slots };
  return [
    { name: "unix socket", library, environment: { HSM_PKCS11_CONFIG: file("local.yaml", JSON.stringify(local)) } },
    { name: "TLS", library, environment: { HSM_PKCS11_CONFIG: file("tls.yaml", JSON.stringify(config)) } },
  ];
}

function softSide(folder: string): Side {
  const tokens = mkdtempSync(join(folder, "softhsm-"));
  const config = join(folder, "softhsm2.conf");
  writeFileSync(config, `directories.tokendir = ${tokens}\nobjectstore.backend = file\nlog.level = ERROR\n`);
  const environment = { SOFTHSM2_CONF: config, HSM_PIN: PIN };
  const init = ["--init-token", "--free", "--label", "bench", "--pin", PIN, "--so-pin", PIN];
  execFileSync("softhsm2-util", init, { env: { ...process.env, ...environment }, stdio: "ignore" });
  return { name: "SoftHSM2", library: SOFTHSM.find((path) => existsSync(path)) as string, environment };
}

/** Runs the client. Its slot is the first: SoftHSM2 lists initialised tokens before free ones. */
function ask(program: string, side: Side, words: readonly string[]): Promise<Record<string, number>> {
  return new Promise((resolve, reject) => {
    const child = spawn(program, [side.library, ...words], {
      env: { PATH: process.env["PATH"], ...side.environment },
      stdio: ["ignore", "pipe", "pipe"],
    });
    const output = { out: "", err: "" };
    child.stdout.on("data", (chunk: Buffer) => (output.out += chunk.toString("utf8")));
    child.stderr.on("data", (chunk: Buffer) => (output.err += chunk.toString("utf8")));
    child.once("error", reject);
    child.once("close", (code) =>
      code === 0
        ? resolve(JSON.parse(output.out) as Record<string, number>)
        : reject(new Error(`${side.name}, ${words.join(" ")}: ${output.err}`)),
    );
  });
}

/** Makes keys until there are that many. */
async function fill(server: BenchServer, keys: number): Promise<void> {
  let left = keys - Object.keys(KINDS).length;
  const maker = async (): Promise<void> => {
    for (; left > 0;) {
      left -= 1;
      await server.call("POST", "/api/v1/keys", { algorithm: "Ed25519" });
    }
  };
  await Promise.all(Array.from({ length: MAKERS }, maker));
}
