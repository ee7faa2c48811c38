/**
 * Looks again and again whether files changed, and says so: how trust is replaced while the server runs.
 *
 * What the new files hold is judged by whoever is told; when that fails, the old stays in force and the files are tried
 * again at the next look, so that a file that was seen half-written does no harm.
 */
import { statSync } from "node:fs";
import { asHsmError } from "@keystead/contract/errors";
import type { Logger } from "@keystead/contract/logging";

export interface WatchedFiles {
  /** For the log: what the files are. */
  readonly what: string;
  readonly paths: readonly string[];
  /** 0 = never. */
  readonly seconds: number;
  /** Takes the files into force, or throws and leaves what was; then they are tried again with each look. */
  readonly reload: () => void;
  /** Nothing was read yet: the first look is now. */
  readonly readNow?: boolean;
  readonly log: Logger;
}

/** Begins to look; ends with the process. */
export function watchFiles({ what, paths, seconds, reload, log, readNow = false }: WatchedFiles): void {
  if (paths.length === 0) return;
  let seen = readNow ? "" : stampsOf(paths);
  let complained = "";
  const look = (): void => {
    try {
      const current = stampsOf(paths);
      if (current === seen) return;
      reload();
      seen = current;
      complained = "";
      log.info(`${what} reloaded`);
    } catch (error) {
      const { detail } = asHsmError(error);
      // Said once, and not with every look.
      if (detail !== complained) log.warn(`${what} could not be reloaded; the old ones stay in force`, { detail });
      complained = detail;
    }
  };
  if (readNow) look();
  if (seconds > 0) setInterval(look, seconds * 1000).unref();
}

/** What tells one content of the files from another without reading it; a file that is not there is content too. */
function stampsOf(paths: readonly string[]): string {
  return paths
    .map((path) => {
      const stat = statSync(path, { throwIfNoEntry: false });
      return stat === undefined ? "none" : `${stat.mtimeMs}/${stat.size}/${stat.ino}`;
    })
    .join();
}
