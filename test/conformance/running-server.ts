/**
 * A real server for a test file: `keystead.cjs` with ports of the system's choice, in a folder of its own.
 *
 * Ready means that the launcher said so of the gateway and of the vault; nobody polls and nobody sleeps.
 */
import { spawn, type ChildProcess } from "node:child_process";
import { chmodSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { ENVIRONMENT } from "../environment.ts";

export const ROOT = join(import.meta.dirname, "../..");
/** Longer than a loaded machine takes; a server that ends instead is noticed at once. */
const READY_MS = 180_000;

/** Ports of the system's choice, for every preset. */
const ANY_PORTS = ["--port", "0", "--api-port", "0", "--health-port", "0", "--metrics-port", "0"];

export interface ServeOptions {
  /** Where the server works; a new folder when left out. Its data is in `data` below it. */
  readonly folder?: string;
  /** development unless said otherwise; "none" when `args` name a file that has one. */
  readonly preset?: "development" | "test" | "production" | "none";
  /** Configuration laid over the preset, as YAML (JSON is YAML). */
  readonly config?: object;
  readonly args?: readonly string[];
  readonly env?: Readonly<Record<string, string>>;
  /** Keeps the ports of the configuration. */
  readonly ownPorts?: boolean;
}

export interface LogRecord {
  readonly level: string;
  readonly part: string;
  readonly message: string;
  readonly [field: string]: unknown;
}

export interface RunningServer {
  readonly folder: string;
  readonly data: string;
  /** Where each listener listens, as host:port. */
  readonly addresses: Readonly<Record<string, string>>;
  /** Origin of the API port. */
  readonly api: string;
  /** Everything on standard output so far, as it came. */
  output(): string;
  /** Every JSON record on standard output so far. */
  records(): LogRecord[];
  /** The first record that fits, now or later. */
  record(fits: (record: LogRecord) => boolean): Promise<LogRecord>;
  credential(name: string): string;
  /** Process ids by part: launcher, gateway, vault. */
  pids(): Readonly<Record<string, number>>;
  /** Ends it in order. @returns the exit status */
  stop(): Promise<number | null>;
}

const folders: string[] = [];
process.once("exit", () => {
  for (const folder of folders) rmSync(folder, { recursive: true, force: true });
});

/** A folder of a test's own, which processes of other users may enter; it goes with the test process. */
export function newFolder(): string {
  const folder = mkdtempSync(join(tmpdir(), "keystead-conformance-"));
  folders.push(folder);
  chmodSync(folder, 0o755);
  return folder;
}

/** Starts a server that never gets ready, and waits for its end. */
export async function serveInVain(options: ServeOptions): Promise<{ status: number | null; said: string }> {
  const { child } = begin(options);
  let said = "";
  for (const stream of [child.stdout, child.stderr]) stream?.setEncoding("utf8").on("data", (text: string) => (said += text));
  const status = await new Promise<number | null>((done) => child.once("close", done));
  return { status, said };
}

function begin({ folder = newFolder(), preset = "development", config, args = [], env = {}, ownPorts = false }: ServeOptions): {
  child: ChildProcess;
  folder: string;
} {
  mkdirSync(folder, { recursive: true });
  const words = [...(preset === "none" ? [] : ["--preset", preset]), "--data-dir", join(folder, "data"), ...(ownPorts ? [] : ANY_PORTS)];
  if (config !== undefined) {
    writeFileSync(join(folder, "config.yaml"), JSON.stringify(config));
    words.push("--config", join(folder, "config.yaml"));
  }
  const child = spawn(
    process.execPath,
    [
      join(ROOT, "keystead.cjs"),
      "server",
      ...words,
      "--log-format",
      "json",
      ...(args.includes("--log-level") ? [] : ["--log-level", "info"]),
      ...args,
    ],
    {
      cwd: folder,
      env: { ...ENVIRONMENT, HOME: folder, ...env },
      stdio: ["ignore", "pipe", "pipe"],
    },
  );
  return { child, folder };
}

/** Starts a server and waits until it is ready. */
export async function serve(options: ServeOptions = {}): Promise<RunningServer> {
  const { child, folder } = begin(options);
  let output = "";
  let said = "";
  let held = "";
  const records: LogRecord[] = [];
  const waiting: { fits: (record: LogRecord) => boolean; found: (record: LogRecord) => void }[] = [];
  child.stderr?.setEncoding("utf8").on("data", (text: string) => (said += text));
  child.stdout?.setEncoding("utf8").on("data", (text: string) => {
    output += text;
    const lines = (held + text).split("\n");
    held = lines.pop() ?? "";
    for (const line of lines) {
      let record: LogRecord;
      try {
        record = JSON.parse(line) as LogRecord;
      } catch {
        continue;
      }
      records.push(record);
      for (const waiter of waiting.filter(({ fits }) => fits(record))) {
        waiting.splice(waiting.indexOf(waiter), 1);
        waiter.found(record);
      }
    }
  });
  const ended = new Promise<number | null>((done) => child.once("close", done));
  const record = (fits: (record: LogRecord) => boolean): Promise<LogRecord> => {
    const already = records.find(fits);
    if (already !== undefined) return Promise.resolve(already);
    return new Promise((found, lost) => {
      const timer = setTimeout(() => lost(new Error(`no such record:\n${output.slice(-4000)}${said.slice(-2000)}`)), READY_MS);
      void ended.then(() => lost(new Error(`the server ended:\n${output.slice(-4000)}${said.slice(-2000)}`)));
      waiting.push({
        fits,
        found: (seen) => {
          clearTimeout(timer);
          found(seen);
        },
      });
    });
  };
  const [gateway] = await Promise.all([
    record(({ message }) => message === "gateway is ready"),
    record(({ message }) => message === "vault is ready"),
  ]);
  const addresses = JSON.parse(String(gateway["addresses"])) as Record<string, string>;
  const data = join(folder, "data");
  const childrenOf = (pid: number): number[] =>
    readFileSync(`/proc/${pid}/task/${pid}/children`, "utf8")
      .trim()
      .split(" ")
      .filter((text) => text !== "")
      .map(Number);
  return {
    folder,
    data,
    addresses,
    api: `https://localhost:${addresses["api"]?.split(":").at(-1)}`,
    output: () => output,
    records: () => records,
    record,
    credential: (name) => readFileSync(join(data, "credentials", name), "utf8"),
    pids() {
      const [launcher = 0] = childrenOf(child.pid as number);
      // The launcher starts the vault first.
      const [vault = 0, gatewayPid = 0] = childrenOf(launcher).sort((a, b) => a - b);
      return { launcher, vault, gateway: gatewayPid };
    },
    async stop() {
      if (child.exitCode === null) child.kill("SIGTERM");
      const status = await ended;
      if (options.folder === undefined) rmSync(folder, { recursive: true, force: true });
      return status;
    },
  };
}
