import assert from "node:assert/strict";
import { generateKeyPairSync, type KeyObject } from "node:crypto";
import { test } from "node:test";
import { HsmError } from "@keystead/contract/errors";
import { TokenSource } from "./token-source.ts";
import { parseForeignKeySet, type LoadedKeySet } from "./token.ts";

const CONFIG = { url: "https://idp/keys", issuer: "https://idp", audience: "a", leewaySeconds: 0, allowedRoles: [], namespaces: [] };
const [first, second] = [generateKeyPairSync("ed25519").publicKey, generateKeyPairSync("ed25519").publicKey];
const setOf = (...keys: readonly KeyObject[]): LoadedKeySet =>
  parseForeignKeySet(JSON.stringify({ keys: keys.map((key, at) => ({ ...key.export({ format: "jwk" }), kid: String(at) })) }), CONFIG);
const MINUTE = 60_000;

function source(): {
  readonly source: TokenSource;
  readonly seen: {
    now: number;
    fetches: number;
    changes: number;
    failures: string[];
    keys: LoadedKeySet | undefined;
    maxAge: number | undefined;
  };
} {
  const seen: ReturnType<typeof source>["seen"] = { now: 1e9, fetches: 0, changes: 0, failures: [], keys: setOf(first), maxAge: 600 };
  return {
    seen,
    source: new TokenSource({
      issuer: CONFIG.issuer,
      limits: { refreshMs: 60 * MINUTE, staleMs: 120 * MINUTE, unknownKidMs: 30_000 },
      load: async () => {
        seen.fetches += 1;
        if (seen.keys === undefined) throw new HsmError("PROVIDER_UNAVAILABLE", "down");
        return { set: seen.keys, maxAgeSeconds: seen.maxAge };
      },
      now: () => seen.now,
      changed: () => (seen.changes += 1),
      failed: (error) => seen.failures.push(error.detail),
    }),
  };
}

test("a set is fetched again when its time is over, within the bounds of the configuration", async () => {
  for (const [maxAge, dueAfter] of [
    [600, 10 * MINUTE],
    [0, MINUTE],
    [86_400, 60 * MINUTE],
    [undefined, 60 * MINUTE],
  ] as const) {
    const { source: keys, seen } = source();
    seen.maxAge = maxAge;
    await keys.refresh();
    seen.now += dueAfter - 1;
    keys.tick();
    assert.equal(seen.fetches, 1, String(maxAge));
    seen.now += 1;
    keys.tick();
    assert.equal(seen.fetches, 2, String(maxAge));
  }
});

test("however many tokens name an unknown key, the set is fetched for it once in an interval", async () => {
  const { source: keys, seen } = source();
  await keys.refresh();
  const answers = await Promise.all(Array.from({ length: 1000 }, () => keys.unknownKey()));
  assert.equal(seen.fetches, 2);
  assert.ok(answers.every((waited) => waited));
  assert.equal(await keys.unknownKey(), false);
  seen.now += 29_999;
  assert.equal(await keys.unknownKey(), false);
  assert.equal(seen.fetches, 2);
  seen.now += 1;
  assert.equal(await keys.unknownKey(), true);
  assert.equal(seen.fetches, 3);
});

test("changes are told when keys come or go, and not when all is as before", async () => {
  const { source: keys, seen } = source();
  await keys.refresh();
  await keys.refresh();
  assert.equal(seen.changes, 1);
  seen.keys = setOf(second);
  await keys.refresh();
  assert.equal(seen.changes, 2);
  assert.deepEqual(
    keys.current?.keys.map(({ key }) => key.equals(second)),
    [true],
  );
});

test("when it cannot be fetched the old set stays for a while, and then nobody is let in; attempts grow rarer", async () => {
  const { source: keys, seen } = source();
  await keys.refresh();
  seen.keys = undefined;
  seen.now += 10 * MINUTE;
  for (let asked = 0; asked < 600; asked++) {
    keys.tick();
    await Promise.resolve().then(() => undefined);
    seen.now += 1000;
  }
  assert.ok(seen.fetches > 8 && seen.fetches < 20, String(seen.fetches));
  assert.ok(keys.current !== undefined);
  assert.deepEqual(seen.failures, ["down"]);
  seen.now = 1e9 + 120 * MINUTE + 1;
  assert.equal(keys.current, undefined);
  keys.tick();
  assert.equal(seen.changes, 2, "nobody was told that the keys are gone");
  await keys.refresh();
  seen.keys = setOf(first);
  await keys.refresh();
  assert.ok(keys.current !== undefined);
});

test("of somebody else's set, secrets, private keys and keys for other ends are passed over; without any other it is refused", () => {
  const pair = generateKeyPairSync("ed25519");
  const rsa = generateKeyPairSync("rsa", { modulusLength: 2048 }).publicKey.export({ format: "jwk" });
  const keys = [
    { kty: "oct", k: Buffer.alloc(32, 1).toString("base64url"), kid: "secret" },
    { ...pair.privateKey.export({ format: "jwk" }), kid: "private" },
    { ...rsa, kid: "encryption", use: "enc" },
    { ...generateKeyPairSync("ec", { namedCurve: "P-384" }).publicKey.export({ format: "jwk" }), kid: "other" },
    null,
    { ...rsa, kid: "good", use: "sig", alg: "RS256" },
  ];
  assert.deepEqual(
    parseForeignKeySet(JSON.stringify({ keys }), CONFIG).keys.map(({ kid }) => kid),
    ["good"],
  );
  for (const text of ["", "[]", '{"keys":[]}', JSON.stringify({ keys: keys.slice(0, 5) })])
    assert.throws(() => parseForeignKeySet(text, CONFIG), { code: "INVALID_REQUEST" });
});
