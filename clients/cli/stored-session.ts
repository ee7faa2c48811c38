/**
 * The session of `keystead login` between two commands: a file beside the profile that only its owner may read.
 *
 * It is good for one server. Refreshing takes a lock, because a refresh token that is shown twice ends the session: two
 * commands at once must not both show it.
 */
import { chmodSync, closeSync, mkdirSync, openSync, readFileSync, renameSync, rmSync, statSync, writeFileSync } from "node:fs";
import { dirname, join, resolve } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import type { Keystead, KeysteadOptions } from "@keystead/client/client";
import type { SessionTokens } from "@keystead/client/shapes";
import { HsmError } from "@keystead/client/names";
import { profilePath, type ProfileChoice } from "./settings.ts";
import type { Shell } from "./shell.ts";
import { usageError } from "./usage-error.ts";

export interface StoredSession {
  readonly endpoint: string;
  readonly accessToken: string;
  /** Milliseconds since the epoch. */
  readonly accessExpiresAt: number;
  readonly refreshToken: string;
  readonly sessionExpiresAt: number;
}

/** An access token with less left than this is refreshed first. */
const MARGIN_MS = 20_000;
const LOCK_WAIT_MS = 10_000;
const LOCK_STALE_MS = 30_000;

/** Beside the profile that counts here; in the home folder without one. */
export function sessionPath(options: ProfileChoice, shell: Shell): string {
  const profile = profilePath(options, shell);
  return profile === undefined
    ? join(shell.home, ".config", "keystead", "session.json")
    : join(dirname(resolve(shell.cwd, profile)), "session.json");
}

/** The session for this server, or undefined when there is none that still lasts. */
export function readSession(path: string, endpoint: string, now = Date.now()): StoredSession | undefined {
  let session: StoredSession;
  try {
    if ((statSync(path).mode & 0o077) !== 0) throw usageError(`others may read ${path}; remove it and log in again`);
    session = JSON.parse(readFileSync(path, "utf8")) as StoredSession;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT" || error instanceof SyntaxError) return undefined;
    throw error;
  }
  return session?.endpoint === endpoint && session.sessionExpiresAt > now ? session : undefined;
}

export function writeSession(path: string, endpoint: string, tokens: SessionTokens): StoredSession {
  const session: StoredSession = {
    endpoint,
    accessToken: tokens.accessToken,
    accessExpiresAt: tokens.accessExpiresAt?.getTime() ?? 0,
    refreshToken: tokens.refreshToken,
    sessionExpiresAt: tokens.sessionExpiresAt?.getTime() ?? 0,
  };
  mkdirSync(dirname(path), { recursive: true, mode: 0o700 });
  const aside = `${path}.${process.pid}`;
  writeFileSync(aside, `${JSON.stringify(session)}\n`, { mode: 0o600 });
  // A file that was there keeps its mode when it is written over.
  chmodSync(aside, 0o600);
  renameSync(aside, path);
  return session;
}

export const forgetSession = (path: string): void => rmSync(path, { force: true });

/**
 * Gives the stored session's access token, refreshed when it must be; undefined when there is no session for this server.
 *
 * @param connect a client that sends no token
 */
export function sessionTokens(
  path: string,
  settings: KeysteadOptions,
  connect: (settings: KeysteadOptions) => Promise<Keystead>,
): (() => Promise<string>) | undefined {
  const found = readSession(path, settings.endpoint);
  if (found === undefined) return undefined;
  let session = found;
  return async () => {
    if (session.accessExpiresAt - Date.now() > MARGIN_MS) return session.accessToken;
    const unlock = await lock(`${path}.lock`);
    try {
      // Another command may have refreshed it while this one waited.
      session = readSession(path, settings.endpoint) ?? session;
      if (session.accessExpiresAt - Date.now() > MARGIN_MS) return session.accessToken;
      const client = await connect({ ...settings, token: undefined });
      try {
        session = writeSession(path, settings.endpoint, await client.refreshSession({ refreshToken: session.refreshToken }));
      } catch (error) {
        if ((error as { code?: string }).code !== "UNAUTHENTICATED") throw error;
        forgetSession(path);
        throw new HsmError("UNAUTHENTICATED", "the session has ended; log in again with `keystead login`", { cause: error });
      } finally {
        client.close();
      }
      return session.accessToken;
    } finally {
      unlock();
    }
  };
}

/** Waits for the lock file; the result removes it. */
async function lock(path: string): Promise<() => void> {
  for (const until = Date.now() + LOCK_WAIT_MS; ;) {
    try {
      closeSync(openSync(path, "wx", 0o600));
      return () => rmSync(path, { force: true });
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== "EEXIST") throw error;
    }
    const made = statSync(path, { throwIfNoEntry: false })?.mtimeMs;
    if (made !== undefined && Date.now() - made > LOCK_STALE_MS) rmSync(path, { force: true });
    else if (Date.now() > until) throw usageError(`another command holds ${path}`);
    else await sleep(50);
  }
}
