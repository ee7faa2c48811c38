/**
 * Signing in with a browser on this machine: authorization code with PKCE, and a redirect to loopback.
 *
 * The code comes to a port that is open for this one answer. It counts only with the state of this request, and is of
 * use only to who has the verifier, which never leaves this process but to the token endpoint.
 *
 * @see RFC 8252 §7.3, §8; RFC 7636; RFC 9207; OpenID Connect Core 1.0 §3.1
 */
import { createHash, randomBytes, timingSafeEqual } from "node:crypto";
import { once } from "node:events";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { checkIdToken, type SignedIn } from "./id-token.ts";
import { ask, discover, reasonIn, refused } from "./provider.ts";

export interface BrowserSignIn {
  readonly issuer: string;
  readonly clientId: string;
  /** Besides openid. */
  readonly scopes: readonly string[];
  /** Given the address that a browser must open. */
  readonly open: (address: string) => void | Promise<void>;
  /** How long somebody may take, in milliseconds. */
  readonly timeoutMs: number;
}

const word = (): string => randomBytes(32).toString("base64url");
const PATH = "/callback";

/** @throws {HsmError} UNAUTHENTICATED when it was denied, took too long, or what came back is not right */
export async function signInWithBrowser({ issuer, clientId, scopes, open, timeoutMs }: BrowserSignIn): Promise<SignedIn> {
  const provider = await discover(issuer);
  if (provider.authorizationEndpoint === undefined) throw refused(`${issuer} names no authorization endpoint`);
  const [state, nonce, verifier] = [word(), word(), word()];
  const server = createServer().listen(0, "127.0.0.1");
  await once(server, "listening");
  const redirect = `http://127.0.0.1:${(server.address() as AddressInfo).port}${PATH}`;
  try {
    const answered = new Promise<URLSearchParams>((done, failed) => {
      const timer = setTimeout(() => failed(refused("nobody signed in in time")), timeoutMs);
      server.on("request", (asked, reply) => {
        const url = new URL(asked.url ?? "/", redirect);
        const ours = url.pathname === PATH && asked.method === "GET" && same(url.searchParams.getAll("state"), state);
        reply
          .writeHead(ours ? 200 : 400, { "content-type": "text/plain; charset=utf-8", "cache-control": "no-store", connection: "close" })
          .end(ours ? "Done. This window can be closed.\n" : "This is not the answer that is waited for.\n");
        // Whoever else knocks here, the right answer is still waited for.
        if (!ours) return;
        clearTimeout(timer);
        done(url.searchParams);
      });
    });
    const address = new URL(provider.authorizationEndpoint);
    for (const [name, value] of Object.entries({
      response_type: "code",
      client_id: clientId,
      redirect_uri: redirect,
      scope: ["openid", ...scopes].join(" "),
      state,
      nonce,
      code_challenge: createHash("sha256").update(verifier).digest("base64url"),
      code_challenge_method: "S256",
    }))
      address.searchParams.set(name, value);
    // Whatever becomes of opening it, an answer that never comes is heard of.
    const [answer] = await Promise.all([answered, open(address.href)]);
    const named = answer.get("iss");
    if (named === null ? provider.namesItself : named !== issuer) throw refused("the answer is of another provider");
    const code = answer.get("code");
    if (code === null) throw refused(`not signed in: ${reasonIn(Object.fromEntries(answer))}`);
    const { status, body } = await ask(provider.tokenEndpoint, {
      grant_type: "authorization_code",
      client_id: clientId,
      code,
      redirect_uri: redirect,
      code_verifier: verifier,
    });
    if (status !== 200) throw refused(`not signed in: ${reasonIn(body)}`);
    return checkIdToken(body, provider, { clientId, nonce });
  } finally {
    server.closeAllConnections();
    server.close();
  }
}

/** One value, and the right one. */
function same(found: readonly string[], wanted: string): boolean {
  const [only = ""] = found;
  return found.length === 1 && only.length === wanted.length && timingSafeEqual(Buffer.from(only, "latin1"), Buffer.from(wanted, "latin1"));
}
