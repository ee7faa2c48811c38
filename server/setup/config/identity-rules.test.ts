/** Entries about who callers are that would let in somebody nobody meant are refused by name. */
import assert from "node:assert/strict";
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";
import { loadConfig } from "./load.ts";

const folder = mkdtempSync(join(tmpdir(), "keystead-identity-"));
after(() => rmSync(folder, { recursive: true, force: true }));
mkdirSync(join(folder, "data"));
writeFileSync(join(folder, "data/keys.json"), '{"keys":[]}');

/** Keys of the mistakes in these settings. */
function mistaken(preset: string, ...sets: readonly string[]): string[] {
  const args = ["--preset", preset, "--data-dir", "data", ...sets.flatMap((set) => ["--set", set])];
  return loadConfig({ args, env: {}, cwd: folder }).mistakes.map(({ key }) => key);
}
const certificate = (match: string): string => `auth.certificates=[{${match}, principal: p, roles: [], namespaces: []}]`;
const keySet = (more: string): string => `auth.jwt.key_sets=[{url: "https://i.example/k", issuer: i, audience: a, ${more}}]`;
const provider = (more: string, mapping = "{claim: groups, value: g, roles: [], namespaces: []}"): string =>
  `auth.oidc.providers=[{issuer: "https://i.example", client_id: c, mappings: [${mapping}], ${more}}]`;

const GOOD = [
  certificate("san_dns: a.example.org"),
  certificate("spiffe_id: spiffe://example.org/a/b"),
  certificate('subject: "CN=a,O=b"'),
  keySet("bound_claims: [{claim: sub, prefix: a/}], roles: [KeyUser]"),
  provider(""),
  "auth.revocation.crl_urls=[http://ca.example/a.crl]",
  "auth.jwt.key_sets=[{url: http://127.0.0.1:9/k, issuer: i, audience: a}]",
];
for (const set of GOOD) test(`accepted in development: ${set}`, () => assert.deepEqual(mistaken("development", set), []));

const WRONG: readonly (readonly [set: string, key: RegExp])[] = [
  [certificate('san_dns: "*.example.org"'), /certificates/],
  [certificate("san_email: '*@example.org'"), /certificates/],
  [certificate("spiffe_id: spiffe://example.org/*"), /certificates/],
  [certificate("spiffe_id: spiffe://example.org"), /certificates/],
  [certificate("spiffe_id: spiffe://example.org/a/../b"), /certificates/],
  [certificate("spiffe_id: https://example.org/a"), /certificates/],
  [certificate("san_dns: a, common_name: b"), /certificates/],
  [certificate("san_dns: ''"), /certificates/],
  [
    "auth.certificates=[{san_dns: a, principal: p, roles: [], namespaces: []}, {san_dns: A, principal: q, roles: [], namespaces: []}]",
    /certificates\[1\]/,
  ],
  [keySet("path: x"), /key_sets/],
  ["auth.jwt.key_sets=[{issuer: i, audience: a}]", /key_sets/],
  [keySet("roles: [KeyUser]"), /key_sets/],
  [keySet("roles: [KeyUser], bound_claims: []"), /key_sets/],
  [keySet("bound_claims: [{claim: repository, value: 'org/*'}]"), /key_sets/],
  [keySet("bound_claims: [{claim: repository, prefix: org}]"), /key_sets/],
  [keySet("bound_claims: [{claim: repository, prefix: 'org/*/'}]"), /key_sets/],
  [keySet("bound_claims: [{claim: repository, prefix: ''}]"), /key_sets/],
  [keySet("bound_claims: [{claim: preferred_username, value: alice}], roles: [KeyUser]"), /key_sets/],
  [keySet("bound_claims: [{claim: /upn, value: alice}], roles: [KeyUser]"), /key_sets/],
  [provider("bound_claims: [{claim: name, value: alice}]"), /providers/],
  [keySet("bound_claims: [{claim: repository}]"), /key_sets/],
  [keySet("bound_claims: [{claim: repository, value: a, prefix: a/}]"), /key_sets/],
  [keySet("bound_claims: [{claim: repository, one_of: []}]"), /key_sets/],
  ["auth.jwt.key_sets=[{url: http://i.example/k, issuer: i, audience: a}]", /key_sets\[0\]\.url/],
  ["auth.jwt.key_sets=[{url: 'https://u:p@i.example/k', issuer: i, audience: a}]", /key_sets/],
  ["auth.jwt.key_sets=[{url: 'file:///etc/passwd', issuer: i, audience: a}]", /key_sets/],
  [provider("", "{claim: groups, value: '*', roles: [], namespaces: []}"), /providers/],
  [provider("", "{claim: groups, prefix: a/, roles: [], namespaces: []}"), /providers/],
  [provider("", "{claim: preferred_username, value: alice, roles: [], namespaces: []}"), /providers/],
  [provider("", "{claim: /preferred_username, value: alice, roles: [], namespaces: []}"), /providers/],
  [provider("", "{claim: upn, value: alice, roles: [], namespaces: []}"), /providers/],
  [provider("", ""), /providers/],
  [provider("origins: [http://keys.example]"), /origins\[0\]/],
  ["connector.timeout_seconds=0", /connector\.timeout_seconds/],
  ["connector.timeout_seconds=61", /connector\.timeout_seconds/],
  ["connector.allowed_addresses=[localhost]", /connector\.allowed_addresses/],
  ["auth.jwt.refresh_seconds=59", /refresh_seconds/],
  ["auth.jwt.unknown_kid_seconds=0", /unknown_kid_seconds/],
  ["auth.revocation.ocsp_keep_seconds=0", /ocsp_keep_seconds/],
];
for (const [set, key] of WRONG)
  test(`refused: ${set}`, () => {
    const keys = mistaken("development", set);
    assert.ok(keys.length > 0 && keys.every((one) => key.test(one)), JSON.stringify(keys));
  });

test("production takes no address without TLS, also of this machine, and no certificate whose status nobody can tell", () => {
  const keys = mistaken(
    "production",
    "auth.jwt.key_sets=[{url: http://127.0.0.1:9/k, issuer: i, audience: a}]",
    "auth.revocation.unknown=accept",
  );
  assert.ok(keys.includes("auth.jwt.key_sets[0].url"));
  assert.ok(keys.includes("auth.revocation.unknown"));
});

test("one issuer is one way in: not two providers, and not a provider and a key set", () => {
  const one = '{issuer: "https://i.example", client_id: c, mappings: [{claim: g, value: g, roles: [], namespaces: []}]}';
  assert.deepEqual(mistaken("development", `auth.oidc.providers=[${one}, ${one}]`), ["auth.oidc.providers[1].issuer"]);
  const set = '{path: "{data_dir}/keys.json", issuer: "https://i.example", audience: a}';
  assert.deepEqual(mistaken("development", `auth.oidc.providers=[${one}]`, `auth.jwt.key_sets=[${set}]`), ["auth.jwt.key_sets[0].issuer"]);
});
