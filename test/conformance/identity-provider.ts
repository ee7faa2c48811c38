/**
 * A real OpenID Connect provider, `oidc-provider`, on a port that the system chooses, and somebody with a browser.
 *
 *     const idp = await startIdentityProvider(t);
 *     const token = await idp.signIn({ login: "alice" });
 */
import { createHash, randomBytes } from "node:crypto";
import { once } from "node:events";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";

export interface IdentityProvider {
  readonly issuer: string;
  readonly clientId: string;
  /** Signs in by the authorization code flow and gives the ID token. */
  signIn(login: string): Promise<string>;
  /** What a person with a browser does at an address of the provider: logs in and agrees. @returns where that ends, or the last page */
  browse(url: string, login: string, code?: string): Promise<{ readonly location: string; readonly page: string }>;
  /** Requests for its keys so far. */
  readonly keyRequests: () => number;
  /** From now on signs with other keys. */
  rotate(): Promise<void>;
  /** From now on answers nothing, or again. */
  silence(silent: boolean): void;
}

export const CLIENT_ID = "keystead-cli";
const REDIRECT = "http://127.0.0.1/callback";

/** Groups and other claims by login. */
const ACCOUNTS: Readonly<Record<string, object>> = {
  alice: { groups: ["hsm-operators", "staff"], email: "alice@example.org", email_verified: true },
  bob: { groups: ["staff"], email: "bob@example.org", email_verified: false },
};

/** A test, or a file of them: what is given to it is done when that is over. */
export interface Ending {
  after(end: () => void): void;
}

type OnRequest = (asked: import("node:http").IncomingMessage, reply: import("node:http").ServerResponse) => void;

export async function startIdentityProvider(t: Ending): Promise<IdentityProvider> {
  const { Provider } = await import("oidc-provider");
  const { exportJWK, generateKeyPair } = await import("jose");
  let keyRequests = 0;
  let silent = false;
  let handle: OnRequest;
  const server = createServer((asked, reply) => {
    if (silent) return void reply.destroy();
    if (asked.url?.startsWith("/jwks") === true) keyRequests += 1;
    handle(asked, reply);
  }).listen(0, "127.0.0.1");
  await once(server, "listening");
  t.after(() => {
    server.closeAllConnections();
    server.close();
  });
  const issuer = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  const rotate = async (): Promise<void> => {
    const { privateKey } = await generateKeyPair("RS256", { extractable: true });
    const provider = new Provider(issuer, {
      clients: [
        {
          client_id: CLIENT_ID,
          token_endpoint_auth_method: "none",
          application_type: "native",
          grant_types: ["authorization_code", "refresh_token", "urn:ietf:params:oauth:grant-type:device_code"],
          response_types: ["code"],
          redirect_uris: [REDIRECT],
        },
      ],
      jwks: { keys: [{ ...(await exportJWK(privateKey)), kid: randomBytes(6).toString("hex"), use: "sig", alg: "RS256" }] },
      claims: { openid: ["sub"], groups: ["groups"], email: ["email", "email_verified"] },
      scopes: ["openid", "groups", "email", "offline_access"],
      conformIdTokenClaims: false,
      cookies: { keys: [randomBytes(16).toString("hex")] },
      features: { devInteractions: { enabled: true }, deviceFlow: { enabled: true } },
      pkce: { required: () => true },
      findAccount: (_context: unknown, id: string) => ({
        accountId: id,
        claims: () => ({ sub: id, ...ACCOUNTS[id] }),
      }),
    });
    handle = provider.callback();
  };
  await rotate();

  const browse: IdentityProvider["browse"] = async (url, login, code) => {
    const jar = new Map<string, string>();
    let next: { url: string; form?: URLSearchParams } = { url };
    for (let steps = 0; steps < 20; steps++) {
      const reply = await fetch(next.url, {
        redirect: "manual",
        method: next.form === undefined ? "GET" : "POST",
        headers: { cookie: [...jar].map(([name, value]) => `${name}=${value}`).join("; ") },
        ...(next.form === undefined ? {} : { body: next.form }),
      });
      for (const cookie of reply.headers.getSetCookie()) {
        const [, name = "", value = ""] = /^([^=]+)=([^;]*)/.exec(cookie) ?? [];
        jar.set(name, value);
      }
      const location = reply.headers.get("location");
      const page = await reply.text();
      if (location !== null) {
        const to = new URL(location, next.url);
        if (to.origin !== issuer) return { location: to.href, page: "" };
        next = { url: to.href };
        continue;
      }
      const action = /<form[^>]*action="([^"]+)"/.exec(page)?.[1];
      if (action === undefined) return { location: "", page };
      const fields = [...page.matchAll(/<input[^>]*type="hidden"[^>]*>/g)].map(([input]) => [
        /name="([^"]*)"/.exec(input)?.[1] ?? "",
        /value="([^"]*)"/.exec(input)?.[1] ?? "",
      ]);
      const form = new URLSearchParams(fields);
      if (page.includes('name="login"')) {
        form.set("login", login);
        form.set("password", "any");
      }
      if (page.includes('name="user_code"') && code !== undefined) form.set("user_code", code);
      next = { url: new URL(action, next.url).href, form };
    }
    throw new Error("the browser goes round in circles");
  };

  return {
    issuer,
    clientId: CLIENT_ID,
    browse,
    rotate,
    keyRequests: () => keyRequests,
    silence: (quiet) => (silent = quiet),
    async signIn(login) {
      const verifier = randomBytes(32).toString("base64url");
      const challenge = createHash("sha256").update(verifier).digest("base64url");
      const query = {
        client_id: CLIENT_ID,
        response_type: "code",
        scope: "openid groups email",
        redirect_uri: REDIRECT,
        state: "s",
        // As every client does, so that two tokens of one second are two.
        nonce: randomBytes(16).toString("base64url"),
      };
      const { location } = await browse(
        `${issuer}/auth?${new URLSearchParams({ ...query, code_challenge: challenge, code_challenge_method: "S256" })}`,
        login,
      );
      const reply = await fetch(`${issuer}/token`, {
        method: "POST",
        body: new URLSearchParams({
          grant_type: "authorization_code",
          client_id: CLIENT_ID,
          code: new URL(location).searchParams.get("code") ?? "",
          redirect_uri: REDIRECT,
          code_verifier: verifier,
        }),
      });
      const { id_token: token } = (await reply.json()) as { id_token?: string };
      if (token === undefined) throw new Error(`no token: ${location}`);
      return token;
    },
  };
}
