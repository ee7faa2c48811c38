import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { chmodSync, mkdirSync, readFileSync, renameSync, writeFileSync } from "node:fs";
import { Agent, request } from "node:https";
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
