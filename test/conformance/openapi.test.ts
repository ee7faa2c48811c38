/**
 * The OpenAPI document against the running server, by schemathesis (PyPI): whatever it makes up from the document is
 * answered as the document says, and never with a 5xx.
 */
import assert from "node:assert/strict";
import { spawn, spawnSync } from "node:child_process";
import { existsSync } from "node:fs";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { ROOT, serve, type RunningServer } from "./running-server.ts";
import { hangUp, http } from "./surfaces.ts";

const VERSION = "4.32.5";
const VENV = join(ROOT, ".keystead/schemathesis");
const PROGRAM = join(VENV, "bin/st");
const SOAK = process.env["KEYSTEAD_SOAK"] === "true";
/** Examples per operation and phase: about half a minute, and ten minutes in the soak. */
const EXAMPLES = SOAK ? "400" : "12";

/** Installs schemathesis into a folder of its own, once. @returns why not, when it cannot be had */
function install(): string | false {
  if (existsSync(PROGRAM)) return false;
  for (const [command, ...args] of [
    ["python3", "-m", "venv", VENV],
    [join(VENV, "bin/pip"), "install", "--quiet", "--disable-pip-version-check", `schemathesis==${VERSION}`],
  ] as [string, ...string[]][]) {
    if (spawnSync(command, args, { stdio: "inherit", timeout: 240_000 }).status !== 0) return "schemathesis cannot be installed from PyPI";
  }
  return false;
}

const missing = install();
let server: RunningServer;

before(async () => {
  server = await serve();
});
after(async () => {
  hangUp();
  assert.equal(await server.stop(), 0);
});

test(
  "schemathesis finds no 5xx and no answer that the document does not have",
  { skip: process.env["CI"] !== "true" && missing, timeout: 900_000 },
  async (context) => {
    assert.equal(missing, false);
    const child = spawn(
      PROGRAM,
      [
        "--config-file",
        join(import.meta.dirname, "schemathesis.toml"),
        "run",
        `http://${server.addresses["health"]}/openapi.json`,
        "--checks",
        "all",
        "--max-examples",
        EXAMPLES,
        "--seed",
        "1",
        "--generation-database",
        "none",
        "--no-color",
        "--continue-on-failure",
      ],
      { cwd: server.folder, stdio: ["ignore", "pipe", "pipe"] },
    );
    let said = "";
    for (const stream of [child.stdout, child.stderr]) stream.setEncoding("utf8").on("data", (text: string) => (said += text));
    const status = await new Promise<number | null>((done) => child.once("close", done));
    assert.equal(status, 0, said);
    context.diagnostic(/[0-9]+ generated.*/.exec(said)?.[0] ?? "");
  },
);

test("after all that the server still answers, and its log verifies", async () => {
  const door = {
    origin: server.api,
    ca: server.credential("ca.pem"),
    cert: server.credential("admin.pem"),
    key: server.credential("admin-key.pem"),
  };
  assert.equal((await http(door, "GET", "/api/v1/status")).status, 200);
  assert.equal((await http(door, "GET", "/health/ready")).status, 200);
  for (const record of server.records()) assert.notEqual(record.level, "error", JSON.stringify(record));
});
