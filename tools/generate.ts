/**
 * Writes everything that is generated: TypeScript from proto/, the proto's comments for the OpenAPI document, and the
 * reference pages. `--into DIR` writes to another folder, which is how the test finds out what is stale.
 *
 *     npm run generate
 */
import { execFileSync } from "node:child_process";
import { cpSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join, resolve } from "node:path";
import { commentsOf } from "./proto-comments.ts";
import { referencePages } from "./reference-pages.ts";

const ROOT = resolve(import.meta.dirname, "..");

/** Everything generated, by path relative to the root. */
export async function generate(): Promise<Map<string, string>> {
  const scratch = mkdtempSync(join(tmpdir(), "keystead-generate-"));
  try {
    cpSync(join(ROOT, "proto"), join(scratch, "proto"), { recursive: true });
    const buf = join(ROOT, "node_modules/.bin/buf");
    const template = readFileSync(join(ROOT, "proto/buf.gen.yaml"), "utf8").replaceAll("../node_modules", join(ROOT, "node_modules"));
    const env = { ...process.env, PATH: `${dirname(process.execPath)}:${process.env["PATH"] ?? ""}` };
    execFileSync(buf, ["lint"], { cwd: join(scratch, "proto"), stdio: "inherit", env });
    execFileSync(buf, ["generate", "--template", template], { cwd: join(scratch, "proto"), stdio: "inherit", env });
    execFileSync(buf, ["build", "-o", join(scratch, "image.json")], { cwd: join(scratch, "proto"), stdio: "inherit", env });
    const files = new Map<string, string>();
    const list = execFileSync("find", [join(scratch, "lib/contract/generated"), "-type", "f"], { encoding: "utf8" }).trim().split("\n").sort();
    for (const path of list) files.set(path.slice(scratch.length + 1), readFileSync(path, "utf8"));
    files.set("lib/contract/generated/comments.json", `${JSON.stringify(commentsOf(readFileSync(join(scratch, "image.json"), "utf8")), undefined, 2)}\n`);
    for (const [path, text] of await referencePages()) files.set(path, text);
    return files;
  } finally {
    rmSync(scratch, { recursive: true, force: true });
  }
}

if (import.meta.main) {
  const files = await generate();
  for (const [path, text] of files) {
    mkdirSync(dirname(join(ROOT, path)), { recursive: true });
    writeFileSync(join(ROOT, path), text);
  }
  process.stdout.write(`${files.size} files generated\n`);
}
