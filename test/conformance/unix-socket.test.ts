/** `server.unix_socket`: the whole API without TLS for programs of this machine, in a folder that says which. */
import assert from "node:assert/strict";
import { chmodSync, existsSync, mkdirSync, rmSync, statSync, writeFileSync } from "node:fs";
import { spawnSync } from "node:child_process";
import { request } from "node:http";
import { connect } from "node:http2";
import { createConnection } from "node:net";
import { dirname, join } from "node:path";
import { test, type TestContext } from "node:test";
import { createKeystead } from "@keystead/client/client";
import { ENVIRONMENT } from "../environment.ts";
import { ROOT, newFolder, serve, serveInVain, type RunningServer } from "./running-server.ts";
import { mint } from "./tokens.ts";

interface Answered {
  readonly status: number;
  readonly text: string;
}

const get = (socketPath: string, path: string, headers: Record<string, string> = {}): Promise<Answered> =>
  new Promise((resolve, reject) => {
    const sent = request({ socketPath, path, headers, agent: false }, (response) => {
      let text = "";
      response.setEncoding("utf8").on("data", (chunk: string) => (text += chunk));
      response.on("end", () => resolve({ status: response.statusCode ?? 0, text }));
    });
    sent.once("error", reject);
    sent.end();
  });

async function serving(context: TestContext): Promise<{ server: RunningServer; socket: string }> {
  const folder = newFolder();
  context.after(() => rmSync(folder, { recursive: true, force: true }));
  const socket = join(folder, "run/api.sock");
  const server = await serve({ folder, config: { server: { unix_socket: socket } } });
  context.after(async () => {
    await server.stop();
    assert.ok(!existsSync(socket), "the socket is still there");
  });
  return { server, socket };
}

test("the socket carries the API for whoever has a credential, over HTTP/1.1 and HTTP/2, and nothing for who has none", async (context) => {
  const { server, socket } = await serving(context);
  assert.equal(server.addresses["unix"], socket);
  assert.equal(statSync(dirname(socket)).mode & 0o777, 0o750);
  const token = await mint(server.credential("token-key.pem"), { roles: ["Administrator"] });
  const authorization = `Bearer ${token}`;
  assert.equal((await get(socket, "/api/v1/keys", { authorization })).status, 200);
  // Development's plain ports take anybody of this machine for the administrator; the socket does not.
  assert.equal((await get(socket, "/api/v1/keys")).status, 401);
  assert.equal((await get(socket, "/api/v1/keys", { authorization: "Bearer nonsense" })).status, 401);
  const session = connect("http://localhost", { createConnection: () => createConnection(socket) });
  context.after(() => session.destroy());
  const status = await new Promise((resolve, reject) => {
    const stream = session.request({ ":path": "/api/v1/keys", authorization });
    stream.once("response", (headers) => resolve(headers[":status"]));
    stream.once("error", reject);
    stream.resume().end();
  });
  assert.equal(status, 200);
});

test("the TypeScript client and the CLI speak over the socket", async (context) => {
  const { server, socket } = await serving(context);
  const token = await mint(server.credential("token-key.pem"), { roles: ["Administrator"] });
  const endpoint = `unix://${socket}`;
  const keystead = createKeystead({ endpoint, token });
  assert.equal((await keystead.whoAmI()).roles?.includes("Administrator"), true);
  keystead.close();
  const { status, stdout, stderr } = spawnSync(process.execPath, [join(ROOT, "keystead.cjs"), "whoami", "--json"], {
    env: { ...ENVIRONMENT, KEYSTEAD_ENDPOINT: endpoint, KEYSTEAD_TOKEN: token, HOME: server.folder },
    encoding: "utf8",
  });
  assert.equal(status, 0, stderr);
  assert.match(stdout, /Administrator/);
});

test("peers of the socket count as the loopback address where a namespace admits addresses", async (context) => {
  const folder = newFolder();
  context.after(() => rmSync(folder, { recursive: true, force: true }));
  const socket = join(folder, "run/api.sock");
  const namespaces = {
    here: { access_control: { allowed_ips: ["127.0.0.0/8"] } },
    away: { access_control: { allowed_ips: ["192.0.2.0/24"] } },
  };
  const server = await serve({ folder, config: { server: { unix_socket: socket }, namespaces } });
  context.after(() => server.stop());
  const authorization = `Bearer ${await mint(server.credential("token-key.pem"), { roles: ["Administrator"] })}`;
  assert.equal((await get(socket, "/api/v1/namespaces/here/keys", { authorization })).status, 200);
  assert.equal((await get(socket, "/api/v1/namespaces/away/keys", { authorization })).status, 403);
});

test("a gateway that was killed leaves a socket, and the next one listens on it", async (context) => {
  const { server, socket } = await serving(context);
  const said = (message: string): number => server.records().filter((record) => record.message === message).length;
  const before = said("gateway is ready");
  process.kill(server.pids()["gateway"] as number, "SIGKILL");
  await server.record((record) => record.message === "gateway is ready" && said("gateway is ready") > before);
  assert.equal((await get(socket, "/health/live")).status, 200);
});

for (const [what, words, prepare] of [
  [
    "a folder that others may enter",
    /server\.unix_socket: .* has mode 0755; others may enter it/,
    (path: string) => chmodSync(path, 0o755),
  ],
  ["a folder that its group may write to", /server\.unix_socket: .* has mode 0770/, (path: string) => chmodSync(path, 0o770)],
  [
    "a file in its place",
    /server\.unix_socket: .*api\.sock is there and is no socket/,
    (path: string) => writeFileSync(join(path, "api.sock"), ""),
  ],
] as const)
  test(`${what} ends the start with the reason`, async (context) => {
    const folder = newFolder();
    context.after(() => rmSync(folder, { recursive: true, force: true }));
    const path = join(folder, "run");
    mkdirSync(path, { mode: 0o750 });
    chmodSync(path, 0o750);
    prepare(path);
    const { status, said } = await serveInVain({ folder, config: { server: { unix_socket: join(path, "api.sock") } } });
    assert.equal(status, 78);
    assert.match(said, words);
  });

test("a path that is longer than the system takes is a mistake of the configuration", async (context) => {
  const folder = newFolder();
  context.after(() => rmSync(folder, { recursive: true, force: true }));
  const { status, said } = await serveInVain({ folder, config: { server: { unix_socket: join(folder, "x".repeat(110)) } } });
  assert.equal(status, 2);
  assert.match(said, /server\.unix_socket: its path has \d+ bytes/);
});
