/**
 * The OpenAPI document against the running server, by schemathesis (PyPI): whatever it makes up from the document is
 * answered as the document says, and never with a 5xx.
 */
import assert from "node:assert/strict";
import { spawn, spawnSync } from "node:child_process";
import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { isDeepStrictEqual } from "node:util";
import { ROOT, serve, type RunningServer } from "./running-server.ts";
import { hangUp, http } from "./surfaces.ts";

const VERSION = "4.32.5";
const VENV = join(ROOT, ".keystead/schemathesis");
const PROGRAM = join(VENV, "bin/st");
/**
 * Not held against the server: a key that was just made is 404 in another namespace and in a version it does not have;
 * `GET /keys/import` is about the key named `import`, which the path's own entry cannot say (Allow has a test below).
 */
const EXCLUDED = "ensure_resource_availability,allow_header_conformance";
const SOAK = process.env["KEYSTEAD_SOAK"] === "true";
/** Examples per operation and phase, besides the ones at the limits of each schema, which it makes without being told how many: four, and 400 in the soak. */
const EXAMPLES = SOAK ? "400" : "4";

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

interface Schema {
  readonly properties?: Readonly<Record<string, unknown>>;
}
interface Operation {
  readonly operationId?: string;
  readonly parameters?: readonly { readonly name: string }[];
  readonly requestBody?: { readonly content: Readonly<Record<string, { readonly schema: Schema }>> };
}
type Paths = Readonly<Record<string, Readonly<Record<string, Operation>>>>;

const UNSCOPED = "/api/v1";
const SCOPED = "/api/v1/namespaces/{namespace}";

/**
 * Operations whose body the document has twice: under a namespace's path, and without one, with the namespace in the body. All that
 * the one under the namespace has is in the other, word for word, so examples at the limits of its schema are made of the other
 * alone. Whatever differs in more than the namespace is not in here; the rest of the phases are for both, and so is the soak.
 *
 * @returns names as schemathesis has them, of those under the namespace
 */
function describedTwice(paths: Paths): string[] {
  const bare = ({ operationId: _operationId, parameters = [], ...rest }: Operation): unknown => ({
    ...rest,
    parameters: parameters.filter(({ name }) => name !== "namespace"),
    requestBody: JSON.parse(JSON.stringify(rest.requestBody), (key, value: unknown) => {
      if (key !== "schema") return value;
      const { namespace: _namespace, ...properties } = (value as Schema).properties ?? {};
      return { ...(value as Schema), properties };
    }),
  });
  return Object.entries(paths)
    .filter(([path]) => path.startsWith(SCOPED))
    .flatMap(([path, methods]) => {
      const others = paths[UNSCOPED + path.slice(SCOPED.length)] ?? {};
      return Object.entries(methods)
        .filter(([method, one]) => {
          const other = others[method];
          return other !== undefined && one.requestBody !== undefined && isDeepStrictEqual(bare(one), bare(other));
        })
        .map(([method]) => `${method.toUpperCase()} ${path}`);
    });
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
    const { paths } = JSON.parse(
      (await http({ origin: `http://${server.addresses["health"]}` }, "GET", "/openapi.json")).body.toString(),
    ) as {
      paths: Paths;
    };
    const twice = describedTwice(paths);
    assert.ok(twice.length > 30 && twice.length < Object.keys(paths).length / 2, String(twice.length));
    const settings = join(server.folder, "schemathesis.toml");
    const once = `[[operations]]\ninclude-name = ${JSON.stringify(twice)}\nphases.coverage.enabled = false\n`;
    writeFileSync(settings, readFileSync(join(import.meta.dirname, "schemathesis.toml"), "utf8") + (SOAK ? "" : `\n${once}`));
    const child = spawn(
      PROGRAM,
      [
        "--config-file",
        settings,
        "run",
        `http://${server.addresses["health"]}/openapi.json`,
        "--checks",
        "all",
        "--exclude-checks",
        EXCLUDED,
        "--max-examples",
        EXAMPLES,
        "--seed",
        "1",
        "--generation-database",
        "none",
        // Base64 of a least length is rare among what the generator makes up; it goes on with what it finds.
        "--suppress-health-check",
        "filter_too_much",
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

test("every path's Allow header names the methods of the document", async () => {
  const door = { origin: `http://${server.addresses["health"]}` };
  const { paths } = JSON.parse((await http(door, "GET", "/openapi.json")).body.toString()) as { paths: Record<string, object> };
  assert.ok(Object.keys(paths).length > 30);
  for (const [path, methods] of Object.entries(paths)) {
    const documented = Object.keys(methods)
      .filter((name) => /^(get|post|put|patch|delete)$/.test(name))
      .map((name) => name.toUpperCase());
    const answer = await http(door, "OPTIONS", path.replaceAll(/\{[a-z_]+\}/g, "x"));
    assert.equal(answer.status, 405, path);
    // Keys named `import` or `find`, and objects named `find`, can be read, changed and destroyed under a path that is another operation's for POST.
    // So can a script called `simulate`, which is read and deleted.
    const also = /\/(keys\/(import|find)|objects\/find)$/.test(path)
      ? ["GET", "PATCH", "DELETE"]
      : path.endsWith("/scripts/simulate")
        ? ["GET", "DELETE"]
        : [];
    const expected = new Set([...documented, ...also, ...(documented.includes("GET") || also.length > 0 ? ["HEAD"] : [])]);
    assert.deepEqual(new Set(String(answer.headers["allow"]).split(", ")), expected, path);
  }
});

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
