/**
 * Runs inside a process with the vault's flags and tries what a vault must not be able to do. Prints one JSON object:
 * attempt -> "done" when it worked, otherwise the code of the error that stopped it.
 *
 * Copied into a scratch root by run-probe.ts, because the flags allow the vault's own code alone.
 */
import child_process from "node:child_process";
import * as dgram from "node:dgram";
import * as dns from "node:dns";
import * as fs from "node:fs";
import * as inspector from "node:inspector";
import * as module from "node:module";
import * as net from "node:net";
import { DatabaseSync, backup } from "node:sqlite";
import * as v8 from "node:v8";
import * as vm from "node:vm";
import { WASI } from "node:wasi";
import { Worker } from "node:worker_threads";

interface Question {
  readonly data: string;
  readonly outside: string;
  readonly root: string;
  readonly port: number;
  readonly udpPort: number;
  readonly socket: string;
  readonly addon: string;
  /** A process of the operator's that may come to harm. */
  readonly pid: number;
}

const asked = JSON.parse(process.env["PROBE"] ?? "{}") as Question;
const results: Record<string, string> = {};

const codeOf = (error: unknown): string => {
  const { code, errcode, message, name } = error as { code?: string; errcode?: number; message?: string; name?: string };
  if (code === "ERR_SQLITE_ERROR") return `SQLITE ${errcode}: ${message}`;
  return code ?? `${name}: ${message}`;
};

/** Some refusals are thrown where nobody can catch them. */
let interrupt: (error: unknown) => void = () => undefined;
process.on("uncaughtException", (error) => interrupt(error));
process.on("unhandledRejection", (error) => interrupt(error));

async function attempt(name: string, run: () => unknown): Promise<void> {
  if (process.env["TRACE"]) fs.writeSync(2, name + "\n");
  let timer: NodeJS.Timeout | undefined;
  const interrupted = new Promise((_, failed) => {
    interrupt = failed;
    timer = setTimeout(() => failed(new Error("nothing happened")), 3_000);
  });
  try {
    await Promise.race([interrupted, Promise.resolve().then(run)]);
    results[name] = "done";
  } catch (error) {
    results[name] = codeOf(error);
  } finally {
    clearTimeout(timer);
  }
}

/** Resolves with the first of these events; an error event rejects. */
const settled = (emitter: NodeJS.EventEmitter, event: string): Promise<void> =>
  new Promise((done, failed) => {
    emitter.once(event, () => done());
    emitter.once("error", failed);
  });
const called = (start: (callback: (error: Error | null | undefined) => void) => void): Promise<void> =>
  new Promise((done, failed) => start((error) => (error ? failed(error) : done())));

await attempt("control: reading its own folder", () => fs.readFileSync(`${asked.data}/inside`));
await attempt("control: writing its own folder", () => fs.writeFileSync(`${asked.data}/written`, "x"));

await attempt("TCP connect", () => settled(net.connect(asked.port, "127.0.0.1"), "connect"));
await attempt("TCP listen", () => settled(net.createServer().listen(0, "127.0.0.1"), "listening"));
await attempt("UDP send", () =>
  called((done) => {
    const socket = dgram.createSocket("udp4");
    socket.on("error", done);
    socket.send("x", asked.udpPort, "127.0.0.1", done);
  }),
);
await attempt("UDP bind", () => {
  const socket = dgram.createSocket("udp4");
  const bound = settled(socket, "listening");
  socket.bind(0);
  return bound;
});
await attempt("DNS lookup", () => called((done) => dns.lookup("localhost", done)));
await attempt("DNS resolver", () =>
  called((done) => {
    const resolver = new dns.Resolver();
    resolver.setServers([`127.0.0.1:${asked.udpPort}`]);
    resolver.resolve4("example.org", done);
  }),
);
await attempt("unix socket connect", () => settled(net.connect(asked.socket), "connect"));
await attempt("unix socket connect in its own folder", () => settled(net.connect(`${asked.data}/socket`), "connect"));
await attempt("unix socket listen", () => settled(net.createServer().listen(`${asked.data}/listening`), "listening"));
await attempt("fetch", () => fetch(`http://127.0.0.1:${asked.port}/`));
await attempt(
  "WebSocket",
  () =>
    new Promise((done, failed) => {
      const socket = new WebSocket(`ws://127.0.0.1:${asked.port}/`);
      socket.addEventListener("open", done);
      socket.addEventListener("error", (event) => failed((event as unknown as { error?: Error }).error ?? new Error("refused")));
    }),
);

await attempt("spawn", () => settled(child_process.spawn("/bin/true"), "exit"));
await attempt("spawnSync", () => {
  const { error } = child_process.spawnSync("/bin/true");
  if (error !== undefined) throw error;
});
await attempt("exec", () => called((done) => void child_process.exec("true", done)));
await attempt("execFileSync", () => child_process.execFileSync("/bin/true"));
await attempt("fork", () => settled(child_process.fork(`${asked.data}/inside`), "exit"));
await attempt("worker thread", () => settled(new Worker("0", { eval: true }), "exit"));
await attempt("process.execve", () =>
  (process as unknown as { execve(file: string, args: string[], env: object): void }).execve("/bin/true", ["true"], {}),
);
await attempt("inspector open", () => inspector.open(0, "127.0.0.1"));
await attempt("inspector session", () => new inspector.Session().connect());
await attempt("process._debugProcess of another process", () =>
  (process as unknown as { _debugProcess(pid: number): void })._debugProcess(asked.pid),
);
await attempt("process.dlopen", () => process.dlopen({ exports: {} } as never, asked.addon));
await attempt("require of an addon", () => module.createRequire(`${asked.root}/server/vault/main.ts`)(asked.addon));
await attempt("process.binding spawn", () => (process as unknown as { binding(name: string): unknown }).binding("spawn_sync"));
await attempt("process.binding tcp", () => (process as unknown as { binding(name: string): unknown }).binding("tcp_wrap"));
await attempt("internal modules", () => module.createRequire(`${asked.root}/server/vault/main.ts`)("internal/test/binding"));
await attempt("WASI", () => new WASI({ version: "preview1", preopens: { "/": "/" } }));
const ffi = process.getBuiltinModule("node:ffi" as never) as Record<string, (...words: unknown[]) => unknown> | undefined;
await attempt(
  "ffi of a library",
  () => ffi?.["dlopen"]?.(null, { getpid: { result: "int", parameters: [] } }) ?? Promise.reject(new Error("there is none")),
);
await attempt("ffi reading memory", () => ffi?.["getInt8"]?.(ffi["getRawPointer"]?.(Buffer.alloc(8)), 0));
await attempt("ffi memory as a buffer", () => ffi?.["toBuffer"]?.(4096n, 1));
// oxlint-disable-next-line no-eval
await attempt("eval", () => (0, eval)("1"));
// oxlint-disable-next-line no-new-func, typescript/no-implied-eval
await attempt("new Function", () => new Function("return 1")());
await attempt("vm with strings made code", () => vm.runInNewContext("eval('1')"));

for (const [name, path] of [
  ["/etc/passwd", "/etc/passwd"],
  ["/proc/self/environ", "/proc/self/environ"],
  ["/proc/self/maps", "/proc/self/maps"],
  ["the gateway's code", `${asked.root}/server/gateway/main.ts`],
  ["another folder", `${asked.outside}/secret`],
] as const) {
  await attempt(`reading ${name}`, () => fs.readFileSync(path));
}
await attempt("reading /proc/self/mem", () => fs.openSync("/proc/self/mem", "r"));
await attempt("writing /proc/self/mem", () => fs.openSync("/proc/self/mem", "r+"));
await attempt("/proc/self/fd", () => fs.readdirSync("/proc/self/fd"));
await attempt("writing outside", () => fs.writeFileSync(`${asked.outside}/new`, "x"));
await attempt("writing beside its folder", () => fs.writeFileSync(`${asked.data}-new`, "x"));
await attempt("writing its own code", () => fs.appendFileSync(`${asked.root}/server/vault/main.ts`, "x"));
await attempt("writing outside by way of ..", () => fs.writeFileSync(`${asked.data}/../new`, "x"));
await attempt("making a symbolic link", () => fs.symlinkSync(`${asked.outside}/secret`, `${asked.data}/made-link`));
await attempt("making a hard link", () => fs.linkSync(`${asked.outside}/secret`, `${asked.data}/made-hard-link`));
await attempt("renaming into its folder", () => fs.renameSync(`${asked.outside}/secret`, `${asked.data}/stolen`));
await attempt("copying into its folder", () => fs.copyFileSync(`${asked.outside}/secret`, `${asked.data}/copied`));
await attempt("opening a folder's watcher", () => fs.watch(asked.outside).close());
await attempt("reading through a symbolic link in its folder", () => fs.readFileSync(`${asked.data}/link`));
await attempt("a report", () => {
  const file = process.report.writeReport(`${asked.outside}/report.json`);
  if (!fs.existsSync(file)) throw Object.assign(new Error("no file"), { code: "NO_FILE" });
});
await attempt("a heap snapshot", () => v8.writeHeapSnapshot(`${asked.outside}/heap`));
await attempt("a compile cache", () => {
  const { status, message } = module.enableCompileCache(`${asked.outside}/cache`);
  if (status === module.constants.compileCacheStatus.FAILED) throw new Error(String(message));
});

await attempt("sqlite opening elsewhere", () => new DatabaseSync(`${asked.outside}/other.db`).exec("SELECT count(*) FROM secrets"));
await attempt("sqlite making a file elsewhere", () => new DatabaseSync(`${asked.outside}/made.db`).exec("CREATE TABLE t (x)"));
await attempt("sqlite backup elsewhere", () => backup(new DatabaseSync(":memory:"), `${asked.outside}/backup.db`));
await attempt("sqlite ATTACH elsewhere, as the store opens its database", () =>
  new DatabaseSync(`${asked.data}/own.db`, { allowExtension: false, defensive: true, limits: { attach: 0 } }).exec(
    `ATTACH '${asked.outside}/other.db' AS other; SELECT count(*) FROM other.secrets`,
  ),
);
await attempt("sqlite extension, as the store opens its database", () =>
  new DatabaseSync(`${asked.data}/own.db`, { allowExtension: false, defensive: true, limits: { attach: 0 } }).loadExtension(asked.addon),
);
await attempt("sqlite extension", () => new DatabaseSync(`${asked.data}/own.db`, { allowExtension: true }));

results["NODE_OPTIONS"] = process.env["NODE_OPTIONS"] ?? "absent";
results["uid"] = String(process.getuid?.());
process.stdout.write(`${JSON.stringify(results)}\n`, () => process.exit(0));
