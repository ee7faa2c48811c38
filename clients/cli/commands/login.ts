/**
 * `keystead login` and `keystead logout`: a session of a local user, a service account or of whom an identity provider vouches
 * for, kept beside the profile.
 */
import type { Command } from "commander";
import type { Keystead } from "@keystead/client/client";
import type { LoginChallenge, SessionTokens } from "@keystead/client/shapes";
import { leaf, type Run } from "../command-tree.ts";
import type { Context } from "../context.ts";
import { askCode, askPassword } from "../hidden-input.ts";
import { scopeOption, signInAtProvider } from "../provider-sign-in.ts";
import { readSecret, withoutLineEnding } from "../secret-reference.ts";
import { answerBySecurityKey, type FactorOptions } from "../security-key-factor.ts";
import { securityKeyOptions } from "../security-key.ts";
import { resolveSettings } from "../settings.ts";
import { forgetSession, sessionPath, writeSession } from "../stored-session.ts";
import { usageError } from "../usage-error.ts";
import { dateText } from "./key-facts.ts";

interface Options extends FactorOptions {
  readonly password?: string;
  readonly code?: string;
  readonly recoveryCode?: string;
  readonly securityKey?: boolean;
  readonly service?: boolean;
  readonly secretId?: string;
  readonly bindAddress?: boolean;
  readonly issuer?: string;
  readonly clientId?: string;
  readonly scope?: readonly string[];
  readonly deviceCode?: boolean;
  readonly providerToken?: string;
}

export function login(root: Command, run: Run): void {
  leaf<Options>(root, run, {
    usage: "login [name]",
    summary: "Begin a session as a local user, a service account, or by an identity provider",
    notes:
      "The password is asked for on the terminal. The session is kept in session.json beside the profile, where only you may\nread it, and refreshed by itself until it ends. --security-key answers with a security key (FIDO2) by libfido2's fido2-tools.\nWith --issuer or --provider-token there is no name: the identity provider says who it is.",
    examples: [
      "keystead login alice",
      "keystead login alice --security-key",
      "keystead login alice --password file:/run/secrets/alice --code env:CODE",
      "keystead login builder --service --secret-id file:/run/secrets/builder",
      "keystead login --issuer https://login.example.org --client-id keystead-cli --scope groups",
    ],
    options: (command) =>
      scopeOption(securityKeyOptions(command))
        .option("--password <ref>", "the password by reference, instead of being asked: file:PATH, env:NAME or fd:N")
        .option("--code <ref>", "the authenticator app's code by reference")
        .option("--recovery-code <ref>", "a recovery code by reference, in place of the second factor")
        .option("--security-key", "answer with a security key, also where an authenticator app would do")
        .option("--pin", "ask for the security key's PIN, and not for a touch alone")
        .option("--service", "the name is a service account's, its role id")
        .option("--secret-id <ref>", "the secret id of the service account by reference")
        .option("--issuer <url>", "sign in at this OpenID Connect provider, exactly as it names itself")
        .option("--client-id <id>", "our client at the provider")
        .option("--device-code", "sign in there with a browser on another machine (RFC 8628)")
        .option("--provider-token <ref>", "a token of the provider by reference, instead of signing in there")
        .option("--bind-address", "a session that is good from this machine's address alone"),
    body: async (context, options, [name = ""]) => {
      const { shell } = context;
      const way = wayOf(name, options);
      // Whatever session there was says nothing here.
      const keystead = await context.connect({ token: undefined, tokenProvider: undefined });
      const tokens = await way(keystead, name, options, context);
      const { endpoint } = resolveSettings(context.options, shell);
      const path = sessionPath(context.options, shell);
      writeSession(path, endpoint, tokens);
      const { sessionId, sessionExpiresAt, mustChangePassword } = tokens;
      await context.print({ sessionId, sessionExpiresAt, mustChangePassword, file: path }, () =>
        context.facts([
          ["session", sessionId],
          ["until", dateText(sessionExpiresAt)],
          ["kept in", path],
        ]),
      );
      if (mustChangePassword) await context.note("this password was set by somebody else: change it with `keystead users password`");
    },
  });
}

type Way = (keystead: Keystead, name: string, options: Options, context: Context) => Promise<SessionTokens>;

/** How it is proven who it is: exactly one way. */
function wayOf(name: string, options: Options): Way {
  const provider = options.issuer !== undefined || options.providerToken !== undefined;
  if (provider && (name !== "" || options.service === true || options.password !== undefined))
    throw usageError("with --issuer or --provider-token the identity provider says who it is: no name, password or --service");
  if (options.issuer !== undefined && options.providerToken !== undefined) throw usageError("--issuer excludes --provider-token");
  if (provider) return byProvider;
  if (options.clientId !== undefined || options.scope !== undefined || options.deviceCode === true)
    throw usageError("--client-id, --scope and --device-code belong to --issuer");
  if (name === "") throw usageError("login needs a name, or --issuer");
  return options.service === true ? asService : asUser;
}

const byProvider: Way = async (keystead, _, options, context) => {
  const { issuer, clientId, scope, deviceCode, providerToken, bindAddress } = options;
  if (providerToken !== undefined) {
    const token = withoutLineEnding(readSecret(providerToken, "--provider-token", context.shell)).toString("latin1");
    return keystead.loginOidc({ token, bindAddress });
  }
  if (issuer === undefined || clientId === undefined) throw usageError("--issuer needs --client-id");
  const { idToken } = await signInAtProvider(context, { issuer, clientId, scope: scope ?? [], device: deviceCode === true });
  return keystead.loginOidc({ token: idToken, bindAddress });
};

export function logout(root: Command, run: Run): void {
  leaf(root, run, {
    usage: "logout",
    summary: "End the session of `keystead login`",
    examples: ["keystead logout"],
    body: async (context) => {
      const path = sessionPath(context.options, context.shell);
      const keystead = await context.connect();
      try {
        const sessionId = await keystead.logout();
        await context.print({ sessionId }, () => `session ${sessionId} has ended\n`);
      } finally {
        // Whether the server heard it or not: nobody goes on with it here.
        forgetSession(path);
      }
    },
  });
}

async function asService(keystead: Keystead, roleId: string, options: Options, { shell }: Context): Promise<SessionTokens> {
  if (options.secretId === undefined) throw usageError("--service needs --secret-id with a reference: file:PATH, env:NAME or fd:N");
  const secretId = withoutLineEnding(readSecret(options.secretId, "--secret-id", shell)).toString("utf8");
  return keystead.loginService({ roleId, secretId, bindAddress: options.bindAddress });
}

async function asUser(keystead: Keystead, name: string, options: Options, context: Context): Promise<SessionTokens> {
  const password = await askPassword(`password of ${name}: `, options.password, "--password", context.shell);
  try {
    const { tokens, challenge } = await keystead.login({ name, password, bindAddress: options.bindAddress });
    return tokens ?? (await secondFactor(keystead, challenge as LoginChallenge, options, context));
  } finally {
    password.fill(0);
  }
}

async function secondFactor(keystead: Keystead, challenge: LoginChallenge, options: Options, context: Context): Promise<SessionTokens> {
  const { shell } = context;
  const { challengeId, factors } = challenge;
  const withRecovery = options.recoveryCode !== undefined;
  const byKey = factors.includes("webauthn") && (options.securityKey === true || (!factors.includes("totp") && !withRecovery));
  if (byKey) return keystead.completeLogin(await answerBySecurityKey(context, challenge, options));
  if (options.securityKey === true) throw usageError(`this login wants ${factors.join(" or ")}`);
  if (factors.includes("totp") && !withRecovery)
    return keystead.completeLogin({
      challengeId,
      totpCode: await askCode("code of your authenticator app: ", options.code, "--code", shell),
    });
  if (factors.includes("recovery_code"))
    return keystead.completeLogin({
      challengeId,
      recoveryCode: await askCode("recovery code: ", options.recoveryCode, "--recovery-code", shell),
    });
  throw usageError(`this login wants ${factors.join(" or ")}, which is not at hand`);
}
