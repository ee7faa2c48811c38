/**
 * Where to connect and as whom: command line first, then KEYSTEAD_* variables, then a profile file.
 *
 * Without `--profile` or `--on` the first profile that exists is taken: $KEYSTEAD_PROFILE, $KEYSTEAD_CONTEXT, the current
 * context, $KEYSTEAD_DATA/credentials, ./data/credentials (what the development preset makes), ~/.config/keystead.
 */
import { existsSync, readFileSync } from "node:fs";
import { join, resolve } from "node:path";
import type { KeysteadOptions } from "@keystead/client/client";
import { readProfile, type Profile } from "@keystead/client/profile";
import type { GlobalOptions } from "./global-options.ts";
import { readSecret, withoutLineEnding } from "./secret-reference.ts";
import { currentContext, namedContextPath } from "./server-contexts.ts";
import type { Shell } from "./shell.ts";
import { usageError } from "./usage-error.ts";

type Surroundings = Pick<Shell, "env" | "cwd" | "home">;

/** What of the options chooses a profile. */
export type ProfileChoice = Pick<GlobalOptions, "profile" | "on">;

/** A variable that is set to something. */
const variable = (shell: Surroundings, name: string): string | undefined => shell.env[name] || undefined;

/** The places a profile is looked for when none is named, best first. */
export function profilePlaces(shell: Surroundings): readonly string[] {
  const data = variable(shell, "KEYSTEAD_DATA");
  return [
    ...(data === undefined ? [] : [join(resolve(shell.cwd, data), "credentials", "profile.json")]),
    join(shell.cwd, "data", "credentials", "profile.json"),
    join(shell.home, ".config", "keystead", "profile.json"),
  ];
}

/** Where the profile is that counts here: the named one, or the first that exists, or none. */
export function profilePath(options: ProfileChoice, shell: Surroundings): string | undefined {
  if (options.profile !== undefined && options.on !== undefined) throw usageError("--profile and --on both say where and as whom");
  const [file, context] =
    options.profile === undefined && options.on === undefined
      ? [variable(shell, "KEYSTEAD_PROFILE"), variable(shell, "KEYSTEAD_CONTEXT")]
      : [options.profile, options.on];
  if (file !== undefined) return resolve(shell.cwd, file);
  const chosen = context ?? currentContext(shell);
  return chosen === undefined ? profilePlaces(shell).find((path) => existsSync(path)) : namedContextPath(chosen, shell);
}

/** The profile that counts here, or undefined. */
export function findProfile(options: ProfileChoice, shell: Surroundings): Profile | undefined {
  const path = profilePath(options, shell);
  return path === undefined ? undefined : readProfile(path);
}

function pem(path: string | undefined, what: string): Buffer | undefined {
  if (path === undefined) return undefined;
  try {
    return readFileSync(path);
  } catch (cause) {
    throw usageError(`cannot read the ${what} ${path} (${(cause as NodeJS.ErrnoException).code})`);
  }
}

/** KEYSTEAD_TOKEN holds the token, or names where it is. */
function tokenFrom(options: GlobalOptions, shell: Surroundings): string | undefined {
  const text = (bytes: Buffer): string => withoutLineEnding(bytes).toString("utf8");
  if (options.token !== undefined) return text(readSecret(options.token, "--token", shell));
  const value = variable(shell, "KEYSTEAD_TOKEN");
  return value !== undefined && /^(file|fd):/.test(value) ? text(readSecret(value, "KEYSTEAD_TOKEN", shell)) : value;
}

/** `30s`, `500ms`, `2m`, or seconds without a unit. In milliseconds. */
export function parseTimeout(text: string): number {
  const [, digits, unit] = /^([0-9]{1,9})(ms|s|m)?$/.exec(text) ?? [];
  const milliseconds = Number(digits) * { ms: 1, s: 1000, m: 60_000 }[unit ?? "s"]!;
  if (!Number.isSafeInteger(milliseconds) || milliseconds < 1)
    throw usageError(`--timeout: '${text}' is not a duration such as 30s, 500ms or 2m`);
  return Math.min(milliseconds, 2 ** 31 - 1);
}

/**
 * What to give to the client.
 *
 * @throws {HsmError} INVALID_REQUEST when there is no endpoint anywhere, or a file cannot be read
 */
export function resolveSettings(options: GlobalOptions, shell: Surroundings): KeysteadOptions {
  const profile = findProfile(options, shell);
  const endpoint = options.endpoint ?? variable(shell, "KEYSTEAD_ENDPOINT") ?? profile?.endpoint;
  if (endpoint === undefined) {
    throw usageError(
      `no credentials: start \`npm start\` once, or pass --profile or --endpoint (looked for ${profilePlaces(shell).join(", ")})`,
    );
  }
  const file = (option: string | undefined, name: string): string | undefined => {
    const path = option ?? variable(shell, name);
    return path === undefined ? undefined : resolve(shell.cwd, path);
  };
  const plaintext = endpoint.startsWith("http://") || endpoint.startsWith("unix:");
  const timeout = options.timeout ?? variable(shell, "KEYSTEAD_TIMEOUT");
  const cert = file(options.clientCert, "KEYSTEAD_CLIENT_CERT") ?? profile?.cert;
  const key = file(options.clientKey, "KEYSTEAD_CLIENT_KEY") ?? profile?.key;
  return {
    endpoint,
    ca: plaintext ? undefined : pem(file(options.ca, "KEYSTEAD_CA") ?? profile?.ca, "certificate authority"),
    cert: plaintext ? undefined : pem(cert, "client certificate"),
    key: plaintext ? undefined : pem(key, "client key"),
    token: tokenFrom(options, shell),
    namespace: options.namespace ?? variable(shell, "KEYSTEAD_NAMESPACE") ?? profile?.namespace,
    requestId: options.requestId ?? variable(shell, "KEYSTEAD_REQUEST_ID"),
    timeoutMs: timeout === undefined ? undefined : parseTimeout(timeout),
  };
}
