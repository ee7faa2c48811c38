/**
 * After a key is destroyed its material is not in the vault's memory: every writable page of the running process is
 * read and searched. Only root may read another process's memory, so only root runs this.
 */
import assert from "node:assert/strict";
import { generateKeyPairSync, randomBytes } from "node:crypto";
import { closeSync, openSync, readFileSync, readSync } from "node:fs";
import { setTimeout as wait } from "node:timers/promises";
import { test } from "node:test";
import { startServer, type TestServer } from "../server.ts";

const CHUNK_BYTES = 4 * 1024 * 1024;

/** How often each of the secrets stands in the writable memory of a process. */
function countIn(pid: number, secrets: ReadonlyMap<string, Buffer>): Map<string, number> {
  const counts = new Map([...secrets.keys()].map((name) => [name, 0]));
  const longest = Math.max(...[...secrets.values()].map(({ length }) => length));
  const memory = openSync(`/proc/${pid}/mem`, "r");
  const chunk = Buffer.alloc(CHUNK_BYTES + longest);
  try {
    for (const line of readFileSync(`/proc/${pid}/maps`, "utf8").split("\n")) {
      const [, from, to, mode] = /^([0-9a-f]+)-([0-9a-f]+) (\S+)/.exec(line) ?? [];
      if (from === undefined || to === undefined || mode?.startsWith("rw") !== true || line.endsWith("[vvar]")) continue;
      const end = Number.parseInt(to, 16);
      for (let at = Number.parseInt(from, 16); at < end; at += CHUNK_BYTES) {
        const wanted = Math.min(chunk.length, end - at);
        let read: number;
        try {
          read = readSync(memory, chunk, 0, wanted, at);
        } catch {
          continue; // a page that is reserved and not there
        }
        const view = chunk.subarray(0, read);
        for (const [name, secret] of secrets) {
          for (let found = view.indexOf(secret); found !== -1 && found < CHUNK_BYTES; found = view.indexOf(secret, found + 1))
            counts.set(name, (counts.get(name) as number) + 1);
        }
      }
    }
  } finally {
    closeSync(memory);
    chunk.fill(0);
  }
  return counts;
}

/** Keys whose material this test knows, because it brings them. */
async function bringKeys(server: TestServer): Promise<Map<string, Buffer>> {
  const pkcs8 = generateKeyPairSync("ec", { namedCurve: "P-256" }).privateKey.export({ format: "der", type: "pkcs8" });
  const rsa = generateKeyPairSync("rsa", { modulusLength: 2048 }).privateKey;
  const rsaDer = rsa.export({ format: "der", type: "pkcs8" });
  const prime = Buffer.from(rsa.export({ format: "jwk" }).p as string, "base64url");
  const hmac = randomBytes(32);
  const aes = randomBytes(32);
  const seed = randomBytes(32);
  for (const [key_id, algorithm, format, material] of [
    ["hmac", "HMAC-SHA-256", "raw", hmac],
    ["aes", "AES-256-GCM", "raw", aes],
    ["ed", "Ed25519", "raw", seed],
    ["ec", "ECDSA-P256", "pkcs8", pkcs8],
    ["rsa", "RSA-2048", "pkcs8", rsaDer],
  ] as const) {
    const { status, body } = await server.rest("POST", "/api/v1/keys/import", {
      key_id,
      algorithm,
      format,
      key_material: material.toString("base64"),
    });
    assert.ok(status < 300, JSON.stringify(body));
  }
  return new Map([
    ["hmac", hmac],
    ["aes", aes],
    ["ed", seed],
    // OpenSSL keeps numbers with the least significant byte first.
    ["ec", Buffer.from(pkcs8.subarray(36, 68)).reverse()],
    ["rsa", Buffer.from(prime).reverse()],
    ["ec, written", pkcs8.subarray(36, 68)],
    ["rsa, written", prime],
  ]);
}

async function useKeys(server: TestServer, keyIds: readonly string[]): Promise<void> {
  const data = Buffer.from("data").toString("base64");
  for (const keyId of keyIds) {
    const [path, request] = keyId === "hmac" ? ["mac", { data }] : keyId === "aes" ? ["encrypt", { plaintext: data }] : ["sign", { data }];
    for (let times = 0; times < 20; times += 1) {
      const { status, body } = await server.rest("POST", `/api/v1/keys/${keyId}/${path as string}`, request as object);
      assert.ok(status < 300, JSON.stringify(body));
    }
  }
}

/** Waits until none of the secrets is found, some seconds at most. @returns what is still found then */
async function remainders(pid: number, secrets: ReadonlyMap<string, Buffer>): Promise<string[]> {
  for (let seconds = 1; ; seconds += 1) {
    const left = [...countIn(pid, secrets)].filter(([, count]) => count > 0).map(([name, count]) => `${name}: ${count}`);
    if (left.length === 0 || seconds === 15) return left;
    await wait(1000);
  }
}

const onlyRoot = { skip: process.getuid?.() !== 0 && "only root may read the memory of a process" };
const KEYS = ["hmac", "aes", "ed", "ec", "rsa"];

async function destroyKeys(server: TestServer): Promise<void> {
  for (const keyId of KEYS) {
    const { status, body } = await server.rest("POST", `/api/v1/keys/${keyId}/destroy`, { delay_seconds: 0 });
    assert.ok(status < 300, JSON.stringify(body));
  }
}

function vaultOf(server: TestServer): number {
  const { vault } = server.pids();
  assert.ok(vault !== undefined);
  return vault;
}

/** SECURITY.md, "What is not protected": OpenSSL's reader of PKCS#8 leaves the seed of Ed25519 in memory that it gave back. */
const without = (secrets: ReadonlyMap<string, Buffer>, left: (name: string) => boolean): Map<string, Buffer> =>
  new Map([...secrets].filter(([name]) => !left(name)));

test("a vault that used keys holds nothing of them once they are destroyed, in no form", onlyRoot, async (t) => {
  const server = await startServer({ flags: ["--set", "lifecycle.interval_seconds=1"] });
  t.after(() => server.stop());
  const secrets = await bringKeys(server);
  const from = server.logs().length;
  server.kill("vault");
  await server.ready("vault", from);
  await useKeys(server, KEYS);
  const living = countIn(vaultOf(server), secrets);
  for (const keyId of KEYS) assert.ok((living.get(keyId) as number) > 0, `the search finds the living key '${keyId}'`);
  await destroyKeys(server);
  const gone = without(secrets, (name) => name === "ed");
  assert.deepEqual(await remainders(vaultOf(server), gone), []);
  // Other requests go on, and what they touch brings nothing back.
  await server.rest("GET", "/api/v1/keys?state=destroyed");
  assert.deepEqual(await remainders(vaultOf(server), gone), []);
});

test("the vault that took the keys in holds nothing but what OpenSSL's writer left behind", onlyRoot, async (t) => {
  const server = await startServer({ flags: ["--set", "lifecycle.interval_seconds=1"] });
  t.after(() => server.stop());
  const secrets = await bringKeys(server);
  await useKeys(server, KEYS);
  await destroyKeys(server);
  // Its writer leaves the written form of every private key.
  const working = without(secrets, (name) => name === "ed" || name.endsWith("written"));
  assert.deepEqual(await remainders(vaultOf(server), working), []);
});
