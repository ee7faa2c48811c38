/** Profiles: relative paths, unknown fields, unreadable files. */
import assert from "node:assert/strict";
import { mkdtempSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { readProfile } from "./profile.ts";

const folder = mkdtempSync(join(tmpdir(), "keystead-profile-"));
function profile(text: string): string {
  const path = join(folder, "profile.json");
  writeFileSync(path, text);
  return path;
}

test("paths are relative to the profile's own folder", () => {
  const read = readProfile(
    profile(
      JSON.stringify({ endpoint: "https://localhost:8443", ca: "ca.pem", cert: "/abs/admin.pem", tokenKey: "t.pem", namespace: "n" }),
    ),
  );
  assert.deepEqual(read, {
    endpoint: "https://localhost:8443",
    ca: join(folder, "ca.pem"),
    cert: "/abs/admin.pem",
    tokenKey: join(folder, "t.pem"),
    namespace: "n",
  });
});

test("refuses unknown fields, values that are not text, and what is not a JSON object", () => {
  for (const text of ['{"endpiont":"x"}', '{"ca":1}', "[]", "null", "{"])
    assert.throws(() => readProfile(profile(text)), { code: "INVALID_REQUEST" }, text);
  assert.throws(() => readProfile(join(folder, "absent.json")), { code: "INVALID_REQUEST" });
});
