/** The golden logs: what versions of the product wrote, with what verifies them. */
import { readFileSync, readdirSync } from "node:fs";
import { join } from "node:path";
import type { LogFiles } from "../audit-verifier/second-opinion.ts";

export interface Golden {
  readonly name: string;
  /** Path of the log, without what follows the last dot. */
  readonly path: string;
  readonly files: LogFiles;
  /** What it holds, and the throwaway keys that it is verified by; no public key for versions without checkpoints. */
  readonly facts: {
    readonly events: number;
    readonly head: string;
    readonly audit_key: string;
    readonly public_key?: string;
    readonly witnesses?: readonly string[];
    /** Segments that administrators agreed to do without. */
    readonly set_aside?: readonly { readonly first: number; readonly last: number }[];
  };
}

const LOG = "audit.";

export function goldenLog(name: string): Golden {
  const folder = join(import.meta.dirname, name);
  const endings = readdirSync(folder).filter((file) => file.startsWith(LOG));
  return {
    name,
    path: join(folder, LOG.slice(0, -1)),
    files: new Map(endings.map((file) => [file.slice(LOG.length), readFileSync(join(folder, file))])),
    facts: JSON.parse(readFileSync(join(folder, "golden.json"), "utf8")) as Golden["facts"],
  };
}

/** Every one that there is, by name. */
export const goldenLogs = (): Golden[] =>
  readdirSync(import.meta.dirname, { withFileTypes: true })
    .filter((entry) => entry.isDirectory())
    .map(({ name }) => goldenLog(name))
    .sort((a, b) => (a.name < b.name ? -1 : 1));
