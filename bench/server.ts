/**
 * A server of its own for the bench: the development preset, started like a user starts it, in a folder that goes away.
 */
import { spawn, type ChildProcess } from "node:child_process";
import { chownSync, mkdtempSync, readFileSync, rmSync, statSync } from "node:fs";
import { request } from "node:https";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { descendants } from "./machine.ts";

/** Started as root the server would give each part a user of its own; the bench does not need root and gives it up. */
const NOBODY = 65_534;
const READY_MS = 30_000;

export interface BenchServer {
  readonly host: string;
  readonly port: number;
  readonly ca: string;
  readonly cert: string;
  readonly key: string;
  readonly gatewayPid: number;
  readonly vaultPid: number;
  /** Every process of the server. */
  readonly pids: readonly number[];
  /** One REST call as the administrator. */
  call(method: string, path: string, body?: object): Promise<Record<string, unknown>>;
  stop(): Promise<void>;
}

async function freePort(): Promise<number> {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const { port } = server.address() as { port: number };
  await new Promise<void>((resolve) => server.close(() => resolve()));
  return port;
}

/** True when `path` and every folder above it can be entered by other users. */
function openToOthers(path: string): boolean {
  for (let folder = path; ; folder = dirname(folder)) {
    if ((statSync(folder).mode & 0o001) === 0) return false;
    if (folder === dirname(folder)) return true;
  }
}

/** Starts a server from `root`. @param flags further ones, for instance another sync mode */
export async function startServer(root: string, flags: readonly string[] = []): Promise<BenchServer> {
  const folder = mkdtempSync(join(tmpdir(), "keystead-bench-"));
  const asNobody = process.getuid?.() === 0 && openToOthers(root) ? { uid: NOBODY, gid: NOBODY } : {};
  if ("uid" in asNobody) chownSync(folder, NOBODY, NOBODY);
  const port = await freePort();
  const args = [
    join(root, "keystead.cjs"),
    "server",
    "--preset",
    "development",
    "--data-dir",
    folder,
    "--port",
    String(await freePort()),
    "--api-port",
    String(port),
    "--health-port",
    String(await freePort()),
    "--metrics-port",
    String(await freePort()),
    "--log-format",
    "json",
    // A bench of making keys makes more than a namespace holds.
    "--set",
    "namespaces.default.max_keys=0",
    ...flags,
  ];
  const child = spawn(process.execPath, args, { stdio: ["ignore", "pipe", "pipe"], cwd: folder, ...asNobody });
  let output = "";
  await new Promise<void>((resolve, reject) => {
    const timer = setTimeout(() => reject(new Error(`the server was not ready in time:\n${output}`)), READY_MS);
    const ready = new Set<string>();
    const look = (chunk: Buffer): void => {
      output = (output + chunk.toString("utf8")).slice(-4_000);
      for (const part of ["gateway is ready", "vault is ready"]) if (output.includes(part)) ready.add(part);
      if (ready.size < 2) return;
      clearTimeout(timer);
      resolve();
    };
    child.stdout.on("data", look);
    child.stderr.on("data", look);
    child.once("exit", (code) => reject(new Error(`the server ended with ${code}:\n${output}`)));
  }).catch(async (error: unknown) => {
    await ended(child);
    throw error;
  });
  const processes = descendants(child.pid as number);
  const pidOf = (title: string): number => {
    const found = processes.find((candidate) => candidate.title.startsWith(title));
    if (found === undefined) throw new Error(`there is no process '${title}'`);
    return found.pid;
  };
  const credential = (name: string): string => readFileSync(join(folder, "credentials", name), "utf8");
  const [ca, cert, key] = [credential("ca.pem"), credential("admin.pem"), credential("admin-key.pem")];
  return {
    host: "127.0.0.1",
    port,
    ca,
    cert,
    key,
    gatewayPid: pidOf("keystead [gateway]"),
    vaultPid: pidOf("keystead [vault]"),
    pids: [child.pid as number, ...processes.map(({ pid }) => pid)],
    call: (method, path, body) =>
      new Promise((resolve, reject) => {
        const sent = request(
          {
            host: "127.0.0.1",
            port,
            path,
            method,
            servername: "localhost",
            ca,
            cert,
            key,
            headers: { "content-type": "application/json" },
          },
          (response) => {
            const chunks: Buffer[] = [];
            response.on("data", (chunk: Buffer) => chunks.push(chunk));
            response.on("end", () => {
              const text = Buffer.concat(chunks).toString("utf8");
              if ((response.statusCode ?? 500) < 300) resolve(JSON.parse(text) as Record<string, unknown>);
              else reject(new Error(`${method} ${path}: ${response.statusCode} ${text}`));
            });
          },
        );
        sent.once("error", reject);
        sent.end(body === undefined ? undefined : JSON.stringify(body));
      }),
    async stop() {
      await ended(child);
      rmSync(folder, { recursive: true, force: true });
    },
  };
}

async function ended(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const gone = new Promise<void>((resolve) => child.once("exit", () => resolve()));
  child.kill("SIGTERM");
  await gone;
}
