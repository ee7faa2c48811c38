/**
 * The history of the configuration on a real server: a start with a changed one, its refusals, and the command line that
 * shows, compares and accepts it.
 */
import assert from "node:assert/strict";
import { readFileSync, rmSync } from "node:fs";
import { join } from "node:path";
import { after, test } from "node:test";
import { acceptConfig } from "@keystead/contract/operations/accept-config";
import { createUser } from "@keystead/contract/operations/create-user";
import { listUsers } from "@keystead/contract/operations/list-users";
import { login } from "@keystead/contract/operations/login";
import { logout } from "@keystead/contract/operations/logout";
import { setPassword } from "@keystead/contract/operations/set-password";
import { whoAmI } from "@keystead/contract/operations/who-am-i";
import { administratorRuns, approverKeys, doorOf, personRuns } from "./people.ts";
import { newFolder, serve, type RunningServer } from "./running-server.ts";
import { ask, hangUp, http, overRest, type Answer, type Door, type Surface } from "./surfaces.ts";

const folder = newFolder();
after(() => rmSync(folder, { recursive: true, force: true }));
const configOf = (more: object): object => ({ security: { require_accepted_config: true }, ...more });

const signed = (server: RunningServer): Promise<Answer> =>
  overRest(doorOf(server), "POST", "/api/v1/keys/k/sign", JSON.stringify({ data: "aGVsbG8=" }));
const readiness = async (server: RunningServer): Promise<number> =>
  (await http({ origin: `http://${server.addresses["health"]}` }, "GET", "/health/ready")).status;

const keystead = (server: RunningServer, ...args: string[]) => administratorRuns(server, folder, ...args);
/** The same as somebody whose approver key lies in `<name>.pem`. */
const keysteadAs = (name: string, role: string, server: RunningServer, ...args: string[]) =>
  personRuns(name, role, server, folder, ...args);

/** Starts the server on the same data, does something with it, and ends it. */
async function during(config: object, does: (server: RunningServer) => Promise<void>, at = folder): Promise<void> {
  const server = await serve({ folder: at, config: configOf(config) });
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

test("who is a local user alone logs in, by REST and gRPC, and accepts", async (t) => {
  const own = newFolder();
  t.after(() => rmSync(own, { recursive: true, force: true }));
  const words = (text: string): Buffer => Buffer.from(text);
  const here = (server: RunningServer, token?: string): Door => {
    const { origin, ca } = doorOf(server);
    return { origin, ca, ...(token === undefined ? {} : { token }) };
  };
  const enter = async (server: RunningServer, surface: Surface, password: string): Promise<string> => {
    const { reply, code } = await ask(surface, here(server), login, { name: "root", password: words(password) });
    assert.equal(code, undefined, surface);
    return String(reply["tokens"]["access_token"]);
  };
  await during(
    {},
    async (server) => {
      const user = { name: "root", password: words("the first password"), roles: ["Administrator"], namespaces: ["*"] };
      assert.ok((await ask("gRPC", doorOf(server), createUser, user)).ok);
      const passwords = { currentPassword: words("the first password"), password: words("another password") };
      assert.ok((await ask("gRPC", here(server, await enter(server, "REST", "the first password")), setPassword, passwords)).ok);
    },
    own,
  );
  await during(
    { crypto: { rsa_pkcs1_decryption: true } },
    async (server) => {
      const [first, second] = [await enter(server, "REST", "another password"), await enter(server, "gRPC", "another password")];
      for (const surface of ["REST", "gRPC"] as const) {
        assert.equal((await ask(surface, here(server, first), whoAmI, {})).reply["principal"], "user:root");
        assert.equal((await ask(surface, here(server, first), listUsers, {})).code, "VAULT_SEALED");
      }
      assert.ok((await ask("gRPC", here(server, first), logout, {})).ok);
      assert.equal((await ask("REST", here(server, first), whoAmI, {})).code, "UNAUTHENTICATED");
      assert.ok((await ask("REST", here(server, second), acceptConfig, { version: 2 })).ok);
      assert.ok((await ask("gRPC", here(server, second), listUsers, {})).ok);
    },
    own,
  );
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

test("what others must agree to, they agree to in maintenance; and the configuration that waits has no say in who they are", async (t) => {
  const own = newFolder();
  t.after(() => rmSync(own, { recursive: true, force: true }));
  const known = approverKeys(folder, "bob", "carol", "mallory");
  const keysOf = (...names: string[]) => names.map((name) => known.get(name));
  const accepted = {
    approvals: {
      rules: [
        { name: "the configuration", operations: ["AcceptConfig"], quorum: 2, roles: ["Administrator"] },
        { name: "ends", operations: ["DeleteKey"], quorum: 1, roles: ["Administrator"] },
      ],
      approver_keys: keysOf("bob", "carol"),
    },
  };
  let doomed = "";
  const asked = async (server: RunningServer, method: string, path: string, body?: object): Promise<Answer> =>
    overRest(doorOf(server), method, path, body === undefined ? undefined : JSON.stringify(body));
  await during(
    accepted,
    async (server) => {
      assert.equal((await asked(server, "POST", "/api/v1/keys", { key_id: "k", algorithm: "Ed25519" })).status, 201);
      doomed = String((await asked(server, "DELETE", "/api/v1/keys/k")).approvalId);
    },
    own,
  );

  const changed = {
    approvals: { rules: [], override: { quorum: 1, roles: ["Administrator"] }, approver_keys: keysOf("mallory") },
    crypto: { rsa_pkcs1_decryption: true },
  };
  let id = "";
  await during(
    changed,
    async (server) => {
      const held = await keystead(server, "config", "accept", "2", "--json");
      assert.equal(held.exit, 11, held.err);
      id = String((JSON.parse(held.err) as { error: { approval_id: string } }).error.approval_id);
      const forged = await keysteadAs("mallory", "Administrator", server, "approvals", "approve", id, "--key", "mallory.pem", "--yes");
      assert.match(forged.out, /there is no such approver key/);
      const over = ["approvals", "override", id, "--key", "mallory.pem", "--reason", "now", "--yes"];
      assert.notEqual((await keysteadAs("mallory", "Administrator", server, ...over)).exit, 0);
      assert.match((await keysteadAs("bob", "Administrator", server, "approvals", "list")).out, new RegExp(id));
      const first = await keysteadAs("bob", "Administrator", server, "approvals", "approve", id, "--key", "bob.pem", "--yes");
      assert.match(first.out, /state +pending/, first.out);
      // What is about anything else waits for the acceptance, however approved.
      const other = await keysteadAs("bob", "Administrator", server, "approvals", "approve", doomed, "--key", "bob.pem", "--yes");
      assert.match(other.out, /state +approved/, other.out);
      assert.equal((await asked(server, "GET", "/api/v1/status")).reply["phase"], "maintenance");
    },
    own,
  );
  await during(
    changed,
    async (server) => {
      assert.equal((await asked(server, "GET", "/api/v1/status")).reply["phase"], "maintenance");
      const second = await keysteadAs("carol", "Administrator", server, "approvals", "approve", id, "--key", "carol.pem", "--yes");
      assert.match(second.out, /state +done/, second.out);
      await server.record(({ message }) => message === "working");
      assert.equal((await asked(server, "GET", "/api/v1/status")).reply["phase"], "open");
      assert.match((await keystead(server, "config", "history")).out, /cert:admin/);
      for (;;) {
        const { reply } = await asked(server, "GET", `/api/v1/approvals/${doomed}`);
        const { state } = reply["approval"] as { state: string };
        if (!state.endsWith("APPROVED")) {
          // Its approver key is none of the new configuration, by whose rules it is performed.
          assert.match(state, /(?:FAILED|failed)$/);
          break;
        }
      }
    },
    own,
  );
});
