/**
 * The launcher, `keystead`: starts the parts, joins their descriptors, starts them again, and ends them in order.
 *
 * It holds no secret, listens on nothing and parses nothing but setup's one JSON document. It imports Node alone.
 *
 *      setup (once) ─► effective configuration
 *      vault ◄─ fd 3 ─► gateway          joined by passing one end of a pipe this process made
 *      vault ◄─ pipe ─► side parts       such as connectors, when the configuration needs them (side-part.ts)
 *
 * @see ARCHITECTURE.md "Joining"
 */
import { spawn, type ChildProcess } from "node:child_process";
import { mkdirSync, openSync } from "node:fs";
import { availableParallelism } from "node:os";
import { basename, dirname, join, resolve } from "node:path";
import type { Socket } from "node:net";
import type { Readable } from "node:stream";
import { LogWriter, type LoggingConfig } from "./log-writer.ts";
import { FIRST_PASSED, confined, pipeOf, startPart, type PartOptions } from "./part.ts";
import { SidePart } from "./side-part.ts";
import { USERS, giveFile, giveFolder, letThrough, readableByOthers, showFile, socketFolder } from "./users.ts";
import { SETUP_FLAGS, connectorFlags, gatewayFlags, scriptsFlags, vaultFlags } from "./walls.ts";

/** What this process reads of the effective configuration; the rest is passed on unread. */
interface Effective {
  readonly gateway: {
    readonly tls?: { readonly certPath: string; readonly keyPath: string; readonly caPath: string };
    readonly telemetry?: { readonly caPath?: string };
    readonly unixSocket?: string;
  };
  readonly vault: {
    readonly preset: string;
    readonly dataDir: string;
    readonly storage: { readonly backend: string; readonly sqlitePath: string };
    readonly audit: { readonly path: string; readonly archivePath?: string };
    readonly unseal: { readonly masterKey?: string; readonly hmacKey?: string; readonly passphrase?: string };
    readonly hardwareRandomPath?: string;
    readonly scripts: { readonly enabled: boolean };
    readonly auth: {
      readonly caPath?: string;
      readonly keySets: readonly { readonly path?: string }[];
      readonly revocation: { readonly crlPaths: readonly string[] };
    };
  };
  readonly connectors: readonly { readonly name: string; readonly caPath?: string; readonly filesDir?: string }[];
  readonly logging: Omit<LoggingConfig, "version">;
  readonly notices: readonly string[];
  /** The product's, for records of this process's own. */
  readonly version: string;
  /** The configuration as the vault keeps it. */
  readonly recorded: string;
}

const ROOT = resolve(import.meta.dirname, "../..");
const DRAIN_GATEWAY_MS = 8_000;
const DRAIN_VAULT_MS = 1_500;
const BACKOFF_FIRST_MS = 100;
const BACKOFF_LAST_MS = 10_000;
/** A part that lived this long begins its back-off anew. */
const HEALTHY_MS = 30_000;
/** Exit status of a vault that will not work however often it is started: configuration, lock, links. */
const EXIT_CONFIG = 78;

process.title = "keystead";

const config = await readConfiguration();
if (config !== undefined) run(config);

/** Runs setup and takes its document; on a mistake setup has said what is wrong and this process ends like it. */
async function readConfiguration(): Promise<Effective | undefined> {
  const child = spawn(...confined(process.execPath, [...SETUP_FLAGS, join(ROOT, "server/setup/main.ts"), ...process.argv.slice(2)]), {
    stdio: ["ignore", "inherit", "inherit", "pipe"],
  });
  const chunks: Buffer[] = [];
  (child.stdio[3] as Readable).on("data", (chunk: Buffer) => chunks.push(chunk));
  const code = await new Promise<number>((done) => child.once("close", (status) => done(status ?? 70)));
  if (code !== 0) {
    process.exitCode = code;
    return undefined;
  }
  return JSON.parse(Buffer.concat(chunks).toString("utf8")) as Effective;
}

/** The configured hardware random source, open for reading. A source that was asked for and is not there ends the start. */
function openHardware(path: string | undefined): number | undefined {
  if (path === undefined) return undefined;
  try {
    return openSync(path, "r");
  } catch (error) {
    process.stderr.write(`keystead: crypto.hardware_random: ${(error as Error).message}\n`);
    process.exit(EXIT_CONFIG);
  }
}

function run({
  gateway: gatewayConfig,
  vault: vaultConfig,
  connectors: connectorConfigs,
  logging,
  version,
  notices,
  recorded,
}: Effective): void {
  const log = new LogWriter({ ...logging, version });
  const say = (level: string, message: string, fields: Record<string, string | number> = {}): void =>
    log.say("launcher", level, message, fields);
  const ownUsers =
    process.getuid?.() === 0 &&
    [process.execPath, join(ROOT, "package.json"), join(ROOT, "lib"), join(ROOT, "node_modules")].every(readableByOthers);
  if (process.getuid?.() === 0 && !ownUsers)
    say("warn", "other users cannot read this installation, so every part runs as root; only Node's permission model separates them");
  const tlsFiles = gatewayConfig.tls === undefined ? [] : [gatewayConfig.tls.certPath, gatewayConfig.tls.keyPath, gatewayConfig.tls.caPath];
  const collectorCa = gatewayConfig.telemetry?.caPath;
  const secrets = [vaultConfig.unseal.masterKey, vaultConfig.unseal.hmacKey, vaultConfig.unseal.passphrase].filter(
    (reference) => reference !== undefined,
  );
  const named = (kind: string): string[] =>
    secrets.filter((reference) => reference.startsWith(`${kind}:`)).map((reference) => reference.slice(kind.length + 1));
  const vaultFiles = [
    ...vaultConfig.auth.keySets.flatMap(({ path }) => path ?? []),
    ...(vaultConfig.auth.caPath === undefined ? [] : [vaultConfig.auth.caPath]),
    ...vaultConfig.auth.revocation.crlPaths,
    ...named("file"),
  ];
  const inMemory = vaultConfig.storage.backend === "memory";
  // Parents first: Node refuses a folder that is granted after one inside it.
  const folders = inMemory
    ? []
    : [
        ...new Set([
          vaultConfig.dataDir,
          dirname(vaultConfig.audit.path),
          ...(vaultConfig.audit.archivePath === undefined ? [] : [vaultConfig.audit.archivePath]),
          ...(vaultConfig.storage.backend === "sqlite" ? [dirname(vaultConfig.storage.sqlitePath)] : []),
        ]),
      ].sort();
  const descriptors = [...new Set(named("fd").map(Number))];
  // Only root may read such a device, and the vault opens nothing outside its folders: it gets a descriptor.
  const hardwareRandom = openHardware(vaultConfig.hardwareRandomPath);

  let vault: ChildProcess | undefined;
  let gateway: ChildProcess | undefined;
  const vaultOptions: PartOptions = {
    name: "vault",
    node: process.execPath,
    main: join(ROOT, "server/vault/main.ts"),
    flags: vaultFlags(ROOT, folders, vaultFiles),
    env: { UV_THREADPOOL_SIZE: String(availableParallelism() + 2) },
    user: ownUsers ? USERS.vault : undefined,
    descriptors: hardwareRandom === undefined ? descriptors : [...descriptors, hardwareRandom],
    onLine: (line) => log.write(line),
    onStray(line) {
      // OpenSSL says so on standard error, before any code of ours runs.
      if (line.includes("Unable to memory map openssl secure heap")) vault?.send({ kind: "memory-not-locked" });
      else log.say("vault", "error", line);
    },
  };
  const gatewayOptions: PartOptions = {
    name: "gateway",
    node: process.execPath,
    main: join(ROOT, "server/gateway/main.ts"),
    flags: gatewayFlags(ROOT, collectorCa === undefined ? tlsFiles : [...tlsFiles, collectorCa], gatewayConfig.unixSocket),
    env: {},
    user: ownUsers ? USERS.gateway : undefined,
    descriptors: [],
    onLine: (line) => log.write(line),
    onStray: (line) => log.say("gateway", "error", line),
  };
  if (ownUsers) {
    const prefixes = [
      basename(vaultConfig.storage.sqlitePath),
      "vault.json",
      "retention-ledger",
      "vault.lock",
      "folder-sync.db",
      "sink-standing.",
      basename(vaultConfig.audit.path),
      basename(logging.filePath),
    ];
    try {
      for (const folder of folders) giveFolder(folder, USERS.vault, (name) => prefixes.some((prefix) => name.startsWith(prefix)));
    } catch (error) {
      process.stderr.write(`keystead: ${(error as Error).message}\n`);
      process.exit(EXIT_CONFIG);
    }
    for (const file of named("file")) giveFile(file, USERS.vault);
    // A vault that keeps nothing has no data folder of its own, and still its certificates may lie in one.
    letThrough(vaultConfig.dataDir);
    for (const file of [...tlsFiles, ...vaultFiles]) letThrough(dirname(file));
    for (const file of [...vaultFiles.filter((path) => !named("file").includes(path)), ...tlsFiles]) showFile(file);
    if (collectorCa !== undefined) showFile(collectorCa);
    for (const { caPath } of connectorConfigs) if (caPath !== undefined) showFile(caPath);
    if (gatewayConfig.tls !== undefined) giveFile(gatewayConfig.tls.keyPath, USERS.gateway);
  }

  try {
    if (gatewayConfig.unixSocket !== undefined) socketFolder(gatewayConfig.unixSocket, ownUsers ? USERS.gateway : undefined);
  } catch (error) {
    process.stderr.write(`keystead: server.unix_socket: ${(error as Error).message}\n`);
    process.exit(EXIT_CONFIG);
  }
  for (const { filesDir } of connectorConfigs) {
    if (filesDir === undefined) continue;
    try {
      // What a stranger keeps there is not taken; what the connector made is its own.
      if (ownUsers) giveFolder(filesDir, USERS.connector, () => false);
      else mkdirSync(filesDir, { recursive: true, mode: 0o750 });
    } catch (error) {
      process.stderr.write(`keystead: sinks.files_dir: ${(error as Error).message}\n`);
      process.exit(EXIT_CONFIG);
    }
  }

  let stopping = false;
  let announced = false;
  const ready = new Set<string>();
  const failures = { vault: 0, gateway: 0 };

  /** A part that works for the vault alone; it ends with it. */
  const sidePart = (
    name: string,
    part: "connector" | "scripts",
    { flags, config: told }: { readonly flags: readonly string[]; readonly config?: object },
  ): SidePart =>
    new SidePart({
      options: {
        name,
        node: process.execPath,
        main: join(ROOT, `server/${part}/main.ts`),
        flags,
        // A name that nobody resolves holds one of them for as long as the resolver is patient, and files wait for them too.
        env: part === "connector" ? { UV_THREADPOOL_SIZE: "64" } : {},
        user: ownUsers ? USERS[part] : undefined,
        descriptors: [],
        onLine: (line) => log.write(line),
        onStray: (line) => log.say(name, "error", line),
      },
      ...(told === undefined ? {} : { config: told }),
      join: (pipe) => {
        if (vault?.connected === true) vault.send({ kind: "join", part: name }, pipe);
        else pipe.destroy();
      },
      say,
    });
  // Runs from when the vault first has a script to ask.
  const scripts = vaultConfig.scripts.enabled ? sidePart("scripts", "scripts", { flags: scriptsFlags(ROOT) }) : undefined;
  const connectors = connectorConfigs.map((one) => ({
    name: one.name,
    part: sidePart(`connector ${one.name}`, "connector", {
      flags: connectorFlags(ROOT, one.caPath === undefined ? [] : [one.caPath], one.filesDir),
      config: one,
    }),
  }));
  // Runs from when the vault first has an event to deliver; others from when the vault listens.
  const deliver = connectors.find(({ name }) => name === "deliver")?.part;
  const sideParts = [...connectors.map(({ part }) => part), ...(scripts === undefined ? [] : [scripts])];

  const start = (name: "vault" | "gateway", pipe: Socket | undefined, extraEnv: Readonly<Record<string, string>> = {}): ChildProcess => {
    const options = name === "vault" ? vaultOptions : gatewayOptions;
    const child = startPart({ ...options, env: { ...options.env, ...extraEnv } }, pipe);
    const startedAt = Date.now();
    child.on("error", (error) => say("error", `${name} cannot be started`, { detail: error.message }));
    child.on("message", (message: { kind: string; addresses?: object; phase?: string }) => {
      if (name === "vault" && !stopping && message.kind === "want-scripts") scripts?.want();
      if (name === "vault" && !stopping && message.kind === "end-scripts") scripts?.again();
      if (name === "vault" && !stopping && message.kind === "want-deliver") deliver?.want();
      if (name === "vault" && !stopping && message.kind === "end-deliver") deliver?.again();
      if (message.kind === "peer-ended" && name === "vault" && !stopping) gateway?.kill("SIGKILL");
      if (message.kind !== "ready") return;
      ready.add(name);
      if (name === "vault" && !stopping) for (const { part } of connectors) if (part !== deliver) part.want();
      say("info", `${name} is ready`, {
        ...(message.phase === undefined ? {} : { phase: message.phase }),
        ...(message.addresses === undefined ? {} : { addresses: JSON.stringify(message.addresses) }),
      });
      if (announced || ready.size < 2) return;
      announced = true;
      for (const notice of notices) process.stderr.write(`${notice}\n`);
    });
    child.once("exit", (code, signal) => {
      ready.delete(name);
      if (name === "vault") {
        vault = undefined;
        for (const part of sideParts) part.release();
      } else gateway = undefined;
      if (stopping) return;
      if (name === "vault" && code === EXIT_CONFIG) return void stop(EXIT_CONFIG);
      failures[name] = Date.now() - startedAt > HEALTHY_MS ? 1 : failures[name] + 1;
      const delayMs = Math.min(BACKOFF_LAST_MS, BACKOFF_FIRST_MS * 2 ** (failures[name] - 1));
      say("error", `${name} ended; it is started again`, { code: code ?? 0, signal: signal ?? "", delayMs });
      setTimeout(() => {
        if (!stopping) restart(name);
      }, delayMs);
    });
    return child;
  };

  // Secrets of the environment go to the first vault and to nobody after it: one that is started again stays sealed.
  let secretEnv = Object.fromEntries(named("env").map((name) => [name, process.env[name] ?? ""]));
  for (const name of named("env")) delete process.env[name];

  const startVault = (speaksFirst: boolean): void => {
    vault = start("vault", undefined, secretEnv);
    secretEnv = {};
    vault.send({
      kind: "start",
      config: vaultConfig,
      recorded,
      speaksFirst,
      ownUsers,
      descriptors: Object.fromEntries(descriptors.map((fd, index) => [String(fd), FIRST_PASSED + index])),
      ...(hardwareRandom === undefined ? {} : { hardwareRandom: FIRST_PASSED + descriptors.length }),
    });
  };
  const startGateway = (pipe: Socket | undefined, speaksFirst: boolean): void => {
    gateway = start("gateway", pipe);
    gateway.send({ kind: "start", config: gatewayConfig, speaksFirst });
  };
  /** The side that runs is handed the new side's pipe and speaks first. When neither runs, both start afresh. */
  const restart = (name: "vault" | "gateway"): void => {
    if (name === "vault") {
      startVault(false);
      if (gateway === undefined) return;
      gateway.send({ kind: "join" }, pipeOf(vault as ChildProcess));
      return;
    }
    if (vault === undefined)
      return void setTimeout(() => {
        if (!stopping && gateway === undefined) restart("gateway");
      }, BACKOFF_FIRST_MS);
    startGateway(undefined, false);
    vault.send({ kind: "join" }, pipeOf(gateway as unknown as ChildProcess));
  };

  const ended = (child: ChildProcess | undefined, limitMs: number): Promise<void> =>
    new Promise((done) => {
      if (child === undefined || child.exitCode !== null || child.signalCode !== null) return done();
      const timer = setTimeout(() => {
        say("warn", "a part did not end in time and is killed");
        child.kill("SIGKILL");
      }, limitMs);
      child.once("exit", () => {
        clearTimeout(timer);
        done();
      });
      if (child.connected) child.send({ kind: "drain" });
      else child.kill("SIGTERM");
    });
  const stop = async (code: number): Promise<void> => {
    if (stopping) return;
    stopping = true;
    await ended(gateway, DRAIN_GATEWAY_MS);
    await ended(vault, DRAIN_VAULT_MS);
    for (const part of sideParts) part.release();
    say("info", "stopped");
    await log.flush();
    process.exit(code);
  };
  process.on("SIGTERM", () => void stop(0));
  process.on("SIGINT", () => void stop(0));
  process.on("SIGHUP", () => void stop(0));

  startVault(false);
  startGateway(pipeOf(vault as unknown as ChildProcess), true);
}
