import assert from "node:assert/strict";
import { spawn, type ChildProcess } from "node:child_process";
import { once } from "node:events";
import { createServer, connect, type Socket } from "node:net";
import { test, type TestContext } from "node:test";
import type { GatewayConfig } from "@keystead/contract/config";
import type { SignRequest } from "@keystead/contract/generated/hsm/hsm_pb";
import { AnsweringVault, socketPair } from "./testing/answering-vault.ts";
import { http1 } from "./testing/http.ts";

const ROOT = new URL("../../", import.meta.url).pathname.replace(/\/$/, "");
const CONFIG: GatewayConfig = {
  preset: "development",
  logLevel: "info",
  api: undefined,
  grpc: undefined,
  unixSocket: undefined,
  developmentGrpc: { host: "127.0.0.1", port: 0 },
  health: { host: "127.0.0.1", port: 0 },
  developmentRest: true,
  metrics: undefined,
  tls: undefined,
  telemetry: undefined,
  limits: { maxConnections: 50, requestTimeoutSeconds: 10, bodyBytes: 65_536, maxInFlight: 50 },
};
const FLAGS = [
  "--permission",
  "--no-addons",
  "--disallow-code-generation-from-strings",
  "--disable-proto=throw",
  "--disable-sigusr1",
  "--disable-warning=ExperimentalWarning",
  "--allow-net",
  ...["node_modules/*", "lib/*", "server/gateway/*", "package.json"].map((path) => `--allow-fs-read=${ROOT}/${path}`),
];

interface Running {
  readonly child: ChildProcess;
  readonly addresses: Readonly<Record<string, string>>;
  readonly output: () => string;
}

/** The process as the launcher starts it, under its walls. */
async function start(context: TestContext, vault: AnsweringVault): Promise<Running> {
  const child = spawn(process.execPath, [...FLAGS, `${ROOT}/server/gateway/main.ts`], {
    stdio: ["ignore", "pipe", "pipe", "pipe", "ipc"],
    env: {},
  });
  context.after(() => child.kill("SIGKILL"));
  let output = "";
  child.stdout?.on("data", (chunk: Buffer) => {
    output += chunk.toString();
  });
  child.stderr?.on("data", (chunk: Buffer) => {
    output += chunk.toString();
  });
  vault.attach(child.stdio[3] as Socket, true);
  child.send({ kind: "start", config: CONFIG, speaksFirst: false });
  const [message] = (await once(child, "message")) as [{ kind: string; addresses: Record<string, string> }];
  assert.equal(message.kind, "ready", output);
  return { child, addresses: message.addresses, output: () => output };
}

const sign = (address: string): ReturnType<typeof http1> =>
  http1(address, "/api/v1/keys/k/sign", { method: "POST", headers: { "content-type": "application/json" }, body: "{}" });

test("the process serves under its walls, and drain ends it without losing a request", async (context) => {
  let release: (() => void) | undefined;
  const vault = new AnsweringVault({
    Sign: async ({ keyId }: SignRequest) => {
      await new Promise<void>((resolve) => {
        release = resolve;
      });
      return { keyId };
    },
  } as never);
  const { child, addresses, output } = await start(context, vault);
  const asked = sign(addresses["health"] as string);
  while (release === undefined) await new Promise<void>((resolve) => setImmediate(resolve));
  child.send({ kind: "drain" });
  const exited = once(child, "exit");
  release();
  assert.equal((await asked).status, 200);
  assert.deepEqual(await exited, [0, null]);
  for (const line of output().trim().split("\n")) assert.equal((JSON.parse(line) as { part: string }).part, "gateway");
});

test("SIGTERM drains, SIGINT is left to the launcher", async (context) => {
  const vault = new AnsweringVault({ GetStatus: () => ({ phase: "open" }) });
  const { child, addresses } = await start(context, vault);
  child.kill("SIGINT");
  assert.equal((await http1(addresses["health"] as string, "/api/v1/status")).status, 200);
  const exited = once(child, "exit");
  child.kill("SIGTERM");
  assert.deepEqual(await exited, [0, null]);
});

test("when the launcher goes away the process ends", async (context) => {
  const { child } = await start(context, new AnsweringVault({}));
  const exited = once(child, "exit");
  child.disconnect();
  assert.deepEqual(await exited, [0, null]);
});

test("a new vault is joined over a passed pipe; a passed TCP socket is destroyed", async (context) => {
  const { child, addresses } = await start(context, new AnsweringVault({ GetStatus: () => ({ phase: "old" }) }));
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const accepted = once(server, "connection");
  const tcp = connect((server.address() as { port: number }).port, "127.0.0.1");
  await once(tcp, "connect");
  const [other] = (await accepted) as [Socket];
  other.resume();
  const closed = once(other, "close");
  child.send({ kind: "join" }, tcp);
  await closed;
  server.close();
  assert.equal((await http1(addresses["health"] as string, "/api/v1/status")).json()["phase"], "old");
  const [near, far] = await socketPair();
  new AnsweringVault({ GetStatus: () => ({ phase: "new" }) }).attach(far, false);
  child.send({ kind: "join" }, near);
  while ((await http1(addresses["health"] as string, "/api/v1/status")).json()["phase"] !== "new")
    await new Promise<void>((resolve) => setImmediate(resolve));
});
