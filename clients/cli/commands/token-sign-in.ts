/** `keystead token sign-in`: gets an ID token of an OpenID Connect provider, by a browser here or somewhere else. */
import type { Command } from "commander";
import { checkTarget, writeTarget } from "../byte-target.ts";
import { leaf, outOptions, type Run } from "../command-tree.ts";
import { scopeOption, signInAtProvider, type ProviderOptions } from "../provider-sign-in.ts";
import { printable } from "../table.ts";
import { usageError } from "../usage-error.ts";

interface Options extends ProviderOptions {
  readonly out?: string;
  readonly force?: boolean;
}

export function tokenSignIn(parent: Command, run: Run): void {
  leaf<Options>(parent, run, {
    usage: "sign-in",
    summary: "Sign in at an identity provider and keep the ID token",
    notes:
      "The server accepts the token when auth.oidc.providers names its issuer and client. Use it with --token file:FILE until it runs out;\n`keystead login --issuer` keeps a session instead, which is refreshed by itself.\nWithout --device the browser must be on this machine; with it, any browser will do.",
    examples: [
      "keystead token sign-in --issuer https://login.example.org --client-id keystead-cli --scope groups --out ~/.keystead-token",
      "keystead token sign-in --device --issuer https://login.example.org --client-id keystead-cli --out token && keystead --token file:token status",
    ],
    options: (command) =>
      outOptions(
        scopeOption(
          command
            .requiredOption("--issuer <url>", "the provider, exactly as it names itself")
            .requiredOption("--client-id <id>", "our client at the provider")
            .option("--device", "sign in with a browser on another machine (RFC 8628)"),
        ),
      ),
    body: async (context, options) => {
      const { shell } = context;
      if (!URL.canParse(options.issuer)) throw usageError("--issuer takes an address, such as https://login.example.org");
      checkTarget(options, shell);
      const signedIn = await signInAtProvider(context, options);
      await writeTarget(options, [Buffer.from(`${signedIn.idToken}\n`, "latin1")], shell);
      await context.note(`signed in as ${printable(signedIn.subject)} until ${new Date(signedIn.expiresAt).toISOString()}`);
    },
  });
}
