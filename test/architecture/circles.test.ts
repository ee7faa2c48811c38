/** No file needs itself, by whatever way: what is below can be read without what is above. Types count like values. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { FILES, IMPORTS, PACKAGES } from "./imports.ts";

/** The file that an import names, relative to the root; undefined when it is of none of our packages. */
function fileOf({ target, relative }: (typeof IMPORTS)[number]): string | undefined {
  if (relative) return target;
  const name = Object.keys(PACKAGES).find((each) => target.startsWith(`${each}/`));
  return name === undefined ? undefined : `${PACKAGES[name]?.folder}/${target.slice(name.length + 1)}.ts`;
}

test("no import leads back to where it began", () => {
  const wanted = new Map<string, string[]>(FILES.map((file) => [file, []]));
  for (const found of IMPORTS) {
    const target = fileOf(found);
    if (target !== undefined && wanted.has(target)) wanted.get(found.file)?.push(target);
  }
  assert.ok([...wanted.values()].flat().length > 2000, "the imports are there");
  const done = new Set<string>();
  const circles: string[] = [];
  const visit = (file: string, way: readonly string[]): void => {
    const at = way.indexOf(file);
    if (at !== -1) return void circles.push([...way.slice(at), file].join(" -> "));
    if (done.has(file)) return;
    for (const next of wanted.get(file) ?? []) visit(next, [...way, file]);
    done.add(file);
  };
  for (const file of FILES) visit(file, []);
  assert.deepEqual(circles, []);
});
