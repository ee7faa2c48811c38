/** Contexts: kept, chosen, forgotten, and what counts before what. */
import assert from "node:assert/strict";
import { chmodSync, existsSync, mkdirSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { test } from "node:test";
import { newFolder, runIn, type Scene } from "./recording-shell.ts";

const client = { getStatus: () => ({ phase: "open" }) };
const NOWHERE = { KEYSTEAD_ENDPOINT: "" };
const put = (path: string, text: string): string => {
  mkdirSync(dirname(path), { recursive: true });
  writeFileSync(path, text);
  return path;
};
const endpointOf = async (scene: Scene, ...args: string[]): Promise<string | undefined> =>
  (await runIn({ client, ...scene, env: { ...NOWHERE, ...scene.env } }, "status", ...args)).connectedWith?.endpoint;
const done = async (cwd: string, ...args: string[]): Promise<string> => {
  const { exit, out, err } = await runIn({ cwd, env: NOWHERE }, "context", ...args);
  assert.equal(exit, 0, err);
  return out.toString();
};

test("a context is kept, used, listed and forgotten, and others cannot read it", async () => {
  const cwd = newFolder();
  put(join(cwd, "ca.pem"), "ca");
  await done(cwd, "add", "production", "--endpoint", "https://a:1", "--ca", "ca.pem", "--namespace", "payments");
  await done(cwd, "add", "other", "--endpoint", "https://b:2", "--use");
  const path = join(cwd, ".config/keystead/contexts/production/profile.json");
  assert.deepEqual(JSON.parse(readFileSync(path, "utf8")), { endpoint: "https://a:1", ca: join(cwd, "ca.pem"), namespace: "payments" });
  assert.equal(statSync(path).mode & 0o077, 0);
  assert.equal(await endpointOf({ cwd }), "https://b:2");
  await done(cwd, "use", "production");
  const { connectedWith } = await runIn({ client, cwd, env: NOWHERE }, "status");
  assert.deepEqual([connectedWith?.endpoint, String(connectedWith?.ca), connectedWith?.namespace], ["https://a:1", "ca", "payments"]);
  const { contexts } = JSON.parse(await done(cwd, "list", "--json"));
  assert.deepEqual(
    contexts.map(({ name, current }: { name: string; current: boolean }) => [name, current]),
    [
      ["other", false],
      ["production", true],
    ],
  );
  await done(cwd, "remove", "production");
  assert.equal(existsSync(path), false);
  assert.ok(existsSync(join(cwd, "ca.pem")), "the files it named stay");
  assert.equal(await endpointOf({ cwd }), undefined, "and none is current");
});

test("what is said on the line counts before the environment, that before the current context, that before what lies about", async () => {
  const cwd = newFolder();
  put(join(cwd, "data/credentials/profile.json"), '{"endpoint":"https://data"}');
  put(join(cwd, "mine.json"), '{"endpoint":"https://mine"}');
  for (const name of ["one", "two", "three"]) await done(cwd, "add", name, "--endpoint", `https://${name}`);
  assert.equal(await endpointOf({ cwd }), "https://data");
  await done(cwd, "use", "one");
  assert.equal(await endpointOf({ cwd }), "https://one");
  assert.equal(await endpointOf({ cwd, env: { KEYSTEAD_CONTEXT: "two" } }), "https://two");
  assert.equal(await endpointOf({ cwd, env: { KEYSTEAD_CONTEXT: "two", KEYSTEAD_PROFILE: "mine.json" } }), "https://mine");
  assert.equal(
    await endpointOf({ cwd, env: { KEYSTEAD_CONTEXT: "two", KEYSTEAD_PROFILE: "mine.json" } }, "--on", "three"),
    "https://three",
  );
  assert.equal(await endpointOf({ cwd }, "--on", "three", "--endpoint", "https://flag"), "https://flag");
  await done(cwd, "use", "--none");
  assert.equal(await endpointOf({ cwd }), "https://data");
  await done(cwd, "use", "one");
  rmSync(join(cwd, ".config/keystead/contexts/one"), { recursive: true });
  assert.equal(await endpointOf({ cwd }), "https://data", "one that was removed by hand is none");
});

test("a session is kept in its context", async () => {
  const cwd = newFolder();
  await done(cwd, "add", "one", "--endpoint", "https://one", "--use");
  const session = {
    endpoint: "https://one",
    accessToken: "t",
    accessExpiresAt: Date.now() + 1e6,
    refreshToken: "r",
    sessionExpiresAt: Date.now() + 1e6,
  };
  const path = put(join(cwd, ".config/keystead/contexts/one/session.json"), JSON.stringify(session));
  chmodSync(path, 0o600);
  const { connectedWith } = await runIn({ client, cwd, env: NOWHERE }, "status");
  assert.equal(await connectedWith?.tokenProvider?.(), "t");
});

test("wrong names, missing files, a second one of the name and two choices are mistakes", async () => {
  const cwd = newFolder();
  await done(cwd, "add", "one", "--endpoint", "https://one");
  for (const [args, told] of [
    [["add", "one", "--endpoint", "https://two"], /--force/],
    [["add", "two"], /--endpoint/],
    [["add", "../../x", "--endpoint", "https://x"], /not a name/],
    [["add", "..", "--endpoint", "https://x"], /not a name/],
    [["add", "two", "--endpoint", "https://x", "--ca", "absent.pem"], /no file/],
    [["use", "absent"], /no context 'absent'/],
    [["use"], /a name, or --none/],
    [["remove", "absent"], /no context 'absent'/],
  ] as const) {
    const { exit, err } = await runIn({ cwd, env: NOWHERE }, "context", ...args);
    assert.equal(exit, 2, args.join(" "));
    assert.match(err, told);
  }
  const both = await runIn({ client, cwd, env: NOWHERE }, "status", "--on", "one", "--profile", "x.json");
  assert.deepEqual([both.exit, both.connectedWith], [2, undefined]);
  await done(cwd, "add", "one", "--endpoint", "https://two", "--force");
  assert.equal(await endpointOf({ cwd }, "--on", "one"), "https://two");
});
