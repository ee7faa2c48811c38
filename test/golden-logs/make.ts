/**
 * Makes a golden log: what this version of the product writes, kept so that every later version verifies it.
 *
 *     node keystead.cjs --run test/golden-logs/make.ts NAME
 *
 * A real server works for a few seconds: changes, refusals, a batch, dual control, a policy script, segments that end, a
 * restart. Its log goes to test/golden-logs/NAME with `golden.json`: the public key, and the audit key, by which MACs are
 * verified. The vault is thrown away and the audit key signs nothing, so it may be known; the keys of checkpoints and of
 * everything else are never written. A golden log is never changed; a changed format gets one of its own.
 */
import assert from "node:assert/strict";
import { createPublicKey, generateKeyPairSync, hash, sign, type KeyObject } from "node:crypto";
import { mkdirSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { parseHeader, openVault } from "../../server/vault/objects/hierarchy.ts";
import { decodeSecret, readSecret } from "../../server/vault/ceremonies/secret.ts";
import { sqliteReader } from "../../server/vault/stores/sqlite.ts";
import { newFolder, serve, type RunningServer } from "../conformance/running-server.ts";
import { hangUp, overRest, type Door, type Reply } from "../conformance/surfaces.ts";
import { mint } from "../conformance/tokens.ts";

const [name = ""] = process.argv.slice(2);
assert.match(name, /^[a-z0-9.-]+$/, "the name of the golden log");
const target = join(import.meta.dirname, name);
const approver = generateKeyPairSync("ed25519");
const BOB = "jwt:keystead-local:bob";
const base64 = (text: string): string => Buffer.from(text).toString("base64");
const SCRIPT = `function evaluate(context)
  return context.payload.text == "bad" and "deny" or "allow"
end`;

const folder = newFolder();
const config = {
  approvals: {
    rules: [{ name: "ends", operations: ["DeleteKey"], quorum: 1, roles: ["KeyAdmin"], reason: "keys end once" }],
    approver_keys: [{ principal: BOB, public_key: spki(approver.privateKey).toString("base64") }],
  },
  audit: { checkpoint_events: 10, checkpoint_seconds: "1s", segment_seconds: "1s" },
};

function spki(key: KeyObject): Buffer {
  return createPublicKey(key).export({ format: "der", type: "spki" });
}

const pause = (milliseconds: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, milliseconds));

/** A request that ends as it should. */
async function asks(door: Door, method: string, path: string, body: object | undefined, status: number): Promise<Reply> {
  const answer = await overRest(door, method, path, body === undefined ? undefined : JSON.stringify(body));
  assert.equal(answer.status, status, `${method} ${path}: ${answer.text}`);
  return answer.reply;
}

async function work(server: RunningServer, round: number): Promise<void> {
  const ca = server.credential("ca.pem");
  const admin: Door = { origin: server.api, ca, cert: server.credential("admin.pem"), key: server.credential("admin-key.pem") };
  const bob: Door = { origin: server.api, ca, token: await mint(server.credential("token-key.pem"), { sub: "bob", roles: ["KeyAdmin"] }) };
  const at = `/api/v1/namespaces/space-${round}`;
  await asks(admin, "POST", "/api/v1/namespaces", { namespace: `space-${round}` }, 201);
  for (const algorithm of ["Ed25519", "ECDSA-P256", "AES-256-GCM", "HMAC-SHA-256"])
    await asks(admin, "POST", `${at}/keys`, { key_id: algorithm.toLowerCase(), algorithm, description: "ein Schlüssel" }, 201);
  await asks(admin, "POST", `${at}/keys/ed25519/sign`, { data: base64("good") }, 200);
  await asks(admin, "GET", `${at}/keys/nothing`, undefined, 404);
  await asks(bob, "POST", `${at}/keys/ed25519/sign`, { data: base64("bob") }, 403);
  const items = [{ sign: { key_id: "ed25519", data: base64("x") } }, { encrypt: { key_id: "aes-256-gcm", plaintext: base64("y") } }];
  await asks(admin, "POST", `${at}/batch`, { items }, 200);
  await pause(1100);
  await asks(admin, "POST", `${at}/keys/ed25519/rotate`, {}, 200);
  await asks(admin, "POST", "/api/v1/scripts", { script: `s-${round}`, engine: "lua", source: base64(SCRIPT) }, 200);
  await asks(admin, "POST", `/api/v1/scripts/s-${round}/enable`, {}, 200);
  await asks(admin, "POST", `${at}/keys/ed25519/sign`, { data: base64("good") }, 200);
  await asks(admin, "POST", `${at}/keys/ed25519/sign`, { data: base64("bad") }, 403);
  await asks(admin, "POST", `/api/v1/scripts/s-${round}/disable`, {}, 200);
  await asks(admin, "DELETE", `${at}/keys/hmac-sha-256`, undefined, 202);
  const pending = (await asks(bob, "GET", "/api/v1/approvals", undefined, 200))["approvals"] as {
    id: string;
    state: string;
    subject: string;
  }[];
  const approval = pending.find(({ state }) => state.toLowerCase().endsWith("pending"));
  assert.ok(approval !== undefined, JSON.stringify(pending));
  const said = Object.entries({ ...(JSON.parse(approval.subject) as object), verdict: "approve", reason: "" });
  const text = `Keystead approval statement, version 1\n${JSON.stringify(Object.fromEntries(said.sort(([a], [b]) => (a < b ? -1 : 1))))}`;
  const signature = sign(null, Buffer.from(text), approver.privateKey).toString("base64");
  await asks(
    bob,
    "POST",
    `/api/v1/approvals/${approval.id}/approve`,
    { approver_key: hash("sha256", spki(approver.privateKey), "hex"), signature },
    200,
  );
  await pause(1100);
  for (let more = 0; more < 6; more += 1) await asks(admin, "POST", `${at}/keys/ecdsa-p256/sign`, { data: base64(`${more}`) }, 200);
}

try {
  for (const round of [1, 2]) {
    const server = await serve({ folder, config });
    await work(server, round);
    assert.equal(await server.stop(), 0);
  }
  const data = join(folder, "data");
  const reader = sqliteReader(join(data, "keystead.db"));
  const secret = decodeSecret(readSecret(`file:${join(data, "unseal/master.key")}`, {}));
  const hierarchy = openVault(parseHeader(reader.header() as string), { method: "key", secret, second: undefined });
  reader.close();
  rmSync(target, { recursive: true, force: true });
  mkdirSync(target);
  const files = readdirSync(data).filter((file) => file.startsWith("audit.") && statSync(join(data, file)).isFile());
  // Written anew: copies would keep the vault's user and mode.
  for (const file of files) writeFileSync(join(target, file), readFileSync(join(data, file)));
  const segments = files.filter((file) => /^audit\.\d{16}$/.test(file)).sort();
  const lines = segments.flatMap((file) => readFileSync(join(target, file), "utf8").split("\n").slice(0, -1));
  const golden = {
    events: lines.length,
    head: hash("sha256", (lines.at(-1) as string).slice('{"event":'.length, -`,"mac":"${"0".repeat(64)}"}`.length), "hex"),
    audit_key: hierarchy.auditMacKey.export().toString("hex"),
    public_key: verifierKeyOf(hierarchy.vaultId, createPublicKey(hierarchy.checkpointKey)),
  };
  writeFileSync(join(target, "golden.json"), `${JSON.stringify(golden, undefined, 2)}\n`);
  process.stdout.write(`${target}: ${golden.events} events in ${segments.length} segments\n`);
} finally {
  hangUp();
  rmSync(folder, { recursive: true, force: true });
}

/** As docs/design/audit-format.md says. */
function verifierKeyOf(vaultId: string, key: KeyObject): string {
  const origin = `keystead/${vaultId}`;
  const typed = Buffer.concat([Buffer.from([1]), key.export({ format: "der", type: "spki" }).subarray(-32)]);
  return `${origin}+${hash("sha256", Buffer.concat([Buffer.from(`${origin}\n`), typed]), "hex").slice(0, 8)}+${typed.toString("base64")}`;
}
