import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test, type TestContext } from "node:test";
import { gatewayFlags, vaultFlags } from "./walls.ts";

const ROOT = join(import.meta.dirname, "../..");
const WALLS = join(ROOT, "server/vault/walls.ts");

function folder(t: TestContext): string {
  const path = mkdtempSync(join(tmpdir(), "keystead-walls-"));
  t.after(() => rmSync(path, { recursive: true }));
  return path;
}

/** Runs a function of vault/walls.ts under these flags; what it says when it refuses, or "stands". */
function inside(flags: readonly string[], call: string): string {
  const code = `const walls = await import(${JSON.stringify(WALLS)}); try { walls.${call}; console.log("stands"); } catch (error) { console.log(error.code + ": " + error.detail); }`;
  const { stdout, stderr } = spawnSync(process.execPath, [...flags, "--input-type=module", "--eval", code], { encoding: "utf8", env: {} });
  return stdout.trim() || stderr;
}

test("the vault's flags satisfy the vault's own look at its walls", (t) => {
  const data = folder(t);
  assert.equal(inside(vaultFlags(ROOT, [data], []), "requireWalls()"), "stands");
});

for (const [scope, flag] of [
  ["net", "--allow-net"],
  ["child", "--allow-child-process"],
  ["addon", "--allow-addons"],
  ["worker", "--allow-worker"],
  ["wasi", "--allow-wasi"],
  ["inspector", "--allow-inspector"],
  ["fs.read", "--allow-fs-read=*"],
] as const) {
  test(`with ${flag} beside its flags the vault refuses to run and names ${scope}`, (t) => {
    const said = inside(
      [...vaultFlags(ROOT, [folder(t)], []).filter((other) => scope !== "addon" || other !== "--no-addons"), flag],
      "requireWalls()",
    );
    assert.ok(said.startsWith("INTERNAL: the vault must not have:") && said.includes(scope), said);
  });
}

test("without the permission model the vault refuses to run, and the gateway's flags are not enough", () => {
  assert.equal(inside([], "requireWalls()"), "INTERNAL: the vault must run under Node's permission model");
  assert.match(inside([...gatewayFlags(ROOT, []), `--allow-fs-read=${ROOT}/server/*`], "requireWalls()"), /must not have: net/);
});

test("a data folder with a symbolic link anywhere in it is refused by its name; one without is not", (t) => {
  const data = folder(t);
  mkdirSync(join(data, "a/b"), { recursive: true });
  writeFileSync(join(data, "a/b/file"), "");
  const flags = vaultFlags(ROOT, [data], []);
  assert.equal(inside(flags, `refuseLinks(${JSON.stringify(data)})`), "stands");
  for (const target of ["/etc/passwd", "/nowhere", join(data, "a")]) {
    const link = join(data, "a/b/link");
    symlinkSync(target, link);
    assert.equal(
      inside(flags, `refuseLinks(${JSON.stringify(data)})`),
      `INTEGRITY_FAILURE: ${link} is a symbolic link; the data folder must hold none`,
    );
    rmSync(link);
  }
});
