/** `keystead login`: exactly one way to say who it is, and words that do not go together are refused before anything is asked. */
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { newFolder, runIn } from "./recording-shell.ts";

const PROVIDER = ["--issuer", "https://idp.example", "--client-id", "keystead"];
const WRONG: readonly (readonly string[])[] = [
  [],
  ["alice", ...PROVIDER],
  ["--service", ...PROVIDER],
  ["--password", "env:P", ...PROVIDER],
  ["--issuer", "https://idp.example"],
  ["--issuer", "nowhere", "--client-id", "keystead"],
  ["--client-id", "keystead"],
  ["alice", "--device-code"],
  ["--provider-token", "env:T", ...PROVIDER],
];
for (const words of WRONG)
  test(`login ${words.join(" ")} is refused as a mistake of the line`, async () =>
    assert.equal((await runIn({ env: { P: "p", T: "t" } }, "login", ...words)).exit, 2));

test("a provider's token is exchanged as it was given, and the session is kept", async () => {
  const cwd = newFolder();
  const asked: unknown[] = [];
  const loginOidc = (request: unknown): object => {
    asked.push(request);
    return { accessToken: "a", refreshToken: "r", sessionId: "s", sessionExpiresAt: new Date(9e12), mustChangePassword: false };
  };
  const scene = { cwd, env: { T: "one.two.three\n" }, client: { loginOidc } };
  assert.equal((await runIn(scene, "login", "--provider-token", "env:T", "--bind-address")).exit, 0);
  assert.deepEqual(asked, [{ token: "one.two.three", bindAddress: true }]);
  const kept = JSON.parse(readFileSync(join(cwd, ".config", "keystead", "session.json"), "utf8")) as { refreshToken: string };
  assert.equal(kept.refreshToken, "r");
});
