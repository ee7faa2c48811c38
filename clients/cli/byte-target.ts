/**
 * Bytes out: to stdout as they come, or to a file that appears under its name only when it is complete.
 *
 * A file is written beside its place under a temporary name (mode 0600), made durable, and renamed. If anything
 * fails before, the temporary file is removed and the old file, if any, is untouched.
 */
import { randomUUID } from "node:crypto";
import { existsSync } from "node:fs";
import { link, open, rename, rm } from "node:fs/promises";
import { basename, dirname, join, resolve } from "node:path";
import type { ByteSource } from "@keystead/client/file-encryption";
import { write, type Shell } from "./shell.ts";
import { usageError } from "./usage-error.ts";

export interface TargetOptions {
  readonly out?: string | undefined;
  readonly force?: boolean | undefined;
}

/** Refuses early, before any work was done, what {@link writeTarget} would refuse at the end. */
export function checkTarget({ out, force }: TargetOptions, shell: Pick<Shell, "cwd">): void {
  if (out === undefined || out === "-" || force === true) return;
  if (existsSync(resolve(shell.cwd, out))) throw usageError(`${out} exists already; --force replaces it`);
}

async function writeFileWhole(path: string, bytes: ByteSource, force: boolean, name: string): Promise<void> {
  const temporary = join(dirname(path), `.${basename(path)}.${randomUUID()}.part`);
  const handle = await open(temporary, "wx", 0o600).catch((cause: NodeJS.ErrnoException) => {
    throw usageError(`cannot write to ${dirname(path)} (${cause.code})`);
  });
  const clean = () => rm(temporary, { force: true });
  const interrupted = () => void clean().finally(() => process.exit(130));
  process.once("SIGINT", interrupted).once("SIGTERM", interrupted);
  try {
    for await (const piece of bytes) await handle.writeFile(piece);
    await handle.sync();
    await handle.close();
    if (force) await rename(temporary, path);
    else {
      // link() fails when the name was taken meanwhile, which rename() would silently replace.
      await link(temporary, path).catch((cause: NodeJS.ErrnoException) => {
        if (cause.code === "EEXIST" || existsSync(path)) throw usageError(`${name} exists already; --force replaces it`);
        return rename(temporary, path); // a file system without hard links
      });
    }
    const folder = await open(dirname(path), "r");
    await folder.sync().finally(() => folder.close());
  } finally {
    process.off("SIGINT", interrupted).off("SIGTERM", interrupted);
    await handle.close().catch(() => undefined);
    await clean();
  }
}

/** Writes everything to `--out`: a path, or `-` (also when left out) for stdout. */
export async function writeTarget({ out, force }: TargetOptions, bytes: ByteSource, shell: Shell): Promise<void> {
  if (out === undefined || out === "-") {
    for await (const piece of bytes) await write(shell.stdout, piece);
    return;
  }
  await writeFileWhole(resolve(shell.cwd, out), bytes, force === true, out);
}
