/** `keystead token mint`: signs a bearer token on this machine. */
import { resolve } from "node:path";
import type { Command } from "commander";
import type { Profile } from "@keystead/client/profile";
import { collect, group, leaf, type Run } from "../command-tree.ts";
import { readSecret } from "../secret-reference.ts";
import { findProfile } from "../settings.ts";
import { TOKEN_ALGORITHMS } from "../token-signing.ts";
import { usageError } from "../usage-error.ts";
import { tokenSignIn } from "./token-sign-in.ts";
import { addTokens } from "./tokens.ts";

interface Options {
  readonly key?: string;
  readonly algorithm?: string;
  readonly subject: string;
  readonly role?: readonly string[];
  readonly ttl: string;
  readonly issuer?: string;
  readonly audience?: string;
  readonly kid?: string;
  readonly namespace?: string;
}

const SECONDS = { s: 1, m: 60, h: 3600, d: 86_400 } as const;

/** `300`, `300s`, `5m`, `2h`, `1d`; at most 30 days. */
export function ttlSeconds(text: string): number {
  const [, digits, unit] = /^([0-9]{1,7})([smhd])?$/.exec(text) ?? [];
  const seconds = Number(digits) * SECONDS[(unit ?? "s") as keyof typeof SECONDS];
  if (!(seconds >= 1 && seconds <= 86_400)) throw usageError(`--ttl: '${text}' is not a time from 1s to 24h, such as 300, 5m or 1h`);
  return seconds;
}

/** A reference stays as it is; a bare word that looks like a path is one; anything else may be a secret and is refused. */
export function keyReference(text: string | undefined, profile: Profile | undefined, cwd: string): string {
  if (text === undefined) {
    if (profile?.tokenKey === undefined) throw usageError("no signing key: pass --key file:PATH, or a profile with tokenKey");
    return `file:${profile.tokenKey}`;
  }
  if (/^(file|env|fd):/.test(text)) return text;
  if (/\.(pem|key|jwk|json)$/i.test(text)) return `file:${resolve(cwd, text)}`;
  throw usageError(
    "--key takes a reference to a secret (file:PATH, env:NAME or fd:N) or the path of a .pem, .key or .jwk file, never the secret itself",
  );
}

export function token(root: Command, run: Run): void {
  const tokens = group(root, "token", "Make and get bearer tokens; tokens of PKCS#11 and their PINs");
  mint(tokens, run);
  tokenSignIn(tokens, run);
  addTokens(tokens, run);
}

function mint(tokens: Command, run: Run): void {
  leaf<Options>(tokens, run, {
    usage: "mint",
    summary: "Sign a bearer token on this machine",
    notes:
      "The server accepts it when its key set holds the matching key, and no role or namespace beyond what the set allows.\nDefaults for --key, --issuer and --audience come from the profile (tokenKey, issuer, audience).",
    examples: [
      "keystead token mint --subject build --role KeyUser --namespace payments --ttl 5m",
      "keystead token mint --key file:signing.pem --algorithm ES256 --subject ci --role Service --issuer ci --audience keystead --kid ci-1",
    ],
    options: (command) =>
      command
        .option("--key <ref>", "signing key: file:PATH, env:NAME, fd:N, or the path of a PEM or JWK file")
        .option("--algorithm <name>", `${TOKEN_ALGORITHMS.join(", ")} (default: what the key is)`)
        .requiredOption("--subject <name>", "who the bearer is")
        .option("--role <name>", "a role; repeat for more", collect)
        .option("--ttl <duration>", "how long it is valid: 300, 5m, 1h, at most 24h", "300s")
        .option("--issuer <name>", "iss")
        .option("--audience <name>", "aud")
        .option("--kid <id>", "key id (default: the key's own, or its RFC 7638 thumbprint)"),
    body: async (context, options) => {
      const { readSigningKey, signToken } = await import("../token-signing.ts");
      const profile = findProfile(context.options, context.shell);
      const issuer = options.issuer ?? profile?.issuer;
      const audience = options.audience ?? profile?.audience;
      if (issuer === undefined || audience === undefined)
        throw usageError(`pass --${issuer === undefined ? "issuer" : "audience"}, or a profile that has it`);
      const bytes = readSecret(keyReference(options.key, profile, context.shell.cwd), "--key", context.shell);
      try {
        const claims = {
          subject: options.subject,
          roles: options.role ?? [],
          namespaces: options.namespace === undefined ? [] : [options.namespace],
          ttlSeconds: ttlSeconds(options.ttl),
          issuer,
          audience,
        };
        const key = await readSigningKey(bytes, options.algorithm);
        const made = await signToken(key, claims, options.kid ?? key.kid);
        await context.print(
          { token: made.token, algorithm: key.algorithm, jti: made.jti, expiresAt: made.expiresAt },
          () => `${made.token}\n`,
        );
      } finally {
        bytes.fill(0);
      }
    },
  });
}
