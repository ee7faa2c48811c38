/**
 * Asks a PKCS#11 module what it shows to an application, in a process of its own.
 *
 * A module is native code: loaded here it would run with everything this command has, a fault in it would end the command,
 * and Node would need an addon for it. So another program loads it: `hsm-pkcs11-probe`, which is built with our module and
 * lies beside it, or OpenSC's pkcs11-tool, which machines without cargo have. A PIN reaches either by its environment alone.
 */
import { spawn } from "node:child_process";
import { accessSync, constants } from "node:fs";
import { dirname, join } from "node:path";
import type { Shell } from "./shell.ts";

/** How a program ended. */
export interface Ended {
  readonly status: number | null;
  readonly out: string;
  readonly err: string;
}

const TIMEOUT_MS = 60_000;

/** Runs a program; undefined when there is none of that name. */
export function run(
  shell: Shell,
  program: string,
  args: readonly string[],
  more: Readonly<Record<string, string>> = {},
): Promise<Ended | undefined> {
  const child = spawn(program, args, {
    cwd: shell.cwd,
    env: { ...shell.env, ...more },
    stdio: ["ignore", "pipe", "pipe"],
    timeout: TIMEOUT_MS,
  });
  return new Promise((resolve) => {
    const said = { out: "", err: "" };
    child.stdout.setEncoding("utf8").on("data", (text: string) => (said.out += text));
    child.stderr.setEncoding("utf8").on("data", (text: string) => (said.err += text));
    child.once("error", () => resolve(undefined));
    child.once("close", (status) => resolve({ status, ...said }));
  });
}

/** The program beside the module, or in the search path. */
export function probeOf(library: string): string {
  const beside = join(dirname(library), "hsm-pkcs11-probe");
  try {
    accessSync(beside, constants.X_OK);
    return beside;
  } catch {
    return "hsm-pkcs11-probe";
  }
}

/** What return values mean for whoever has to do something. */
const REMEDIES: readonly (readonly [RegExp, string])[] = [
  [/0x7\b|CKR_ARGUMENTS_BAD/, "the configuration says what cannot be: look for misspelt keys (docs/integrate/pkcs11.md, Configuration)"],
  [/0x6\b|CKR_FUNCTION_FAILED/, "a file that the configuration names cannot be read, or others may read the credential"],
  [/0x30\b|CKR_DEVICE_ERROR/, "the server does not answer; see connection above, and keystead status"],
  [/0xe0\b|CKR_TOKEN_NOT_PRESENT/, "the vault is sealed: keystead unseal"],
  [/0x101\b|CKR_USER_NOT_LOGGED_IN/, "nobody is logged in: give cert and key or a credential, or try --login"],
  [/0xa0\b|CKR_PIN_INCORRECT/, "the PIN is wrong, or the user is locked: keystead users show, keystead tokens show"],
  [/0xa3\b|CKR_PIN_EXPIRED/, "a first PIN must be changed: pkcs11-tool --change-pin"],
  [/0xa4\b|CKR_PIN_LOCKED/, "too many wrong PINs: wait, or have an administrator unlock it"],
  [/0x1b\b|CKR_ACTION_PROHIBITED/, "who asks has no role for it: keystead policy explain"],
  [/0 objects have/, "no such key is seen by who asks: keystead keys list, and tags and algorithms of the slot"],
];

export const remedyFor = (said: string): string =>
  REMEDIES.find(([pattern]) => pattern.test(said))?.[1] ?? "run it again with HSM_PKCS11_TRACE=stderr, which says what each call answered";
