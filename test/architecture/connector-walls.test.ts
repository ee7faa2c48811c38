import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { confined } from "../../server/launcher/part.ts";
import { USERS } from "../../server/launcher/users.ts";
import { connectorFlags, gatewayFlags, vaultFlags } from "../../server/launcher/walls.ts";
import { ROOT, newFolder } from "../server.ts";

const WALLS = join(ROOT, "server/connector/walls.ts");

/** Runs code as the launcher runs a connector, with these flags; what it says. */
function inside(flags: readonly string[], code: string): string {
  const [shell, words] = confined(process.execPath, [...flags, "--input-type=module", "--eval", code]);
  const { stdout, stderr } = spawnSync(shell, words, { encoding: "utf8", env: {} });
  return stdout.trim() || stderr;
}

const LOOK = `const walls = await import(${JSON.stringify(WALLS)}); try { walls.requireWalls(); console.log("stand"); } catch (error) { console.log(error.message); }`;

test("a connector's flags satisfy its own look at its walls", () => {
  assert.equal(inside(connectorFlags(ROOT, []), LOOK), "stand");
});

for (const [scope, flag] of [
  ["fs.write", "--allow-fs-write=*"],
  ["fs.read", "--allow-fs-read=*"],
  ["child", "--allow-child-process"],
  ["worker", "--allow-worker"],
  ["wasi", "--allow-wasi"],
  ["inspector", "--allow-inspector"],
] as const)
  test(`with ${flag} beside its flags a connector refuses to run and names ${scope}`, () => {
    const said = inside([...connectorFlags(ROOT, []), flag], LOOK);
    assert.ok(said.startsWith("a connector must not have:") && said.includes(scope), said);
  });

test("a connector with a folder for sinks runs, writes there, and nowhere else", () => {
  const folder = newFolder();
  mkdirSync(join(folder, "sinks"));
  const flags = connectorFlags(ROOT, [], join(folder, "sinks"));
  assert.equal(inside(flags, LOOK), "stand");
  const code = `
    import { writeFileSync, renameSync, symlinkSync } from "node:fs";
    const tries = {
      there: () => writeFileSync(${JSON.stringify(join(folder, "sinks/a.log"))}, "x"),
      aside: () => renameSync(${JSON.stringify(join(folder, "sinks/a.log"))}, ${JSON.stringify(join(folder, "sinks/a.log.1"))}),
      out: () => renameSync(${JSON.stringify(join(folder, "sinks/a.log.1"))}, ${JSON.stringify(join(folder, "a.log"))}),
      beside: () => writeFileSync(${JSON.stringify(join(folder, "sinks-beside"))}, "x"),
      above: () => writeFileSync(${JSON.stringify(`${folder}/sinks/../b.log`)}, "x"),
      link: () => symlinkSync("/etc/passwd", ${JSON.stringify(join(folder, "sinks/link"))}),
    };
    const said = {};
    for (const [name, run] of Object.entries(tries)) try { run(); said[name] = "done"; } catch (error) { said[name] = error.code ?? error.name; }
    console.log(JSON.stringify(said));`;
  const denied = "ERR_ACCESS_DENIED";
  assert.deepEqual(JSON.parse(inside(flags, code)), {
    there: "done",
    aside: "done",
    out: denied,
    beside: denied,
    above: denied,
    link: denied,
  });
});

test("without the permission model a connector refuses to run", () => {
  assert.equal(inside([], LOOK), "a connector must run under Node's permission model");
});

test("from inside a connector: the network is there; files, data folders, the vault's code, processes and eval are not", () => {
  const folder = newFolder();
  mkdirSync(join(folder, "data"));
  writeFileSync(join(folder, "data/keystead.db"), "x");
  writeFileSync(join(folder, "authorities.pem"), "x");
  const code = `
    import { readFileSync, writeFileSync, readdirSync } from "node:fs";
    import { spawnSync } from "node:child_process";
    import { Worker } from "node:worker_threads";
    import { createServer, connect } from "node:net";
    const tries = {
      data: () => readFileSync(${JSON.stringify(join(folder, "data/keystead.db"))}),
      folder: () => readdirSync(${JSON.stringify(folder)}),
      passwd: () => readFileSync("/etc/passwd"),
      vault: () => readFileSync(${JSON.stringify(join(ROOT, "server/vault/main.ts"))}),
      write: () => writeFileSync(${JSON.stringify(join(folder, "written"))}, "x"),
      spawn: () => { const { error } = spawnSync("true"); if (error) throw error; },
      worker: () => new Worker("1", { eval: true }),
      function: () => new Function("return 1"),
      authorities: () => readFileSync(${JSON.stringify(join(folder, "authorities.pem"))}),
    };
    const said = {};
    for (const [name, run] of Object.entries(tries)) try { run(); said[name] = "done"; } catch (error) { said[name] = error.code ?? error.name; }
    const server = createServer((socket) => socket.end("x")).listen(0, "127.0.0.1", () => {
      connect(server.address().port, "127.0.0.1", () => { said.network = "done"; console.log(JSON.stringify(said)); process.exit(); });
    });`;
  const said = JSON.parse(inside(connectorFlags(ROOT, [join(folder, "authorities.pem")]), code)) as Record<string, string>;
  const denied = "ERR_ACCESS_DENIED";
  assert.deepEqual(said, {
    data: denied,
    folder: denied,
    passwd: denied,
    vault: denied,
    write: denied,
    spawn: denied,
    worker: denied,
    function: "EvalError",
    authorities: "done",
    network: "done",
  });
});

test("no part can read another part's code, and each has a user of its own", () => {
  const flagsOf = { connector: connectorFlags(ROOT, []), gateway: gatewayFlags(ROOT, []), vault: vaultFlags(ROOT, [], []) };
  for (const [name, flags] of Object.entries(flagsOf))
    assert.deepEqual(
      flags.filter((flag) => flag.includes("/server/")),
      [`--allow-fs-read=${ROOT}/server/${name}/*`],
    );
  const ids = Object.values(USERS).map(({ uid }) => uid);
  assert.equal(new Set(ids).size, ids.length);
});
