/**
 * The pages of docs/integrate/pkcs11/ tried out: what a page tells a reader to write and to run is written and run, in
 * the order of the page, with the module built from its source against one live server. So a page cannot say what does
 * not work.
 *
 * A block ```` ```yaml hsm_pkcs11.yaml ```` is a file. `sh keystead` are commands of the administrator. `sh client` is run by
 * bash, where the files are, and prints what the `text` block after it says. `/etc/keystead`, `/usr/local/lib`, the
 * server's address and named ports are those of the test.
 */
import assert from "node:assert/strict";
import { spawnSync, type SpawnSyncOptions } from "node:child_process";
import { randomBytes } from "node:crypto";
import { chmodSync, chownSync, copyFileSync, mkdirSync, writeFileSync } from "node:fs";
import { createServer, type AddressInfo } from "node:net";
import { dirname, join } from "node:path";
import { before, describe, test } from "node:test";
import { ENVIRONMENT } from "../../environment.ts";
import { blocksOf, printed, type Block } from "../../papers.ts";
import { administratorRuns } from "../people.ts";
import { builtModule, skipModule } from "../pkcs11-module.ts";
import { served, type Served } from "../served.ts";

export interface ClientPage {
  /** Of docs/integrate/pkcs11/<name>.md. */
  readonly name: string;
  /** Programs it uses besides bash and those of every page. */
  readonly programs?: readonly string[];
  /** Ports on the page, each of which is another in the test. */
  readonly ports?: readonly number[];
  /** Its commands do not work for root. */
  readonly unprivileged?: true;
  /** What it uses of other registries than the system's. */
  readonly packages?: Packages;
}

/** Who runs the commands of pages that root may not: nobody. */
const NOBODY = process.getuid?.() === 0 ? 65_534 : undefined;
/** Packages of a language, kept between runs. */
export interface Packages {
  /** Gets them into the cache, unless they are there. @returns why not, when they cannot be had */
  install(fileOfPage: (name: string) => string): string | false;
  /** Makes them seen in a page's folder. @returns variables for its commands */
  into(folder: string): Readonly<Record<string, string>>;
}

/** Whatever a block left running ends with the block. */
const ENDS = "trap 'for pid in ${SSH_AGENT_PID-} ${P11_KIT_SERVER_PID-} $(cat -- *.pid 2>/dev/null); do kill \"$pid\"; done' EXIT\n";

/** Registers the tests of some pages, which share a server. */
export function clientPages(...pages: readonly ClientPage[]): void {
  describe("clients of the module", { skip: skipModule }, () => {
    const here = served();
    let library = "";
    before(() => {
      library = builtModule();
    });
    for (const page of pages) describe(paperOf(page.name), { skip: whyNot(page) }, () => tryOut(page, here, () => library));
  });
}

/** With CI=true nothing is left out: what is missing fails. */
function whyNot({ name, programs = [], packages }: ClientPage): string | false {
  const absent = programs.filter((program) => spawnSync("which", [program]).status !== 0);
  const missing = absent.length > 0 ? `there is no ${absent.join(", no ")}` : packages?.install((file) => fileOf(name, file));
  if (missing && process.env["CI"] === "true") throw new Error(`${name}: ${missing}`);
  return missing ?? false;
}

const paperOf = (page: string): string => `docs/integrate/pkcs11/${page}.md`;

/** The text of a file that a page has the reader write. */
function fileOf(page: string, name: string): string {
  const block = blocksOf(paperOf(page)).find(({ info }) => info.split(" ")[1] === name);
  assert.ok(block !== undefined, `${paperOf(page)} has no ${name}`);
  return `${block.text}\n`;
}

function tryOut(page: ClientPage, here: Served, library: () => string): void {
  const blocks = blocksOf(paperOf(page.name), ["sh client", "sh keystead"]);
  const places = new Map<string, string>();
  let env: Record<string, string> = {};
  const placed = (text: string): string => [...places].reduce((result, [told, real]) => result.replaceAll(told, real), text);

  before(async () => {
    const folder = join(here.server.folder, page.name);
    places.set("/etc/keystead", join(folder, "etc")).set("/usr/local/lib", join(folder, "lib"));
    places.set("https://hsm.example.com:8443", here.server.api);
    for (const port of page.ports ?? []) places.set(String(port), String(await freePort()));
    for (const name of ["etc", "lib", "run"]) mkdirSync(join(folder, name), { recursive: true });
    // The programs of a page may change their user, as nginx does.
    for (const name of [".", "etc", "lib"]) chmodSync(join(folder, name), 0o755);
    chmodSync(join(folder, "run"), 0o700);
    copyFileSync(library(), join(folder, "lib/libhsm_pkcs11.so"));
    writeFileSync(join(folder, "etc/ca.pem"), here.server.credential("ca.pem"), { mode: 0o644 });
    for (const [name, credential] of [["client.pem", "admin.pem"] as const, ["client-key.pem", "admin-key.pem"] as const])
      writeFileSync(join(folder, "etc", name), here.server.credential(credential));
    // Each token of each run has PINs of its own.
    for (const name of ["so-pin", "pin"]) writeFileSync(join(folder, "etc", name), randomBytes(12).toString("base64url"));
    if (page.unprivileged && NOBODY !== undefined) for (const name of [".", "etc", "run"]) chownSync(join(folder, name), NOBODY, NOBODY);
    writeFileSync(join(folder, "askpass"), `#!/bin/sh\ncat '${folder}/etc/pin'\n`, { mode: 0o755 });
    env = {
      ...ENVIRONMENT,
      HOME: folder,
      LANG: "C.UTF-8",
      TZ: "UTC",
      XDG_RUNTIME_DIR: join(folder, "run"),
      // A person is asked for the PIN at a terminal; here a program answers.
      SSH_ASKPASS: join(folder, "askpass"),
      SSH_ASKPASS_REQUIRE: "force",
      HSM_PKCS11_CONFIG: join(folder, "etc/hsm_pkcs11.yaml"),
      ...page.packages?.into(folder),
    };
  });

  test("the page has commands", () => assert.ok(blocks.some(({ info }) => info === "sh client")));

  for (const block of blocks) {
    const [language = "", file] = block.info.split(" ");
    const name = language === "sh" ? `line ${block.line} works` : `${file} is written`;
    if (block.info === "text") continue;
    test(name, async () => {
      const folder = dirname(places.get("/etc/keystead") as string);
      if (block.info === "sh keystead") await administer(placed(block.text), here, folder);
      else if (block.info === "sh client")
        run(placed, block, { cwd: folder, env, ...(page.unprivileged && NOBODY !== undefined ? { uid: NOBODY, gid: NOBODY } : {}) });
      else {
        assert.ok(file !== undefined, `line ${block.line}: a block is a file or commands, and says which`);
        const path = placed(file);
        const whole = path.startsWith("/") ? path : join(folder, path);
        mkdirSync(dirname(whole), { recursive: true });
        writeFileSync(whole, `${placed(block.text)}\n`);
      }
    });
  }
}

/** The commands of the administrator, in this process: a new one for each would cost more than all the work. */
async function administer(text: string, here: Served, folder: string): Promise<void> {
  for (const line of text.replaceAll(/\\\n/g, "").split("\n")) {
    const [program, ...args] = line.split(/ +/);
    assert.equal(program, "keystead");
    const { exit, err, out } = await administratorRuns(here.server, folder, ...args);
    assert.equal(exit, 0, `${line}\n${out}${err}`);
  }
}

function run(placed: (text: string) => string, block: Block, as: SpawnSyncOptions): void {
  const script = placed(block.text);
  const { status, stdout, stderr } = spawnSync("bash", ["--norc", "-eu", "-o", "pipefail", "-c", ENDS + script], {
    ...as,
    encoding: "utf8",
    timeout: 180_000,
  });
  assert.equal(status, 0, `${script}\n${stdout}${stderr}`);
  if (block.output !== undefined) assert.match(stdout.endsWith("\n") ? stdout : `${stdout}\n`, printed(placed(block.output)), stderr);
}

async function freePort(): Promise<number> {
  const probe = createServer();
  await new Promise<void>((listening) => probe.listen(0, "127.0.0.1", listening));
  const { port } = probe.address() as AddressInfo;
  await new Promise((closed) => probe.close(closed));
  return port;
}
