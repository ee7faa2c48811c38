/**
 * The history of the configuration on a real server: a start with a changed one, its refusals, and the command line that
 * shows, compares and accepts it.
 */
import assert from "node:assert/strict";
import { readFileSync, rmSync } from "node:fs";
import { join } from "node:path";
import { after, test } from "node:test";
import { createKeystead } from "@keystead/client/client";
import { runIn } from "../../clients/cli/recording-shell.ts";
import { newFolder, serve, type RunningServer } from "./running-server.ts";
import { hangUp, http, overRest, type Answer, type Door } from "./surfaces.ts";

const folder = newFolder();
after(() => rmSync(folder, { recursive: true, force: true }));
const configOf = (more: object): object => ({ security: { require_accepted_config: true }, ...more });

const doorOf = (server: RunningServer): Door => ({
  origin: server.api,
  ca: server.credential("ca.pem"),
  cert: server.credential("admin.pem"),
  key: server.credential("admin-key.pem"),
});
const signed = (server: RunningServer): Promise<Answer> =>
  overRest(doorOf(server), "POST", "/api/v1/keys/k/sign", JSON.stringify({ data: "aGVsbG8=" }));
const readiness = async (server: RunningServer): Promise<number> =>
  (await http({ origin: `http://${server.addresses["health"]}` }, "GET", "/health/ready")).status;

/** A command line, in this process, by the administrator's certificate. */
async function keystead(server: RunningServer, ...args: string[]): Promise<{ exit: number; out: string; err: string }> {
  const { ca, cert, key } = doorOf(server) as { ca: string; cert: string; key: string };
  const client = createKeystead({ endpoint: server.api, ca, cert, key });
  const { exit, out, err } = await runIn({ client, cwd: folder }, ...args);
  return { exit, out: out.toString("utf8"), err };
}

/** Starts the server on the same data, does something with it, and ends it. */
async function during(config: object, does: (server: RunningServer) => Promise<void>): Promise<void> {
  const server = await serve({ folder, config: configOf(config) });
  try {
    await does(server);
  } finally {
    hangUp();
    assert.equal(await server.stop(), 0);
  }
}

test("a start with a changed configuration is in maintenance until it is accepted, and open ever after", async () => {
  await during({}, async (server) => {
    const made = await overRest(doorOf(server), "POST", "/api/v1/keys", JSON.stringify({ key_id: "k", algorithm: "Ed25519" }));
    assert.equal(made.status, 201);
    assert.match((await keystead(server, "config", "history")).out, /ceremony:configuration/);
  });
  await during({}, async (server) => assert.ok((await signed(server)).ok));

  const changed = { crypto: { rsa_pkcs1_decryption: true }, namespaces: { fresh: { description: "made once accepted" } } };
  await during(changed, async (server) => {
    const refused = await signed(server);
    assert.deepEqual([refused.status, refused.code], [503, "VAULT_SEALED"]);
    assert.equal(await readiness(server), 503);
    const status = await overRest(doorOf(server), "GET", "/api/v1/status");
    assert.equal(status.reply["phase"], "maintenance");
    assert.match(String(status.reply["maintenance"]), /keystead config accept 2/);
    assert.match((await keystead(server, "config", "history")).out, /nobody/);
    const diff = await keystead(server, "config", "diff");
    assert.match(diff.out, /^vault\.rsaPkcs1Decryption\n {2}- false\n {2}\+ true$/m);
    assert.doesNotMatch(diff.out, /^gateway/m);
    assert.deepEqual((await keystead(server, "config", "accept", "1")).exit, 6);
    assert.equal((await signed(server)).code, "VAULT_SEALED");

    const accepted = await keystead(server, "config", "accept", "2");
    assert.equal(accepted.exit, 0, accepted.err);
    assert.match(accepted.out, /accepted by\s+cert:admin/);
    assert.ok((await signed(server)).ok);
    assert.equal(await readiness(server), 200);
    // What a start does of its own accord is made up for.
    await server.record(({ message }) => message === "working");
    assert.ok((await overRest(doorOf(server), "GET", "/api/v1/namespaces/fresh")).ok);
  });
  await during(changed, async (server) => assert.ok((await signed(server)).ok));
});

test("of secrets the history holds where they are, and not what they are", async () => {
  await during({}, async (server) => {
    const { reply } = await overRest(doorOf(server), "GET", "/api/v1/config");
    const path = join(server.data, "unseal/master.key");
    const { vault } = JSON.parse(reply["document"] as string) as { vault: { unseal: { masterKey: string } } };
    assert.equal(vault.unseal.masterKey, `file:${path}`);
    const secret = readFileSync(path, "latin1").trim().slice("base64:".length);
    assert.equal(secret.length, 44);
    assert.ok(!JSON.stringify(reply).includes(secret));
  });
});
