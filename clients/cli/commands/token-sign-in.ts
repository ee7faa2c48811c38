/** `keystead token sign-in`: gets an ID token of an OpenID Connect provider, by a browser here or somewhere else. */
import type { Command } from "commander";
import { checkTarget, writeTarget } from "../byte-target.ts";
import { collect, leaf, outOptions, type Run } from "../command-tree.ts";
import { usageError } from "../usage-error.ts";
import { printable } from "../table.ts";

interface Options {
  readonly issuer: string;
  readonly clientId: string;
  readonly scope?: readonly string[];
  readonly device?: boolean;
  readonly out?: string;
  readonly force?: boolean;
}

/** How long somebody may take in front of the browser. */
const TIMEOUT_MS = 10 * 60_000;

export function tokenSignIn(parent: Command, run: Run): void {
  leaf<Options>(parent, run, {
    usage: "sign-in",
    summary: "Sign in at an identity provider and keep the ID token",
    notes:
      "The server accepts the token when auth.oidc.providers names its issuer and client. Use it with --token file:FILE until it runs out.\nWithout --device the browser must be on this machine; with it, any browser will do.",
    examples: [
      "keystead token sign-in --issuer https://login.example.org --client-id keystead-cli --scope groups --out ~/.keystead-token",
      "keystead token sign-in --device --issuer https://login.example.org --client-id keystead-cli --out token && keystead --token file:token status",
    ],
    options: (command) =>
      outOptions(
        command
          .requiredOption("--issuer <url>", "the provider, exactly as it names itself")
          .requiredOption("--client-id <id>", "our client at the provider")
          .option("--scope <name>", "a scope besides openid; repeat for more", collect)
          .option("--device", "sign in with a browser on another machine (RFC 8628)"),
      ),
    body: async (context, options) => {
      const { shell } = context;
      const { issuer, clientId, scope: scopes = [] } = options;
      if (!URL.canParse(issuer)) throw usageError("--issuer takes an address, such as https://login.example.org");
      checkTarget(options, shell);
      const signedIn =
        options.device === true
          ? await (
              await import("@keystead/client/sign-in/device")
            ).signInWithDevice({
              issuer,
              clientId,
              scopes,
              show: ({ address, userCode, completeAddress }) =>
                context.note(
                  `open ${printable(address)} and enter ${printable(userCode)}${completeAddress === undefined ? "" : `\nor open ${printable(completeAddress)}`}`,
                ),
            })
          : await (
              await import("@keystead/client/sign-in/authorization-code")
            ).signInWithBrowser({
              issuer,
              clientId,
              scopes,
              timeoutMs: TIMEOUT_MS,
              open: (address) => context.note(`open this address in a browser on this machine:\n${printable(address)}`),
            });
      await writeTarget(options, [Buffer.from(`${signedIn.idToken}\n`, "latin1")], shell);
      await context.note(`signed in as ${printable(signedIn.subject)} until ${new Date(signedIn.expiresAt).toISOString()}`);
    },
  });
}
