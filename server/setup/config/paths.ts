/** Paths and secret references as absolute ones: `{data_dir}` at the start is the data folder, all else is relative to the working directory. */
import { resolve } from "node:path";
import type { SecretReference } from "@keystead/contract/config";

export interface PathBase {
  /** Absolute. */
  readonly dataDir: string;
  /** Absolute. */
  readonly cwd: string;
}

/** An absolute path. */
export function absolutePath(path: string, { dataDir, cwd }: PathBase): string {
  return resolve(cwd, path.startsWith("{data_dir}") ? dataDir + path.slice("{data_dir}".length) : path);
}

/** The same for a `file:` reference; other references are returned as they are. */
export function absoluteReference(reference: string, base: PathBase): SecretReference {
  return (reference.startsWith("file:") ? `file:${absolutePath(reference.slice(5), base)}` : reference) as SecretReference;
}
