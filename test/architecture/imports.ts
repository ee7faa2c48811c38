/** Every import of every TypeScript file of the product, as a test needs them. */
import { globSync, readFileSync } from "node:fs";
import { dirname, join, relative, resolve } from "node:path";
import { ROOT } from "../server.ts";

/** The packages, their folders and what each may import, its own files apart. `node:` is open to all but browsers. */
export const PACKAGES: Readonly<Record<string, { readonly folder: string; readonly mayImport: readonly string[] }>> = {
  "@keystead/contract": { folder: "lib/contract", mayImport: ["@bufbuild/protobuf"] },
  "@keystead/channel": { folder: "lib/channel", mayImport: ["@keystead/contract"] },
  "@keystead/crypto": {
    folder: "lib/crypto",
    mayImport: ["@keystead/contract", "@noble/curves", "@noble/hashes", "@simplewebauthn/server"],
  },
  "@keystead/gateway": { folder: "server/gateway", mayImport: ["@keystead/contract", "@keystead/channel", "@bufbuild/protobuf"] },
  "@keystead/vault": {
    folder: "server/vault",
    mayImport: [
      "@keystead/contract",
      "@keystead/channel",
      "@keystead/crypto",
      "@bufbuild/cel",
      "@bufbuild/cel-spec",
      "@bufbuild/protobuf",
      "jose",
    ],
  },
  "@keystead/scripts": { folder: "server/scripts", mayImport: ["@keystead/contract", "@keystead/channel", "wasmoon"] },
  "@keystead/connector": {
    folder: "server/connector",
    mayImport: ["@keystead/contract", "@keystead/channel", "@nats-io/transport-node", "@nats-io/jetstream"],
  },
  "@keystead/launcher": { folder: "server/launcher", mayImport: [] },
  "@keystead/setup": {
    folder: "server/setup",
    mayImport: ["@keystead/contract", "@peculiar/x509", "reflect-metadata", "jose", "yaml", "zod"],
  },
  "@keystead/client": {
    folder: "clients/typescript",
    mayImport: ["@keystead/contract", "@keystead/crypto/public", "@connectrpc/connect", "@connectrpc/connect-node", "@bufbuild/protobuf"],
  },
  "@keystead/cli": { folder: "clients/cli", mayImport: ["@keystead/client", "commander", "jose", "yaml"] },
};

export interface Import {
  /** The importing file, relative to the root. */
  readonly file: string;
  /** What it says: a package's name with its path, or a file relative to the root when it said a relative path. */
  readonly target: string;
  readonly relative: boolean;
  readonly typeOnly: boolean;
  /** Names taken, when they are listed; a `type` in front says that only a type is. */
  readonly names: readonly string[];
}

/** Every non-test TypeScript file of the product; what only tests use lies in files ending in .test.ts or in testing/. */
export const FILES: readonly string[] = globSync("{lib,server,clients}/**/*.ts", {
  cwd: ROOT,
  exclude: (name) => name.includes("node_modules"),
})
  .filter((file) => !file.endsWith(".test.ts") && !file.includes("/testing/") && !file.endsWith(".d.ts"))
  .sort();

export const sourceOf = (file: string): string => readFileSync(join(ROOT, file), "utf8");

/** Takes comments out, so that examples in them are no imports. Strings that hold comment signs lose text; no import does. */
export const withoutComments = (source: string): string => source.replace(/\/\*[\s\S]*?\*\//g, "").replace(/^\s*\/\/.*$/gm, "");

const STATIC = /^\s*(?:import|export)\s+(type\s+)?(?:([^"';]*?)\s+from\s+)?["']([^"']+)["']/gm;
const DYNAMIC = /(?:\bimport|\brequire|\bimport\.meta\.resolve|\bcreateRequire\([^)]*\))\s*\(\s*(["'`][^"'`]*["'`]|[^)\s][^)]*)\)/g;

/** The imports of a file. @throws {TypeError} for an import whose target is not written out */
export function importsOf(file: string): Import[] {
  const source = withoutComments(sourceOf(file));
  const found: Import[] = [];
  const add = (target: string, typeOnly: boolean, names: readonly string[]): void => {
    const isRelative = target.startsWith(".");
    found.push({
      file,
      target: isRelative ? relative(ROOT, resolve(ROOT, dirname(file), target)) : target,
      relative: isRelative,
      typeOnly,
      names,
    });
  };
  for (const [, type, clause = "", target] of source.matchAll(STATIC)) {
    const names =
      /\{([^}]*)\}/
        .exec(clause)?.[1]
        ?.split(",")
        .map((name) => name.trim())
        .filter((name) => name !== "") ?? (clause === "" ? [] : [clause.trim()]);
    add(target as string, type !== undefined || (names.length > 0 && names.every((name) => name.startsWith("type "))), names);
  }
  for (const [, target] of source.matchAll(DYNAMIC)) {
    if (!/^["'`][^$]*["'`]$/.test(target as string)) throw new TypeError(`${file} imports what is not written out: ${target}`);
    add((target as string).slice(1, -1), false, []);
  }
  return found;
}

/** Every import of the product. */
export const IMPORTS: readonly Import[] = FILES.flatMap(importsOf);

/** Values (not types) a file takes from another. */
export const valuesOf = (taken: Import): readonly string[] =>
  taken.typeOnly ? [] : taken.names.filter((name) => !name.startsWith("type "));
