/** Signing in at an OpenID Connect provider from a terminal: with a browser on this machine, or on another one. */
import type { Command } from "commander";
import { collect } from "./command-tree.ts";
import type { Context } from "./context.ts";
import { printable } from "./table.ts";
import { usageError } from "./usage-error.ts";

export interface ProviderOptions {
  readonly issuer: string;
  readonly clientId: string;
  readonly scope?: readonly string[];
  readonly device?: boolean;
}

/** What the provider gave, checked for issuer, client, time and nonce. */
export interface SignedIn {
  readonly idToken: string;
  readonly subject: string;
  /** Milliseconds since the epoch. */
  readonly expiresAt: number;
}

/** How long somebody may take in front of the browser. */
const TIMEOUT_MS = 10 * 60_000;

/** Declares the scopes of a sign-in. */
export const scopeOption = (command: Command): Command =>
  command.option("--scope <name>", "a scope besides openid; repeat for more", collect);

/** Tells where to go, and waits. */
export async function signInAtProvider(context: Context, options: ProviderOptions): Promise<SignedIn> {
  const { issuer, clientId, scope: scopes = [] } = options;
  if (!URL.canParse(issuer)) throw usageError("--issuer takes an address, such as https://login.example.org");
  if (options.device === true) {
    const { signInWithDevice } = await import("@keystead/client/sign-in/device");
    return signInWithDevice({
      issuer,
      clientId,
      scopes,
      show: ({ address, userCode, completeAddress }) =>
        context.note(
          `open ${printable(address)} and enter ${printable(userCode)}${completeAddress === undefined ? "" : `\nor open ${printable(completeAddress)}`}`,
        ),
    });
  }
  const { signInWithBrowser } = await import("@keystead/client/sign-in/authorization-code");
  return signInWithBrowser({
    issuer,
    clientId,
    scopes,
    timeoutMs: TIMEOUT_MS,
    open: (address) => context.note(`open this address in a browser on this machine:\n${printable(address)}`),
  });
}
