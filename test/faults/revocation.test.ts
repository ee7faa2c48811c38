import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { chmodSync, mkdirSync, readFileSync, renameSync, writeFileSync } from "node:fs";
import { once } from "node:events";
import { createServer } from "node:http";
import { Agent, request } from "node:https";
import type { AddressInfo } from "node:net";
import { join } from "node:path";
import { test } from "node:test";
import { opensslAuthority, type Issued } from "../../server/vault/authenticate/testing/openssl-authority.ts";
import { newFolder, startServer, until } from "../server.ts";

const ca = opensslAuthority("/CN=Operators");
const alice = ca.issue();
const bob = ca.issue({ subject: "/CN=bob" });

/** Status of a request with this certificate, over a connection of its own. */
const statusOf = (port: string, { certPath, keyPath }: Issued): Promise<number> =>
  new Promise((done, failed) => {
    const agent = new Agent({ cert: readFileSync(certPath), key: readFileSync(keyPath), rejectUnauthorized: false });
    const asked = request(`https://localhost:${port}/api/v1/keys`, { agent }, (reply) => {
      reply.resume().once("end", () => {
        agent.destroy();
        done(reply.statusCode ?? 0);
      });
    });
    asked.once("error", failed).end();
  });

test("a certificate that openssl ca takes back is refused by the running server once its list is there, and others are not", async (t) => {
  const folder = newFolder();
  const data = join(folder, "data");
  mkdirSync(data);
  const list = join(folder, "ca.crl");
  const authorities = join(folder, "ca.pem");
  const replace = (path: string, bytes: Buffer | string): void => {
    writeFileSync(`${path}.new`, bytes);
    chmodSync(`${path}.new`, 0o644);
    renameSync(`${path}.new`, path);
  };
  replace(list, ca.list());
  replace(authorities, opensslAuthority("/CN=Former").pem);
  const bindings = ["alice", "bob"].map((name) => `{common_name: ${name}, principal: ${name}, roles: [Administrator], namespaces: ["*"]}`);
  const server = await startServer({
    dataDir: data,
    flags: [
      "server.tls_ca_cert_path=" + authorities,
      `auth.certificates=[${bindings.join(", ")}]`,
      `auth.revocation.crl_paths=[${list}]`,
      "auth.revocation.reload_seconds=100ms",
      "server.tls_reload_seconds=100ms",
    ].flatMap((set) => ["--set", set]),
  });
  t.after(() => server.kill("all"));
  const port = (server.addresses["api"] as string).split(":").at(-1) as string;
  // The authority arrives while the server runs: in the gateway, in the vault, and for the list that nobody could verify before.
  replace(authorities, ca.pem);
  await until("both are let in", async () => {
    const statuses = await Promise.all([alice, bob].map((who) => statusOf(port, who).catch(() => 0)));
    return statuses.every((status) => status === 200);
  });
  ca.revoke(alice);
  replace(list, ca.list());
  await until("alice is shut out", async () => (await statusOf(port, alice)) === 401);
  assert.equal(await statusOf(port, bob), 200);
  assert.match(execFileSync("openssl", ["crl", "-in", list, "-inform", "DER", "-noout", "-text"], { encoding: "utf8" }), /Key Compromise/);
  assert.equal(await server.stop(), 0);
});

test("lists and answers that the connector fetches decide as files do; without them nobody is let in", async (t) => {
  const authority = opensslAuthority("/CN=Elsewhere");
  const [carol, dave] = [authority.issue({ subject: "/CN=carol" }), authority.issue({ subject: "/CN=dave" })];
  let list: Buffer | undefined;
  let answers = true;
  const web = createServer(async (asked, reply) => {
    const question = Buffer.concat(await asked.toArray());
    if (asked.method === "GET") return void (list === undefined ? reply.writeHead(404).end() : reply.end(list));
    if (!answers) return void reply.destroy();
    reply.end(authority.respond(question, undefined, "-ndays", "1"));
  }).listen(0, "127.0.0.1");
  await once(web, "listening");
  const origin = `http://127.0.0.1:${(web.address() as AddressInfo).port}`;
  t.after(() => {
    web.closeAllConnections();
    web.close();
  });
  const bindings = ["carol", "dave"].map((name) => `{common_name: ${name}, principal: ${name}, roles: [Administrator], namespaces: ["*"]}`);
  const start = (...sets: readonly string[]): ReturnType<typeof startServer> => {
    const data = join(newFolder(), "data");
    mkdirSync(data);
    const common = [`server.tls_ca_cert_path=${authority.certPath}`, `auth.certificates=[${bindings.join(", ")}]`];
    const all = [...common, "connector.allowed_addresses=[127.0.0.1]", ...sets];
    return startServer({ dataDir: data, flags: all.flatMap((set) => ["--set", set]) });
  };
  chmodSync(authority.folder, 0o755);
  const byList = await start(`auth.revocation.crl_urls=["${origin}/ca.crl"]`, "auth.revocation.reload_seconds=100ms");
  t.after(() => byList.kill("all"));
  const listPort = (byList.addresses["api"] as string).split(":").at(-1) as string;
  assert.equal(await statusOf(listPort, carol), 401, "let in without a list");
  list = authority.list();
  await until("carol is let in", async () => (await statusOf(listPort, carol)) === 200);
  authority.revoke(carol);
  list = authority.list();
  await until("carol is shut out", async () => (await statusOf(listPort, carol)) === 401);
  assert.equal(await statusOf(listPort, dave), 200);
  assert.equal(await byList.stop(), 0);

  const byAnswer = await start(`auth.revocation.ocsp_url=${origin}/ocsp`);
  t.after(() => byAnswer.kill("all"));
  const port = (byAnswer.addresses["api"] as string).split(":").at(-1) as string;
  await until("dave is let in", async () => (await statusOf(port, dave)) === 200);
  assert.equal(await statusOf(port, carol), 401);
  answers = false;
  assert.equal(await statusOf(port, dave), 200, "an answer that still counts was dropped");
  assert.equal(await byAnswer.stop(), 0);
});
