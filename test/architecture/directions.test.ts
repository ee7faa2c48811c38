import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { globSync, readFileSync } from "node:fs";
import { basename, join } from "node:path";
import { test } from "node:test";
import { ROOT } from "../server.ts";
import { FILES, IMPORTS, PACKAGES, sourceOf, valuesOf, withoutComments, type Import } from "./imports.ts";

/** Where a package's name ends: @keystead/contract/errors is of @keystead/contract. */
const packageOf = (target: string): string =>
  target
    .split("/")
    .slice(0, target.startsWith("@") ? 2 : 1)
    .join("/");
const within = (target: string, allowed: string): boolean => target === allowed || target.startsWith(`${allowed}/`);
const told = ({ file, target }: Import): string => `${file} -> ${target}`;
const room = (path: string): string => path.split("/")[2] as string;
const inVault = IMPORTS.filter(({ file, relative }) => file.startsWith("server/vault/") && relative);

test("the scan sees the imports there are: hundreds of files, thousands of imports, and every package", () => {
  assert.ok(FILES.length > 150, String(FILES.length));
  assert.ok(IMPORTS.length > 700, String(IMPORTS.length));
  for (const { folder } of Object.values(PACKAGES))
    assert.ok(
      FILES.some((file) => file.startsWith(`${folder}/`)),
      folder,
    );
  for (const file of FILES)
    assert.ok(
      Object.values(PACKAGES).some(({ folder }) => file.startsWith(`${folder}/`)),
      `${file} is of no package`,
    );
});

for (const [name, { folder, mayImport }] of Object.entries(PACKAGES)) {
  test(`${folder} imports its own files, Node and ${mayImport.length === 0 ? "nothing else" : mayImport.join(", ")}`, () => {
    const wrong = IMPORTS.filter(({ file }) => file.startsWith(`${folder}/`)).filter(({ target, relative }) => {
      if (relative) return !target.startsWith(`${folder}/`);
      return !target.startsWith("node:") && !within(target, name) && !mayImport.some((allowed) => within(target, allowed));
    });
    assert.deepEqual(wrong.map(told), []);
  });

  test(`the package.json of ${folder} names what the folder imports, and nothing else`, () => {
    const manifest = JSON.parse(readFileSync(join(ROOT, folder, "package.json"), "utf8")) as {
      name: string;
      dependencies?: Record<string, string>;
      devDependencies?: Record<string, string>;
    };
    assert.equal(manifest.name, name);
    const imported = new Set(
      IMPORTS.filter(({ file, target, relative }) => file.startsWith(`${folder}/`) && !relative && !target.startsWith("node:")).map(
        ({ target }) => packageOf(target),
      ),
    );
    assert.deepEqual(Object.keys(manifest.dependencies ?? {}).sort(), [...imported].sort());
  });
}

test("nothing of the product imports a test, a bench or a tool, or what lies beside it for tests", () => {
  const wrong = IMPORTS.filter(
    ({ target, relative }) =>
      relative && (/^(test|bench|tools)\//.test(target) || target.endsWith(".test.ts") || target.includes("/testing/")),
  );
  assert.deepEqual(wrong.map(told), []);
});

test("operations take nothing of audit but types, nothing of stores and authorize, and nothing of one another's handlers", () => {
  const handlers = new Set(
    IMPORTS.filter(({ file }) => file === "server/vault/operations/register.ts")
      .map(({ target }) => target)
      .filter((target) => !target.endsWith("/handler.ts")),
  );
  const wrong = inVault
    .filter(({ file }) => room(file) === "operations")
    .filter((taken) => {
      if (["stores", "authorize", "duties", "monitor.ts", "main.ts"].includes(room(taken.target))) return true;
      if (room(taken.target) === "audit") return !taken.typeOnly;
      return handlers.has(taken.target) && !taken.file.endsWith("/register.ts");
    });
  assert.deepEqual(wrong.map(told), []);
  assert.ok(handlers.size >= 20);
});

test("stores take of the other rooms only what a record is called, what its digest is and what it may be filed under", () => {
  const wrong = inVault
    .filter(({ file, target }) => room(file) === "stores" && !["stores", "folder-sync.ts"].includes(room(target)))
    .filter(
      (taken) =>
        taken.target !== "server/vault/objects/record.ts" ||
        valuesOf(taken).some((name) => !/^((parseR|r)ecord(Name|Digest)|writtenIndex)$/.test(name)),
    );
  assert.deepEqual(wrong.map(told), []);
});

test("only authorize issues grants and only objects consume them", () => {
  const takers = (name: string): string[] =>
    inVault.filter((taken) => taken.names.some((taken) => taken.split(" ")[0] === name)).map(({ file }) => room(file));
  assert.deepEqual([...new Set(takers("issueGrant"))], ["authorize"]);
  assert.deepEqual([...new Set(takers("consumeGrant"))], ["objects"]);
  assert.deepEqual(
    inVault.filter(({ target, names }) => target === "server/vault/grant.ts" && names.some((name) => name.startsWith("*"))).map(told),
    [],
  );
  assert.deepEqual(IMPORTS.filter(({ file, relative }) => file === "server/vault/grant.ts" && relative).map(told), []);
});

test("keys are loaded from and stored as bytes in objects alone", () => {
  const users = FILES.filter((file) => file.startsWith("server/")).filter((file) => {
    const source = withoutComments(sourceOf(file));
    return /mechanism\w*(\([^)]*\))?\s*\.\s*(load|store)\b/i.test(source) || /\{[^}]*\b(load|store)\b[^}]*\}\s*=\s*mechanism/i.test(source);
  });
  assert.deepEqual(users, ["server/vault/objects/material.ts"]);
});

/** What each room of the vault may use of the others, by value; main.ts wires all, inspect.ts is the offline main. */
const ROOMS: Readonly<Record<string, readonly string[]>> = {
  "grant.ts": [],
  "gate.ts": [],
  "request-message.ts": [],
  // Of a grant it is only learned afterwards what it opened.
  "event-draft.ts": ["grant.ts"],
  "address-rule.ts": [],
  "claims.ts": [],
  "token-view.ts": [],
  limits: ["address-rule.ts"],
  "folder-sync.ts": [],
  "walls.ts": [],
  authenticate: ["address-rule.ts", "claims.ts", "token-view.ts", "authorize"],
  authorize: ["grant.ts", "address-rule.ts", "claims.ts", "token-view.ts", "objects"],
  operations: [
    "objects",
    "providers",
    "ceremonies",
    "scripts",
    "authenticate/subjects.ts",
    "address-rule.ts",
    "token-view.ts",
    "sinks/stored-sink.ts",
  ],
  objects: ["stores", "grant.ts"],
  providers: [],
  scripts: [],
  stores: ["objects", "folder-sync.ts"],
  audit: ["objects", "folder-sync.ts"],
  // Ceremonies are rows of the operation table too: they take the shape of a handler, and no handler.
  ceremonies: ["audit", "objects", "operations/handler.ts"],
  duties: ["audit", "objects"],
  approvals: ["objects"],
  sinks: ["audit", "objects"],
  "trust.ts": ["authenticate", "duties", "outside"],
  outside: [],
  "monitor.ts": [
    "authenticate",
    "authorize",
    "operations",
    "audit",
    "gate.ts",
    "event-draft.ts",
    "request-message.ts",
    "objects/change.ts",
  ],
};

test("the rooms of the vault use one another in the directions of the design", () => {
  const wrong = inVault.filter(({ file, target, typeOnly }) => {
    const from = room(file);
    if (typeOnly || from === room(target) || from === "main.ts" || from === "inspect.ts") return false;
    return !(ROOMS[from] ?? []).some((allowed) => within(target.slice("server/vault/".length), allowed));
  });
  assert.deepEqual(wrong.map(told), []);
});

test("no process part but the launcher starts processes, and only gateway and connector open the network", () => {
  const users = (...modules: string[]): string[] => [
    ...new Set(IMPORTS.filter(({ target, typeOnly }) => !typeOnly && modules.includes(target)).map(({ file }) => file)),
  ];
  assert.deepEqual(
    users("node:child_process")
      .filter((file) => !file.startsWith("clients/"))
      .sort(),
    ["server/connector/main.ts", "server/launcher/main.ts", "server/launcher/part.ts", "server/scripts/main.ts", "server/vault/main.ts"],
  );
  assert.deepEqual(users("node:worker_threads", "node:cluster", "node:vm", "node:wasi", "node:inspector", "node:repl"), []);
  assert.deepEqual(
    users("node:http", "node:https", "node:http2", "node:tls", "node:dgram", "node:dns").filter(
      (file) => !file.startsWith("server/gateway/") && !file.startsWith("server/connector/") && !file.startsWith("clients/"),
    ),
    [],
  );
});

test("the vault and the mechanisms draw random bytes in one place, where they are tested and mixed", () => {
  const users = FILES.filter((file) => file.startsWith("server/vault/") || (file.startsWith("lib/crypto/") && !file.includes("/public/")))
    .filter((file) => /\b(randomBytes|randomFill(Sync)?|randomInt|getRandomValues)\b/.test(withoutComments(sourceOf(file))))
    .sort();
  assert.deepEqual(users, ["lib/crypto/random.ts", "lib/crypto/self-tests/run.ts"]);
});

test("no file is named for what nobody can name", () => {
  const files = execFileSync("git", ["ls-files"], { cwd: ROOT, encoding: "utf8" }).trim().split("\n");
  assert.deepEqual(
    files.filter((file) => file.split("/").some((part) => /^(utils?|helpers?|common|managers?|core|misc|shared)(\.|$)/i.test(part))),
    [],
  );
});

test("there is no private key in the tree", () => {
  // The words of a header alone are in code that reads or writes PEM; a key is the header and base64 under it.
  const header = new RegExp(`-----BEGIN (?:[A-Z]+ )*PRIV${""}ATE KEY-----(?:\\\\n|\\s)+[A-Za-z0-9+/]{40}`);
  const files = execFileSync("git", ["ls-files"], { cwd: ROOT, encoding: "utf8" }).trim().split("\n");
  assert.deepEqual(
    files.filter((file) => header.test(readFileSync(join(ROOT, file), "latin1"))),
    [],
  );
  assert.deepEqual(
    files.filter((file) => /\.(key|p12|pfx|jks|pem)$/.test(basename(file))),
    [],
  );
});

test("one version everywhere", async () => {
  const { VERSION } = await import("@keystead/contract/version");
  const manifests = ["package.json", ...Object.values(PACKAGES).map(({ folder }) => `${folder}/package.json`)];
  for (const path of manifests) {
    const { version, dependencies = {} } = JSON.parse(readFileSync(join(ROOT, path), "utf8")) as {
      version: string;
      dependencies?: Record<string, string>;
    };
    assert.equal(version, VERSION, path);
    for (const [name, wanted] of Object.entries(dependencies)) {
      if (name.startsWith("@keystead/")) assert.equal(wanted, VERSION, `${path}: ${name}`);
      assert.match(wanted, /^\d+\.\d+\.\d+$/, `${path}: ${name} is not one exact version`);
    }
  }
});

/** Crates of the PKCS#11 module, with the versions it wants. */
const CRATES: ReadonlyMap<string, string> = new Map(
  readFileSync(join(ROOT, "clients/pkcs11/Cargo.toml"), "utf8")
    .split(/^\[/m)
    .filter((section) => /^(?:build-)?dependencies\]/.test(section))
    .flatMap((section) =>
      [...section.matchAll(/^([\w-]+) = (?:\{ version = )?"([^"]+)"/gm)].map(([, name, version]) => [name, version] as [string, string]),
    ),
);

test("every crate of the PKCS#11 module is of one exact version", () => {
  assert.ok(CRATES.size > 0);
  for (const [name, version] of CRATES) assert.match(version, /^=\d+\.\d+\.\d+$/, name);
});

test("each dependency of the vault and of the other parts has a reason in docs/design/dependencies.md", () => {
  const page = readFileSync(join(ROOT, "docs/design/dependencies.md"), "utf8");
  const root = JSON.parse(readFileSync(join(ROOT, "package.json"), "utf8")) as {
    devDependencies: Record<string, string>;
    optionalDependencies: Record<string, string>;
  };
  const named = Object.values(PACKAGES).flatMap(({ folder }) =>
    Object.keys(
      (JSON.parse(readFileSync(join(ROOT, folder, "package.json"), "utf8")) as { dependencies?: Record<string, string> }).dependencies ??
        {},
    ),
  );
  const all = [
    ...new Set([...named.filter((name) => !name.startsWith("@keystead/")), ...Object.keys(root.devDependencies), ...CRATES.keys()]),
  ];
  assert.deepEqual(
    all.filter((name) => !page.includes(`\`${name}\``) && !page.includes(name)),
    [],
  );
});

test("no test sleeps or is switched off for good", () => {
  const tests = globSync("{lib,server,clients,test,tools}/**/*.test.ts", { cwd: ROOT, exclude: (name) => name.includes("node_modules") });
  const off = tests.filter((file) => /\btest\.(skip|only|todo)\(|\{\s*(only|todo):/.test(withoutComments(sourceOf(file))));
  assert.deepEqual(off, []);
});
