/**
 * The PKCS#11 module when things go wrong around it: servers that answer nothing, or slowly, or too much; restarts; keys that
 * are rotated; threads, forks and an end in the middle of calls. The application is clients/pkcs11/probe, which checks every
 * signature by other code than the module's.
 */
import assert from "node:assert/strict";
import { spawn, spawnSync, type ChildProcess } from "node:child_process";
import { chmodSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { once } from "node:events";
import { createServer, type Socket } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { after, before, describe, test } from "node:test";
import { createSecretId } from "@keystead/contract/operations/create-secret-id";
import { createServiceAccount } from "@keystead/contract/operations/create-service-account";
import { createUser } from "@keystead/contract/operations/create-user";
import { revokeSession } from "@keystead/contract/operations/revoke-session";
import { generateKey } from "@keystead/contract/operations/generate-key";
import { listSessions } from "@keystead/contract/operations/list-sessions";
import { login } from "@keystead/contract/operations/login";
import { rotateKey } from "@keystead/contract/operations/rotate-key";
import { setPassword } from "@keystead/contract/operations/set-password";
import { algorithmNumber } from "@keystead/contract/enum-names";
import { ENVIRONMENT } from "../environment.ts";
import { builtModule, builtProbe, skipModule } from "./pkcs11-module.ts";
import { ROOT, newFolder, serve, type RunningServer } from "./running-server.ts";
import { ask, hangUp, type Door } from "./surfaces.ts";

const SOAK = process.env["KEYSTEAD_SOAK"] === "true";
const PIN = "a password of the application 1";
/** Patience of the module with a server that restarts: longer than a loaded machine takes. */
const PATIENT = { connect_timeout_ms: 120_000, timeout_ms: 120_000 };

/** A server that listens and accepts nobody: it fills its own queue, says so, and lives until its input ends. */
const FULL = `
import socket, sys
server = socket.socket(socket.AF_UNIX); server.bind(sys.argv[1]); server.listen(0)
waiting = []
while True:
    client = socket.socket(socket.AF_UNIX); client.setblocking(False)
    try: client.connect(sys.argv[1])
    except BlockingIOError: break
    waiting.append(client)
print("full", flush=True)
sys.stdin.read()
`;

interface Ended {
  readonly status: number | null;
  readonly out: string;
  readonly err: string;
}

let library = "";
let probe = "";

const variables = (config: string, more: Readonly<Record<string, string>> = {}): NodeJS.ProcessEnv => ({
  ...ENVIRONMENT,
  HSM_PKCS11_CONFIG: config,
  ...more,
});

/** Runs the application while this process may serve it. */
function run(config: string, words: readonly string[], more: Readonly<Record<string, string>> = {}): Promise<Ended> {
  const child = spawn(probe, [library, ...words], { env: variables(config, more), stdio: ["ignore", "pipe", "pipe"] });
  return new Promise((resolve, reject) => {
    const said = { out: "", err: "" };
    child.stdout.setEncoding("utf8").on("data", (text: string) => (said.out += text));
    child.stderr.setEncoding("utf8").on("data", (text: string) => (said.err += text));
    child.once("error", reject);
    child.once("close", (status, signal) => resolve({ status, out: said.out, err: `${said.err}${signal ?? ""}` }));
  });
}

/** An application that goes on: it signs once for each time that it is told to, and says how it went. */
class Signer {
  readonly #child: ChildProcess;
  readonly #lines: AsyncIterator<string>;

  constructor(config: string, more: Readonly<Record<string, string>> = {}) {
    const words = ["serve", "label=p256", "mechanism=ecdsa"];
    this.#child = spawn(probe, [library, ...words], { env: variables(config, more), stdio: ["pipe", "pipe", "inherit"] });
    this.#lines = createInterface({ input: this.#child.stdout as NodeJS.ReadableStream })[Symbol.asyncIterator]();
  }

  async line(): Promise<string> {
    const { value, done } = await this.#lines.next();
    return done === true ? "ended" : value;
  }

  begin(): Promise<string> {
    this.#child.stdin?.write("sign this\n");
    return this.line();
  }

  end(): void {
    this.#child.stdin?.end();
  }

  kill(): void {
    this.#child.kill("SIGKILL");
  }
}

before(() => {
  if (skipModule !== false) return;
  library = builtModule();
  probe = builtProbe();
});
after(hangUp);

describe("a server that is none", { skip: skipModule }, () => {
  const folder = mkdtempSync(join(tmpdir(), "keystead-pkcs11-"));
  after(() => rmSync(folder, { recursive: true }));

  for (const [what, answer] of [
    ["says nothing", () => undefined],
    [
      "sends a byte a second for hours",
      (socket: Socket) => {
        const timer = setInterval(() => socket.write("H"), 1000);
        socket.once("close", () => clearInterval(timer));
      },
    ],
    ["closes in the middle of its answer", (socket: Socket) => socket.end("HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\nhalf")],
    ["closes at once", (socket: Socket) => socket.destroy()],
    ["announces four gibibytes", (socket: Socket) => socket.write("HTTP/1.1 200 OK\r\ncontent-length: 4294967296\r\n\r\nx")],
    ["announces a length that is none", (socket: Socket) => socket.write("HTTP/1.1 200 OK\r\ncontent-length: -1\r\n\r\nx")],
    ["sends a head without an end", (socket: Socket) => socket.write(`HTTP/1.1 200 OK\r\nx: ${"y".repeat(1 << 20)}`)],
    ["answers in pieces", (socket: Socket) => socket.write("HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n5\r\nhello\r\n")],
    ["speaks something else", (socket: Socket) => socket.write("220 mail.example.com ESMTP\r\n")],
    ["answers with what is no message", (socket: Socket) => socket.write("HTTP/1.1 200 OK\r\ncontent-length: 3\r\n\r\n\xff\xff\xff")],
  ] as const)
    test(`one that ${what} is a device error in time`, async () => {
      const path = join(folder, `${what.replaceAll(" ", "-").slice(0, 20)}.sock`);
      const server = createServer((socket) => {
        socket.on("error", () => undefined);
        socket.once("data", () => answer(socket));
      });
      await new Promise<void>((resolve) => server.listen(path, resolve));
      const config = join(folder, "config.yaml");
      writeFileSync(
        config,
        JSON.stringify({ endpoint: `unix://${path}`, timeout_ms: 1500, connect_timeout_ms: 500, slots: [{ namespace: "default" }] }),
      );
      const { status, err } = await run(config, ["find", "label=any"]);
      server.close();
      assert.deepEqual([status, err.trim()], [1, "C_FindObjectsInit: 0x30"]);
    });

  test("one that accepts nobody, with a queue that is full, is a device error in time", async () => {
    const path = join(folder, "full.sock");
    const full = spawn("python3", ["-c", FULL, path], { stdio: ["pipe", "pipe", "inherit"] });
    await once(full.stdout, "data");
    const config = join(folder, "full.yaml");
    try {
      for (const times of [
        { timeout_ms: 600_000, connect_timeout_ms: 300 },
        { timeout_ms: 300, connect_timeout_ms: 600_000 },
      ]) {
        writeFileSync(config, JSON.stringify({ endpoint: `unix://${path}`, ...times, slots: [{ namespace: "default" }] }));
        const { status, err } = await run(config, ["find", "label=any"]);
        assert.deepEqual([status, err.trim()], [1, "C_FindObjectsInit: 0x30"]);
      }
    } finally {
      full.stdin.end();
    }
  });
});

describe("the module with a server that lives", { skip: skipModule }, () => {
  let folder = "";
  let server: RunningServer;
  let door: Door;
  let secretId = "";

  /** @param port of the API, when it must be the same again */
  const begin = async (port?: string): Promise<void> => {
    const config = { server: { unix_socket: join(folder, "run/api.sock") } };
    const again = ["--api-port", port ?? "", ...["--port", "--health-port", "--metrics-port"].flatMap((flag) => [flag, "0"])];
    server = await serve({ folder, config, ...(port === undefined ? {} : { ownPorts: true, args: again }) });
    const { credential } = server;
    door = { origin: server.api, ca: credential("ca.pem"), cert: credential("admin.pem"), key: credential("admin-key.pem") };
  };
  const given = async (operation: Parameters<typeof ask>[2], request: object, at: Door = door): Promise<Record<string, unknown>> => {
    const answer = await ask("gRPC", at, operation, request as never);
    assert.ok(answer.ok, `${operation.name}: ${answer.code} ${answer.detail}`);
    return answer.reply as Record<string, unknown>;
  };
  const configured = (name: string, config: object): string => {
    const path = join(folder, `${name}.yaml`);
    writeFileSync(path, JSON.stringify({ slots: [{ namespace: "default" }], ...config }));
    return path;
  };
  const byCertificate = (more: object = {}): string => {
    const file = (name: string): string => join(server.data, "credentials", name);
    const who = { ca: file("ca.pem"), cert: file("admin.pem"), key: file("admin-key.pem") };
    return configured("certificate", { endpoint: server.api, ...who, ...more });
  };
  const byCredential = (more: object = {}): string => {
    const credential = join(folder, "credential");
    writeFileSync(credential, `role_id: application\nsecret_id: ${secretId}\n`, { mode: 0o600 });
    return configured("credential", { endpoint: `unix://${folder}/run/api.sock`, credential, ...more });
  };
  const byPin = (more: object = {}): string =>
    configured("pin", { endpoint: `unix://${folder}/run/api.sock`, slots: [{ namespace: "default", user: "person" }], ...more });

  before(async () => {
    folder = newFolder();
    await begin();
    for (const [keyId, algorithm] of [
      ["p256", "ECDSA-P256"],
      ["rsa", "RSA-2048"],
    ] as const)
      await given(generateKey, { keyId, algorithm: algorithmNumber(algorithm) });
    await given(createServiceAccount, { name: "application", roles: ["Service"], namespaces: ["default"] });
    secretId = String((await given(createSecretId, { name: "application" }))["secret_id"]);
    const first = Buffer.from("the first password 1");
    await given(createUser, { name: "person", roles: ["Service"], namespaces: ["default"], password: first });
    const stranger = { origin: server.api, ca: server.credential("ca.pem") };
    const { tokens } = await given(login, { name: "person", password: first }, stranger);
    const own = { ...stranger, token: (tokens as { access_token: string }).access_token };
    await given(setPassword, { password: Buffer.from(PIN), currentPassword: first }, own);
  });
  after(async () => {
    hangUp();
    await server.stop();
    rmSync(folder, { recursive: true, force: true });
  });

  test("a service account's credential signs over the unix socket and over TLS; one that others may read is refused", async () => {
    for (const endpoint of [`unix://${folder}/run/api.sock`, server.api]) {
      const ca = join(server.data, "credentials/ca.pem");
      const config = byCredential({ endpoint, ...(endpoint.startsWith("unix") ? {} : { ca }) });
      const { status, err } = await run(config, ["sign", "label=p256", "mechanism=ecdsa", "seconds=1", "check=1"]);
      assert.equal(status, 0, err);
    }
    const config = byCredential();
    chmodSync(join(folder, "credential"), 0o604);
    assert.match((await run(config, ["sign", "label=p256", "mechanism=ecdsa"])).err, /C_Initialize: 0x6$/m);
    chmodSync(join(folder, "credential"), 0o600);
    writeFileSync(join(folder, "credential"), `role_id: application\nsecret_id: ${"a".repeat(24)}.${"b".repeat(43)}\n`);
    assert.match((await run(config, ["sign", "label=p256", "mechanism=ecdsa"])).err, /0x101$/m);
  });

  test("who has no credential sees and does nothing over the socket", async () => {
    const config = configured("nobody", { endpoint: `unix://${folder}/run/api.sock` });
    assert.match((await run(config, ["sign", "label=p256", "mechanism=ecdsa"])).err, /C_FindObjectsInit: 0x101$/m);
  });

  test("a session of the process that somebody ended is made anew; one of a PIN is not", async () => {
    const [process, person] = [new Signer(byCredential()), new Signer(byPin(), { HSM_PIN: PIN })];
    try {
      for (const signer of [process, person]) assert.deepEqual([await signer.line(), await signer.begin()], ["ready", "ok"]);
      const { sessions } = await given(listSessions, { principal: "*" });
      const all = sessions as readonly { principal: string }[];
      for (const { principal } of all) if (/person|application/.test(principal)) await given(revokeSession, { principal });
      assert.equal(await process.begin(), "ok");
      assert.match(await person.begin(), /0x101$/);
    } finally {
      process.kill();
      person.kill();
    }
  });

  test("after a rotation signatures are the new version's, and the public half under the old handle fits them", async () => {
    const signer = new Signer(byCertificate());
    try {
      assert.deepEqual([await signer.line(), await signer.begin()], ["ready", "ok"]);
      await given(rotateKey, { keyId: "p256" });
      assert.deepEqual([await signer.begin(), await signer.begin()], ["ok", "ok"]);
    } finally {
      signer.kill();
    }
  });

  test("applications go on when the vault, and when the whole server, starts again under them", async () => {
    const signers = [new Signer(byCertificate(PATIENT)), new Signer(byCredential(PATIENT)), new Signer(byPin(PATIENT), { HSM_PIN: PIN })];
    try {
      for (const signer of signers) assert.deepEqual([await signer.line(), await signer.begin()], ["ready", "ok"]);
      process.kill(server.pids()["vault"] as number, "SIGKILL");
      // What was on its way when the vault died may have been performed: the application is told so, and nothing is repeated.
      for (const answer of await Promise.all(signers.map((signer) => signer.begin()))) assert.match(answer, /^(ok|C_Sign: 0x30)$/);
      const ready = (): number => server.records().filter(({ message }) => message === "vault is ready").length;
      await server.record(({ message }) => message === "vault is ready" && ready() > 1);
      assert.deepEqual(await Promise.all(signers.map((signer) => signer.begin())), ["ok", "ok", "ok"]);
      hangUp();
      const port = server.addresses["api"]?.split(":").at(-1);
      assert.equal(await server.stop(), 0);
      // They ask while nobody is there, and are answered by the next server.
      const answers = Promise.all(signers.map((signer) => signer.begin()));
      await begin(port);
      assert.deepEqual(await answers, ["ok", "ok", "ok"]);
    } finally {
      for (const signer of signers) signer.kill();
    }
  });

  for (const [what, words] of [
    ["64 threads in 8 processes, ECDSA", ["sign", "mechanism=ecdsa", "processes=8", "threads=8", "check=1"]],
    [
      "64 threads in 8 processes of a parent that works with the module too, RSA",
      ["sign", "mechanism=rsa", "processes=8", "threads=8", "check=1", "parent=1"],
    ],
    ["threads of an application that asks for no locks", ["sign", "mechanism=ecdsa", "threads=4", "check=1", "locking=0"]],
    ["forks amid the calls of other threads", ["fork-amid", "mechanism=ecdsa", "threads=4"]],
    ["C_Finalize while others work", ["finalize-amid", "mechanism=ecdsa", "threads=8", "times=3"]],
  ] as const)
    test(`${what}: every signature is right`, async () => {
      const [verb, ...rest] = words;
      const kind = (rest as readonly string[]).includes("mechanism=rsa") ? "rsa" : "p256";
      // A loaded machine serves 64 threads slowly.
      const patient = { timeout_ms: 120_000, connect_timeout_ms: 60_000 };
      for (const config of [byCertificate(patient), byCredential(patient)]) {
        const { status, out, err } = await run(config, [verb, `label=${kind}`, `seconds=${SOAK ? 60 : 2}`, ...rest]);
        assert.equal(status, 0, `${out}${err}`);
      }
    });

  test("the doctor finds nothing wrong with a module that works, and says what is wrong with one that does not", () => {
    const doctor = (...args: readonly string[]): { status: number | null; stdout: string } =>
      spawnSync(process.execPath, [join(ROOT, "keystead.cjs"), "pkcs11", "doctor", "--library", library, "--json", ...args], {
        env: { ...ENVIRONMENT, HOME: folder },
        encoding: "utf8",
      });
    const well = doctor("--file", byCertificate(), "--label", "p256");
    assert.equal(well.status, 0, well.stdout);
    const away = doctor("--file", byCertificate({ endpoint: "https://localhost:1", connect_timeout_ms: 100, slots: [] }));
    assert.equal(away.status, 1);
    assert.match(away.stdout, /whether the server runs/);
    assert.match(away.stdout, /C_GetSlotList: 0x30/);
  });

  test("pkcs11-tool forks, and uses the module from threads", () => {
    const tool = (...args: readonly string[]): { status: number | null; stdout: string; stderr: string } =>
      spawnSync("pkcs11-tool", ["--module", library, ...args], { env: variables(byCertificate()), encoding: "utf8" });
    const forked = tool("--test-fork");
    assert.equal(forked.status, 0, forked.stderr);
    const threads = tool("-O", ...Array.from({ length: 8 }, () => ["--test-threads", "ILGISL"]).flat());
    assert.equal(threads.status, 0, threads.stderr);
    assert.doesNotMatch(`${threads.stdout}${threads.stderr}`, /CKR_(?!OK|CRYPTOKI_ALREADY_INITIALIZED)/);
  });
});
