/**
 * A real server for tests that hurt it: `keystead.cjs server` in a folder of its own, on ports the system chooses.
 *
 *     const server = await startServer();
 *     const { status, body } = await server.rest("POST", "/api/v1/keys", { algorithm: "Ed25519" });
 *     server.kill("vault");
 *     await server.ready("vault");
 *     await server.stop();
 *
 * Its processes and its folder go with the test process, whatever becomes of the test.
 */
import { spawn, type ChildProcess } from "node:child_process";
import { chmodSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { connect, type ClientHttp2Session } from "node:http2";
import { Agent, request, type RequestOptions } from "node:https";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { create, fromBinary, toBinary, type DescMethodUnary, type MessageInitShape, type MessageShape } from "@bufbuild/protobuf";
import { ENVIRONMENT } from "./environment.ts";

export const ROOT = join(import.meta.dirname, "..");
export const KEYSTEAD = join(ROOT, "keystead.cjs");
/** Longer than a loaded machine takes; a server that ends instead is noticed at once. */
const READY_MS = 180_000;
const ANY_PORTS = ["--port", "0", "--api-port", "0", "--health-port", "0", "--metrics-port", "0"];

export type Part = "launcher" | "vault" | "gateway" | "connector" | "scripts";

export interface StartOptions {
  /** development unless said otherwise; "none" for whatever `flags` name. */
  readonly preset?: "development" | "test" | "production" | "none";
  /** A folder that outlives the server; without it a new one is made and removed. */
  readonly dataDir?: string;
  readonly flags?: readonly string[];
  readonly env?: Readonly<Record<string, string>>;
  /** Words in front of the command, such as strace's. */
  readonly under?: readonly string[];
  /** How long a part may take to be ready; a minute when left out. */
  readonly readyMs?: number;
}

export interface LogRecord {
  readonly level: string;
  readonly part: string;
  readonly message: string;
  readonly [field: string]: unknown;
}

export interface Profile {
  readonly endpoint: string;
  readonly ca: string;
  readonly cert: string;
  readonly key: string;
}

export interface RestReply {
  readonly status: number;
  readonly headers: NodeJS.Dict<string | string[]>;
  // oxlint-disable-next-line typescript/no-explicit-any
  readonly body: any;
}

export interface TestServer {
  /** Where the listeners listen now, as host:port; a gateway that was started again has other ports. */
  readonly addresses: Readonly<Record<string, string>>;
  readonly dataDir: string;
  /** Paths of the administrator's credentials, and the endpoint as it is now. */
  readonly profile: Profile;
  /** Process ids as they are now; undefined for a part that is not there. */
  pids(): Partial<Record<Part, number>>;
  /** One REST request over TLS with the administrator's certificate. Rejects when the connection breaks. */
  rest(method: string, path: string, body?: object, headers?: Readonly<Record<string, string>>): Promise<RestReply>;
  /** One unary gRPC call over TLS with the administrator's certificate. Rejects with grpc-status and grpc-message. */
  grpc<M extends DescMethodUnary>(method: M, message: MessageInitShape<M["input"]>, requestId?: string): Promise<MessageShape<M["output"]>>;
  /** Log records so far; lines that are no JSON are in {@link said}. */
  logs(): readonly LogRecord[];
  /** Everything on standard output and standard error so far. */
  said(): string;
  /** The first record from `from` on that fits, now or within the deadline. */
  record(fits: (record: LogRecord) => boolean, from?: number): Promise<LogRecord>;
  /** Waits for `part` to say that it is ready, in a record after the first `from`. */
  ready(part: "vault" | "gateway", from?: number): Promise<void>;
  /** Sends a signal (SIGKILL) to one part or to everything, command included. */
  kill(what: Part | "all", signal?: NodeJS.Signals): void;
  /** Sends a signal to the command, as a shell or a service manager does. */
  signal(signal: NodeJS.Signals): void;
  /** Resolves with the exit status (null when a signal ended it) and leaves the folder. */
  readonly ended: Promise<number | null>;
  /** Ends it in order, removes what it left. @returns the exit status */
  stop(): Promise<number | null>;
}

/** A folder of a test's own that processes of other users may enter; it goes with the test process. */
export function newFolder(): string {
  const folder = mkdtempSync(join(tmpdir(), "keystead-test-"));
  chmodSync(folder, 0o755);
  leftovers.add(() => rmSync(folder, { recursive: true, force: true }));
  return folder;
}

/** Polls a condition until it holds. @throws {Error} naming `what` when the deadline passes first */
export async function until<T>(
  what: string,
  holds: () => T | undefined | false | Promise<T | undefined | false>,
  limitMs = 120_000,
): Promise<T> {
  const deadline = performance.now() + limitMs;
  for (;;) {
    const value = await holds();
    if (value !== undefined && value !== false) return value;
    if (performance.now() > deadline) throw new Error(`not within ${limitMs} ms: ${what}`);
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
}

const leftovers = new Set<() => void>();
process.on("exit", () => {
  for (const clean of leftovers) clean();
});

const childrenOf = (pid: number): number[] => {
  try {
    return readFileSync(`/proc/${pid}/task/${pid}/children`, "utf8")
      .split(" ")
      .filter((text) => text !== "")
      .map(Number);
  } catch {
    return [];
  }
};

const descendantsOf = (pid: number): number[] => childrenOf(pid).flatMap((child) => [child, ...descendantsOf(child)]);

/** What a process calls itself: its title, or its command line before it set one. */
export function titleOf(pid: number): string {
  try {
    return readFileSync(`/proc/${pid}/cmdline`, "utf8").replaceAll("\u0000", " ").trim();
  } catch {
    return "";
  }
}

function partOf(pid: number): Part | undefined {
  const title = titleOf(pid);
  if (title === "keystead [vault]" || /(^|\/)node .*server\/vault\/main\.ts/.test(title)) return "vault";
  if (title === "keystead [gateway]" || /(^|\/)node .*server\/gateway\/main\.ts/.test(title)) return "gateway";
  if (title.startsWith("keystead [connector") || /(^|\/)node .*server\/connector\/main\.ts/.test(title)) return "connector";
  if (title === "keystead [scripts]" || /(^|\/)node .*server\/scripts\/main\.ts/.test(title)) return "scripts";
  if (title === "keystead" || /(^|\/)node .*server\/launcher\/main\.ts/.test(title)) return "launcher";
  return undefined;
}

function killQuietly(pid: number, signal: NodeJS.Signals): void {
  try {
    process.kill(pid, signal);
  } catch {
    // Gone already.
  }
}

/** Starts a server without waiting for anything: for starts that must fail. */
export function spawnServer({
  preset = "development",
  dataDir = join(newFolder(), "data"),
  flags = [],
  env = {},
  under = [],
}: StartOptions = {}): { child: ChildProcess; dataDir: string } {
  const words = [
    ...under,
    process.execPath,
    KEYSTEAD,
    "server",
    ...(preset === "none" ? [] : ["--preset", preset]),
    "--data-dir",
    dataDir,
    ...ANY_PORTS,
    // Whoever waits for a part waits for what the launcher says of it.
    ...(flags.includes("--log-level") ? [] : ["--log-level", "info"]),
    "--log-format",
    "json",
    ...flags,
  ];
  const child = spawn(words[0] as string, words.slice(1), {
    cwd: tmpdir(),
    env: { ...ENVIRONMENT, HOME: tmpdir(), ...env },
    stdio: ["ignore", "pipe", "pipe"],
  });
  return { child, dataDir };
}

/** Starts a server that is expected to end by itself. */
export async function startInVain(options: StartOptions = {}): Promise<{ status: number | null; said: string }> {
  const { child } = spawnServer(options);
  let said = "";
  for (const stream of [child.stdout, child.stderr]) stream?.setEncoding("utf8").on("data", (text: string) => (said += text));
  const status = await new Promise<number | null>((done) => child.once("close", done));
  return { status, said };
}

/** Starts a server and waits until vault and gateway are ready. */
export async function startServer(options: StartOptions = {}): Promise<TestServer> {
  const folder = options.dataDir === undefined ? newFolder() : undefined;
  const { child, dataDir } = spawnServer({ ...options, dataDir: options.dataDir ?? join(folder as string, "data") });
  const pid = child.pid as number;
  const records: LogRecord[] = [];
  let said = "";
  let held = "";
  child.stderr?.setEncoding("utf8").on("data", (text: string) => (said += text));
  child.stdout?.setEncoding("utf8").on("data", (text: string) => {
    said += text;
    const lines = (held + text).split("\n");
    held = lines.pop() ?? "";
    for (const line of lines) if (line.startsWith("{")) records.push(JSON.parse(line) as LogRecord);
  });
  let over = false;
  let known: number[] = [];
  const ended = new Promise<number | null>((done) => child.once("close", (status) => done(status)));
  void ended.then(() => (over = true));
  const everything = (): number[] =>
    (known = [...new Set([...(over ? [] : [pid, ...descendantsOf(pid)]), ...known.filter((other) => partOf(other) !== undefined)])]);
  const clean = (): void => {
    for (const other of everything()) killQuietly(other, "SIGKILL");
  };
  leftovers.add(clean);

  const record: TestServer["record"] = (fits, from = 0) =>
    until(
      "the log record",
      () => {
        const found = records.slice(from).find(fits);
        if (found === undefined && over) throw new Error(`the server ended:\n${said.slice(-4000)}`);
        return found;
      },
      options.readyMs ?? READY_MS,
    ).catch((error: unknown) => {
      throw new Error(`${(error as Error).message}\n${said.slice(-4000)}`, { cause: error });
    });
  const ready: TestServer["ready"] = async (part, from = 0) =>
    void (await record((line) => line.part === "launcher" && line.message === `${part} is ready`, from));

  const agent = new Agent({ keepAlive: true, maxSockets: 128, scheduling: "fifo" });
  let session: { authority: string; client: ClientHttp2Session } | undefined;
  const credentials = (): { ca: Buffer; cert: Buffer; key: Buffer } => ({
    ca: readFileSync(join(dataDir, "credentials/ca.pem")),
    cert: readFileSync(join(dataDir, "credentials/admin.pem")),
    key: readFileSync(join(dataDir, "credentials/admin-key.pem")),
  });
  let tls: ReturnType<typeof credentials> | undefined;

  const server: TestServer = {
    get addresses() {
      const said = records.findLast((line) => line.part === "launcher" && line.message === "gateway is ready");
      return said === undefined ? {} : (JSON.parse(String(said["addresses"])) as Record<string, string>);
    },
    dataDir,
    get profile() {
      const at = (name: string): string => join(dataDir, "credentials", name);
      return {
        endpoint: `https://localhost:${portOf(server.addresses["api"])}`,
        ca: at("ca.pem"),
        cert: at("admin.pem"),
        key: at("admin-key.pem"),
      };
    },
    pids() {
      const found: Partial<Record<Part, number>> = {};
      for (const other of everything()) {
        const part = other === pid && (options.under ?? []).length === 0 ? undefined : partOf(other);
        if (part !== undefined) found[part] = other;
      }
      return found;
    },
    rest(method, path, body, headers = {}) {
      tls ??= credentials();
      const text = body === undefined ? undefined : JSON.stringify(body);
      return new Promise((resolve, reject) => {
        const asked: RequestOptions = {
          agent,
          ...tls,
          method,
          path,
          host: "localhost",
          port: portOf(server.addresses["api"]),
          headers: {
            ...(text === undefined ? {} : { "content-type": "application/json", "content-length": Buffer.byteLength(text) }),
            ...headers,
          },
        };
        const sent = request(asked, (reply) => {
          let answer = "";
          reply.setEncoding("utf8").on("data", (more: string) => (answer += more));
          reply.on("error", reject);
          reply.on("end", () => {
            if (!reply.complete) return reject(new Error("the answer was cut off"));
            const json = String(reply.headers["content-type"] ?? "").includes("json");
            resolve({ status: reply.statusCode ?? 0, headers: reply.headers, body: json ? JSON.parse(answer) : answer });
          });
        });
        sent.on("error", reject);
        sent.end(text);
      });
    },
    grpc(method, message, requestId) {
      tls ??= credentials();
      const authority = `https://localhost:${portOf(server.addresses["api"])}`;
      if (session === undefined || session.authority !== authority || session.client.destroyed || session.client.closed) {
        session?.client.destroy();
        session = { authority, client: connect(authority, tls) };
        session.client.on("error", () => undefined);
      }
      const { client } = session;
      return new Promise((resolve, reject) => {
        const stream = client.request({
          ":method": "POST",
          ":path": `/${method.parent.typeName}/${method.name}`,
          "content-type": "application/grpc",
          te: "trailers",
          ...(requestId === undefined ? {} : { "x-request-id": requestId }),
        });
        const chunks: Buffer[] = [];
        let status: string | undefined;
        let said = "";
        const look = (fields: NodeJS.Dict<string | string[] | number>): void => {
          if (fields["grpc-status"] === undefined) return;
          status = String(fields["grpc-status"]);
          said = decodeURIComponent(String(fields["grpc-message"] ?? ""));
        };
        stream
          .on("response", look)
          .on("trailers", look)
          .on("data", (chunk: Buffer) => chunks.push(chunk))
          .on("error", reject);
        stream.on("close", () => {
          if (status === "0") resolve(fromBinary(method.output, Buffer.concat(chunks).subarray(5)) as never);
          else reject(new Error(status === undefined ? "the call was cut off" : `grpc-status ${status}: ${said}`));
        });
        const bytes = toBinary(method.input, create(method.input, message));
        const frame = Buffer.alloc(5 + bytes.length);
        frame.writeUInt32BE(bytes.length, 1);
        frame.set(bytes, 5);
        stream.end(frame);
      });
    },
    logs: () => records,
    said: () => said,
    record,
    ready,
    kill(what, signal = "SIGKILL") {
      if (what !== "all") {
        const one = server.pids()[what];
        if (one === undefined) throw new Error(`there is no ${what}`);
        return process.kill(one, signal);
      }
      // Parents first: nobody is started again meanwhile.
      for (const other of everything()) killQuietly(other, signal);
    },
    signal: (signal) => void child.kill(signal),
    ended,
    async stop() {
      if (!over) {
        everything();
        child.kill("SIGTERM");
      }
      const status = await ended;
      agent.destroy();
      session?.client.destroy();
      clean();
      leftovers.delete(clean);
      if (folder !== undefined) rmSync(folder, { recursive: true, force: true });
      return status;
    },
  };
  try {
    await Promise.all([ready("vault"), ready("gateway")]);
  } catch (error) {
    clean();
    throw error;
  }
  return server;
}

const portOf = (address: string | undefined): number => Number(address?.split(":").at(-1));
