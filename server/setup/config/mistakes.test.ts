/** Mistakes: all of them at once, each with its line and what would be right, and none repeating a secret. */
import assert from "node:assert/strict";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";
import { loadConfig } from "./load.ts";
import { sentence } from "./mistake.ts";

const folder = mkdtempSync(join(tmpdir(), "keystead-mistakes-"));
after(() => rmSync(folder, { recursive: true, force: true }));

/** Sentences about a file, by default in the development preset. */
function mistakesIn(
  text: string,
  args: readonly string[] = ["--preset", "development"],
  env: Readonly<Record<string, string>> = {},
): readonly string[] {
  writeFileSync(join(folder, "c.yaml"), text);
  const { mistakes } = loadConfig({ args: [...args, "--config", "c.yaml"], env, cwd: folder });
  return mistakes.map((mistake) => sentence(mistake).replace(`${folder}/`, ""));
}

test("all mistakes are said at once, each with file, line, column, key and what would be right", () => {
  const said = mistakesIn(
    `server:
  prot: 1
  port: 70000
  timeout_seconds: 30x
storage:
  sync_mode: fully
security:
  key_derivation_iterations: 100000
  min_password_length: 4
namespaces:
  a:
    access_control:
      allowed_ips: [10.0.0.0/8, nowhere]
auth:
  certificates:
    - principal: x
      roles: [Root]
      namespaces: []
development:
  plaintext: true
`,
    ["--preset", "production", "--set", "unseal.method=none"],
  );
  assert.deepEqual(
    said.slice(0, 7).map((text) => text.split("; ")[0]),
    [
      "c.yaml:2:3: server.prot: there is no such key",
      "c.yaml:3:3: server.port: 70000 is wrong",
      'c.yaml:4:3: server.timeout_seconds: "30x" is wrong',
      'c.yaml:6:3: storage.sync_mode: "fully" is wrong',
      "c.yaml:8:3: security.key_derivation_iterations: refused: nothing uses PBKDF2 yet",
      'c.yaml:13:33: namespaces.a.access_control.allowed_ips[1]: "nowhere" is wrong',
      'c.yaml:17:15: auth.certificates[0].roles[0]: "Root" is wrong',
    ],
  );
  const rest = said.slice(7).join("\n");
  assert.match(rest, /c\.yaml:20:3: development\.plaintext: true is not allowed in production/);
  assert.match(rest, /c\.yaml:9:3: security\.min_password_length: 4 is too short in production/);
  assert.match(said.join("\n"), /server\.port: 70000 is wrong; expected a whole number from 0 to 65535/);
});

const RULES: readonly (readonly [rule: string, preset: string, yaml: string, said: RegExp])[] = [
  [
    "TLS cannot be off in production",
    "production",
    "server: {tls_enabled: false}",
    /server\.tls_enabled: false is not allowed in production/,
  ],
  [
    "a session cannot be shorter than its tokens",
    "development",
    "security: {session_timeout_seconds: 60}",
    /security\.access_token_seconds: it is more than security\.session_timeout_seconds/,
  ],
  [
    "a session cannot last for ever",
    "development",
    "security: {session_timeout_seconds: 90d}",
    /security\.session_timeout_seconds: it is not between a minute and a day/,
  ],
  [
    "an access token cannot last a day",
    "development",
    "security: {access_token_seconds: 2h, session_timeout_seconds: 3h}",
    /security\.access_token_seconds: it is not between 10 seconds and an hour/,
  ],
  [
    "an origin of WebAuthn must lie within its domain",
    "development",
    'auth: {webauthn: {rp_id: example.com, origins: ["https://badexample.com"]}}',
    /auth\.webauthn\.origins: https:\/\/badexample\.com is no origin of auth\.webauthn\.rp_id/,
  ],
  [
    "an origin of WebAuthn must be over TLS",
    "development",
    'auth: {webauthn: {rp_id: example.com, origins: ["http://example.com"]}}',
    /auth\.webauthn\.origins: http:\/\/example\.com is no origin/,
  ],
  [
    "client certificates cannot be unasked for in production",
    "production",
    "server: {api_client_auth: none}",
    /server\.api_client_auth: none is not allowed in production/,
  ],
  [
    "client certificates cannot be unasked for in test",
    "test",
    "server: {client_auth: none}",
    /server\.client_auth: none is not allowed in test/,
  ],
  [
    "plaintext listeners cannot be opened in test",
    "test",
    "development: {plaintext: true}",
    /development\.plaintext: true is not allowed in test/,
  ],
  [
    "plaintext REST cannot leave the machine",
    "development",
    "server: {health_host: 0.0.0.0}",
    /server\.health_host: it is not a loopback address/,
  ],
  [
    "two listeners cannot share a port",
    "development",
    "server: {api_port: 9090}",
    /metrics\.listen_port: port 9090 is taken by server\.api_port/,
  ],
  ["the secret must be named in production", "production", "{}", /unseal\.master_key: it is missing/],
  ["certificates must exist", "production", "{}", /server\.tls_cert_path: \/etc\/hsm\/server-cert\.pem does not exist/],
  [
    "a binding has exactly one match",
    "development",
    "auth: {certificates: [{common_name: a, san_uri: b, principal: p, roles: [], namespaces: []}]}",
    /auth\.certificates\[0\]: its form is wrong; expected an entry with exactly one of/,
  ],
  [
    "buckets ascend",
    "development",
    "metrics: {histogram_buckets: [2, 1]}",
    /metrics\.histogram_buckets: its form is wrong; expected .*ascending/,
  ],
  ["namespaces have names that URLs can carry", "development", "namespaces: {A B: {}}", /namespaces\.A B: the name is not allowed/],
  [
    "a quorum of zero is a mistake, not a rule that everybody meets",
    "development",
    "approvals: {rules: [{name: r, operations: [DestroyKey], quorum: 0, roles: [Operator]}]}",
    /approvals\.rules\[0\]\.quorum: 0 is wrong; expected a whole number from 1 to 16/,
  ],
  [
    "a missing quorum is a mistake",
    "development",
    "approvals: {rules: [{name: r, operations: [DestroyKey], roles: [Operator]}]}",
    /approvals\.rules\[0\]\.quorum: it is missing/,
  ],
  [
    "a rule without roles is a mistake",
    "development",
    "approvals: {rules: [{name: r, operations: [DestroyKey], quorum: 1}]}",
    /approvals\.rules\[0\]\.roles: it is missing/,
  ],
  [
    "a rule with an empty list of roles is a mistake",
    "development",
    "approvals: {rules: [{name: r, operations: [DestroyKey], quorum: 1, roles: []}]}",
    /approvals\.rules\[0\]\.roles: its form is wrong; expected a list of one or more roles/,
  ],
  [
    "a rule with a role that nobody knows is a mistake",
    "development",
    "approvals: {rules: [{name: r, operations: [DestroyKey], quorum: 1, roles: [Boss]}]}",
    /approvals\.rules\[0\]\.roles\[0\]: "Boss" is wrong/,
  ],
  [
    "a service cannot be asked to approve",
    "development",
    "approvals: {rules: [{name: r, operations: [DestroyKey], quorum: 1, roles: [Service]}]}",
    /approvals\.rules\[0\]\.roles\[0\]: "Service" is wrong/,
  ],
  [
    "a rule about nothing is a mistake",
    "development",
    "approvals: {rules: [{name: r, quorum: 1, roles: [Operator]}]}",
    /approvals\.rules\[0\]: its form is wrong; expected a rule with name, quorum, roles, and operations or permissions/,
  ],
  [
    "what approvals are made of cannot itself wait for one",
    "development",
    "approvals: {rules: [{name: r, operations: [ApproveRequest], quorum: 1, roles: [Operator]}]}",
    /approvals\.rules\[0\]\.operations\[0\]: "ApproveRequest" is wrong; expected a list of operations that can wait/,
  ],
  [
    "an override needs a quorum too",
    "development",
    "approvals: {override: {quorum: 0, roles: [Operator]}}",
    /approvals\.override\.quorum: 0 is wrong/,
  ],
  [
    "a principal belongs to one person",
    "development",
    "approvals: {persons: {a: [cert:x], b: [cert:x]}}",
    /approvals\.persons: cert:x is listed twice; a principal belongs to one person/,
  ],
  [
    "a rule with namespaces about an operation of the server means nothing, and is a mistake",
    "development",
    "approvals: {rules: [{name: r, operations: [DestroyKey, SetPolicy], namespaces: [a], quorum: 1, roles: [Operator]}]}",
    /approvals\.rules: r has namespaces, and SetPolicy is about the server, in none of them; give it a rule without namespaces/,
  ],
  [
    "the same by permission",
    "development",
    "approvals: {rules: [{name: r, permissions: [key:destroy, policy:update], namespaces: [a], quorum: 1, roles: [Operator]}]}",
    /approvals\.rules: r has namespaces, and policy:update is about the server/,
  ],
  [
    "two rules have two names",
    "development",
    "approvals: {rules: [{name: r, operations: [DestroyKey], quorum: 1, roles: [Operator]}, {name: r, operations: [ExportKey], quorum: 1, roles: [Operator]}]}",
    /approvals\.rules: two rules are called r/,
  ],
  [
    "approvals have no store of their own",
    "development",
    "{storage: {backend: filesystem}, approvals: {store: sqlite}}",
    /approvals\.store: storage\.backend is filesystem/,
  ],
  ["a section is not a value", "development", "metrics: 5", /metrics: this is a section/],
];

for (const [rule, preset, yaml, said] of RULES) test(rule, () => assert.match(mistakesIn(yaml, ["--preset", preset]).join("\n"), said));

test("an unknown key names the nearest known one, also from another section", () => {
  assert.match(mistakesIn("loging: {}").join(), /did you mean logging\?/);
  assert.match(mistakesIn("server: {data_dir: x}").join(), /server\.data_dir: there is no such key; did you mean storage\.data_dir\?/);
  assert.match(
    mistakesIn("", undefined, { HSM_SERVER__HOTS: "x" }).join(),
    /environment variable HSM_SERVER__HOTS: server\.hots: there is no such key; did you mean server\.host\?/,
  );
  assert.match(
    mistakesIn("__proto__: {x: 1}\nconstructor: 1").join("\n"),
    /__proto__: there is no such key.*\n.*constructor: there is no such key/,
  );
});

test("duplicate keys, tabs and second documents are mistakes with their line", () => {
  assert.deepEqual(mistakesIn("server:\n  port: 1\n  port: 2\n"), [
    "c.yaml:3:3: server.port: the key stands here a second time; keep one of the two",
  ]);
  assert.match(mistakesIn("server:\n\tport: 1\n").join(), /c\.yaml:2:1: a tab is used to indent/);
  assert.match(mistakesIn("a: 1\n---\nb: 1\n").join(), /more than one document/);
});

test("aliases that multiply, deep nesting and large files end in a mistake, quickly", () => {
  const bomb = [
    "a: &a [x,x,x,x,x,x,x,x,x]",
    ...["b", "c", "d", "e", "f", "g", "h"].map((name, at) => `${name}: &${name} [${Array(9).fill(`*${"abcdefg"[at]}`).join()}]`),
  ].join("\n");
  assert.match(mistakesIn(bomb).join(), /multiplies aliases/);
  assert.ok(mistakesIn("[".repeat(100_000)).length > 0);
  assert.match(mistakesIn("#".repeat(1_100_000)).join(), /has 1100000 bytes/);
});

test("a file that is not there is a mistake by name", () => {
  const { mistakes } = loadConfig({ args: ["--config", "nowhere.yaml"], env: {}, cwd: folder });
  assert.match(mistakes.map(sentence).join(), /nowhere\.yaml: the file cannot be read \(ENOENT\)/);
});

const SECRET = "c2VjcmV0LXRoYXQtbXVzdC1ub3QtYmUtc2hvd24tIQ==";
const LEAKS: readonly (readonly [string, string, readonly string[], Readonly<Record<string, string>>])[] = [
  ["in unseal.master_key", `unseal: {master_key: "base64:${SECRET}"}`, [], {}],
  ["in unseal.passphrase", `unseal: {passphrase: ${SECRET}}`, [], {}],
  ["in a key that does not exist", `unseal: {masterkey: ${SECRET}}`, [], {}],
  ["in a key of another kind", `server: {port: ${SECRET}}`, [], {}],
  ["in broken YAML", `unseal: {master_key: "base64:${SECRET}`, [], {}],
  ["twice", `unseal: {master_key: ${SECRET}, master_key: ${SECRET}}`, [], {}],
  ["on the command line", "{}", ["--master-key", `base64:${SECRET}`], {}],
  ["on the command line under a wrong flag", "{}", [`--masterkey=${SECRET}`], {}],
  ["as a stray word", "{}", [SECRET], {}],
  ["in the environment", "{}", [], { HSM_UNSEAL__MASTER_KEY: `base64:${SECRET}` }],
  ["short", "unseal: {passphrase: hunter2}", [], {}],
];

for (const [where, yaml, args, env] of LEAKS) {
  test(`a secret written out ${where} is a mistake and is not repeated`, () => {
    const said = mistakesIn(yaml, ["--preset", "development", ...args], env).join("\n");
    assert.notEqual(said, "");
    assert.ok(!said.includes(SECRET.slice(0, 12)) && !said.includes("hunter2"), said);
  });
}
