/**
 * The papers, tried out: every command of a fenced `sh run` block is run against a freshly started server, and prints
 * what the `text` block after it says; every link and every path named in a paper exists.
 *
 * A block is run by bash in the folder of the tour, where `./keystead.cjs` and `./data` are. `…` in a `text` block
 * stands for anything; on a line of its own, for any lines. The one `sh server` block is the command that starts the
 * server. When another program has one of the server's ports, the tour runs on others.
 */
import assert from "node:assert/strict";
import { spawn, spawnSync, type ChildProcess } from "node:child_process";
import { once } from "node:events";
import { chmodSync, existsSync, globSync, mkdtempSync, readFileSync, rmSync, statSync, symlinkSync } from "node:fs";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { delimiter, dirname, join, relative } from "node:path";
import { after, before, test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { ENVIRONMENT } from "../environment.ts";
import { blocksOf, printed, type Block } from "../papers.ts";

const ROOT = join(import.meta.dirname, "../..");
const PAPERS = globSync("{*.md,docs/**/*.md}", { cwd: ROOT }).sort(
  (a, b) => Number(b === "README.md") - Number(a === "README.md") || (a < b ? -1 : 1),
);
const READY_MS = 180_000;

/** The ports of the development preset, and the flags that move them. */
const PORTS = [
  [50_051, "--port"],
  [8443, "--api-port"],
  [8080, "--health-port"],
  [9090, "--metrics-port"],
] as const;

const blocks = PAPERS.flatMap((paper) => blocksOf(paper));
const runnable = blocks.filter(({ info }) => info === "sh run");
const ran = new Set<Block>();

const folder = mkdtempSync(join(tmpdir(), "keystead-tour-"));
// As root the vault has a user of its own, which must get through.
chmodSync(folder, 0o755);
symlinkSync(join(ROOT, "keystead.cjs"), join(folder, "keystead.cjs"));
const path = [dirname(process.execPath), process.env["PATH"] ?? ""].join(delimiter);
const env = { ...ENVIRONMENT, PATH: path, HOME: folder, LANG: "C.UTF-8" };
const moved = new Map<number, number>();
let server: ChildProcess | undefined;
let said = "";

const found = (program: string): boolean => path.split(delimiter).some((place) => existsSync(join(place, program)));

/** A listening port, closed again; undefined when the wanted one is taken. */
async function freePort(wanted: number): Promise<number | undefined> {
  const probe = createServer();
  const listening = once(probe, "listening").then(
    () => true,
    () => false,
  );
  probe.listen(wanted, "127.0.0.1");
  if (!(await listening)) return undefined;
  const { port } = probe.address() as { port: number };
  await new Promise((closed) => probe.close(closed));
  return port;
}

const here = (text: string): string => PORTS.reduce((result, [port]) => result.replaceAll(`:${port}`, `:${moved.get(port) ?? port}`), text);

before(async () => {
  const flags: string[] = [];
  for (const [port, flag] of PORTS) {
    if ((await freePort(port)) !== undefined) continue;
    moved.set(port, (await freePort(0)) as number);
    flags.push(flag, String(moved.get(port)));
  }
  const child = spawn("node", ["keystead.cjs", "dev", ...flags], { cwd: folder, env, stdio: ["ignore", "pipe", "pipe"] });
  server = child;
  for (const stream of [child.stdout, child.stderr]) stream.setEncoding("utf8").on("data", (text: string) => (said += text));
  for (const started = Date.now(); ; await sleep(100)) {
    const ready = await fetch(here("http://localhost:8080/health/ready")).then(
      (answer) => answer.ok,
      () => false,
    );
    if (ready) break;
    assert.ok(child.exitCode === null && Date.now() - started < READY_MS, `the server did not get ready:\n${said}`);
  }
});

after(async () => {
  if (server?.exitCode === null) {
    const ended = once(server, "exit");
    server.kill("SIGTERM");
    const [code] = (await ended) as [number | null];
    assert.equal(code, 0, said);
  }
  rmSync(folder, { recursive: true, force: true });
});

test("the README starts the server by the command that package.json has for it", () => {
  const starting = blocks.filter(({ info }) => info === "sh server");
  assert.deepEqual(
    starting.map(({ paper, text }) => [paper, text]),
    [["README.md", "npm start"]],
  );
  const { scripts } = JSON.parse(readFileSync(join(ROOT, "package.json"), "utf8")) as { scripts: Record<string, string> };
  assert.equal(scripts["start"], "exec node keystead.cjs dev");
});

/** What grpcurl printed last, for the reader's part of the tour: putting it in the next command. */
let signature = "";

for (const block of runnable) {
  const [program] = /\bgrpcurl\b/.exec(block.text) ?? [];
  const missing = program !== undefined && !found(program) && process.env["CI"] !== "true";
  test(
    `${block.paper}:${block.line} runs${block.output === undefined ? "" : " and prints what is written"}`,
    { skip: missing && `${program} is not installed` },
    () => {
      const script = here(block.text).replaceAll("<base64-signature>", signature);
      const { status, stdout, stderr } = spawnSync("bash", ["--norc", "-eu", "-o", "pipefail", "-c", script], {
        cwd: folder,
        env,
        encoding: "utf8",
        timeout: 180_000,
      });
      assert.equal(status, 0, `${script}\n${stdout}${stderr}\n${said.split("\n").slice(-12).join("\n")}`);
      signature = /"signature": ?"([^"]+)"/.exec(stdout)?.[1] ?? signature;
      if (block.output !== undefined) assert.match(stdout.endsWith("\n") ? stdout : `${stdout}\n`, printed(here(block.output)));
      ran.add(block);
    },
  );
}

test("what docs/operate/install.md makes is a production server that starts, knows alice, and keeps what it was given", async () => {
  const ports = await Promise.all(PORTS.map(() => freePort(0)));
  const flags = PORTS.flatMap(([, flag], at) => [flag, String(ports[at])]);
  const client = [
    "--endpoint",
    `https://localhost:${ports[1]}`,
    "--ca",
    "hsm/tls/ca-cert.pem",
    "--client-cert",
    "alice.pem",
    "--client-key",
    "alice-key.pem",
  ];
  const ask = (...args: readonly string[]) =>
    spawnSync("node", ["keystead.cjs", ...args, ...client], { cwd: folder, env, encoding: "utf8", timeout: 180_000 });
  for (const command of [
    ["keys", "create", "Ed25519", "--id", "kept"],
    ["keys", "show", "kept"],
  ]) {
    const production = spawn("node", ["keystead.cjs", "server", "--config", "keystead.yaml", ...flags], {
      cwd: folder,
      env,
      stdio: ["ignore", "pipe", "pipe"],
    });
    let log = "";
    for (const stream of [production.stdout, production.stderr]) stream.setEncoding("utf8").on("data", (text: string) => (log += text));
    const ended = once(production, "exit");
    try {
      for (
        const started = Date.now();
        !(await fetch(`http://127.0.0.1:${ports[2]}/health/ready`).then(
          (answer) => answer.ok,
          () => false,
        ));
        await sleep(100)
      ) {
        assert.ok(production.exitCode === null && Date.now() - started < READY_MS / 2, `the production server did not get ready:\n${log}`);
      }
      const { status, stderr } = ask(...command);
      assert.equal(status, 0, stderr);
      assert.match(ask("status").stdout, /^preset +production$/m);
    } finally {
      production.kill("SIGTERM");
    }
    assert.deepEqual(await ended, [0, null], log);
  }
  const verified = spawnSync(
    "node",
    [
      "keystead.cjs",
      "audit",
      "verify",
      "--data-dir",
      "hsm/data",
      "--log",
      "hsm/log/audit.log",
      "--master-key",
      "file:hsm/unseal/master.key",
    ],
    { cwd: folder, env, encoding: "utf8" },
  );
  assert.match(verified.stdout, /^Verified: .*chain and MACs/m, verified.stderr);
});

test("every runnable block ran, and the README has them", (t) => {
  assert.ok(runnable.filter(({ paper }) => paper === "README.md").length >= 9);
  const left = runnable.filter((block) => !ran.has(block) && !(block.text.includes("grpcurl") && !found("grpcurl")));
  if (left.length > 0) t.diagnostic(`${left.length} blocks did not run`);
  assert.deepEqual(
    left.map(({ paper, line }) => `${paper}:${line}`),
    [],
  );
});

test("docs/design/dependencies.md has a line for every direct dependency and for no other package", () => {
  const manifests = globSync("{package.json,{lib,server,clients}/*/package.json}", { cwd: ROOT });
  const direct = new Set(
    manifests.flatMap((manifest) => {
      const { dependencies, devDependencies, optionalDependencies } = JSON.parse(readFileSync(join(ROOT, manifest), "utf8")) as Readonly<
        Record<string, Readonly<Record<string, string>> | undefined>
      >;
      return Object.keys({ ...dependencies, ...devDependencies, ...optionalDependencies }).filter((name) => !name.startsWith("@keystead/"));
    }),
  );
  const sections = readFileSync(join(ROOT, "clients/pkcs11/Cargo.toml"), "utf8").split(/^\[/m);
  for (const section of sections.filter((text) => /^(?:build-|dev-)?dependencies\]/.test(text)))
    for (const [, crate = ""] of section.matchAll(/^([\w-]+) = /gm)) direct.add(crate);
  const rows = readFileSync(join(ROOT, "docs/design/dependencies.md"), "utf8")
    .split("\n")
    .flatMap((line) => /^\| ([^|]*) \|/.exec(line)?.[1] ?? []);
  const told = rows.flatMap((cell) => cell.replaceAll(/ \(.*?\)/g, "").split(", ")).filter((name) => name !== "Package");
  assert.deepEqual(told.sort(), [...direct].sort());
});

/** A heading's anchor, as GitHub makes it. */
const anchorOf = (heading: string): string =>
  heading
    .trim()
    .toLowerCase()
    .replaceAll(/[^\p{L}\p{N} _-]/gu, "")
    .replaceAll(" ", "-");

const anchors = (paper: string): string[] =>
  readFileSync(join(ROOT, paper), "utf8")
    .replaceAll(/^```[\s\S]*?^```/gm, "")
    .split("\n")
    .flatMap((line) => /^#{1,6} (.*)$/.exec(line)?.[1] ?? [])
    .map(anchorOf);

for (const paper of PAPERS) {
  const prose = readFileSync(join(ROOT, paper), "utf8").replaceAll(/^```[\s\S]*?^```/gm, "");

  test(`${paper}: every relative link leads somewhere`, () => {
    const links = [...prose.matchAll(/\]\(([^)\s]+)\)/g)]
      .map(([, target]) => target as string)
      .filter((target) => !/^[a-z]+:/.test(target));
    const broken = links.filter((target) => {
      const [file = "", anchor] = target.split("#");
      const where = file === "" ? paper : relative(ROOT, join(ROOT, dirname(paper), decodeURIComponent(file)));
      if (!existsSync(join(ROOT, where))) return true;
      return anchor !== undefined && !anchors(where).includes(anchor);
    });
    assert.deepEqual(broken, []);
  });

  test(`${paper}: every file it names exists`, () => {
    const named = [...prose.matchAll(/`((?:\.ci|bench|clients|config|docs|lib|proto|server|test|tools)\/[^`\s]*)`/g)].map(
      ([, name]) => name as string,
    );
    const missing = named
      .filter((name) => !/^config\/default|[<>{}*…]|\/x\b|NAME/.test(name))
      .filter((name) => {
        const place = join(ROOT, name);
        return !existsSync(place) || (name.endsWith("/") && !statSync(place).isDirectory());
      });
    assert.deepEqual(missing, []);
  });
}
