/**
 * An OpenID Connect provider as a client of it sees it: where its endpoints are, and what it answers there.
 *
 * The provider must be the issuer that was asked for, to the letter, and every endpoint must be behind TLS; on this
 * machine itself plain HTTP will do. Tokens and codes are never in an error.
 *
 * @see OpenID Connect Discovery 1.0 §4; RFC 6749 §5.2
 */
import { HsmError } from "@keystead/contract/errors";

export interface Provider {
  readonly issuer: string;
  readonly authorizationEndpoint: string | undefined;
  readonly tokenEndpoint: string;
  readonly deviceEndpoint: string | undefined;
  /** RFC 9207: its answers name it, so one that does not is not its own. */
  readonly namesItself: boolean;
}

export type Fields = Readonly<Record<string, unknown>>;

const TIMEOUT_MS = 20_000;
const MOST_BYTES = 256 * 1024;

export const refused = (detail: string): HsmError => new HsmError("UNAUTHENTICATED", detail);

/** Reads the discovery document. @throws {HsmError} INVALID_REQUEST for an address without TLS; UNAUTHENTICATED; PROVIDER_UNAVAILABLE */
export async function discover(issuer: string): Promise<Provider> {
  const { body, status } = await ask(`${issuer.replace(/\/$/, "")}/.well-known/openid-configuration`);
  if (status !== 200) throw refused(`${issuer} has no discovery document (status ${status})`);
  if (body["issuer"] !== issuer) throw refused(`the discovery document is of another issuer than ${issuer}`);
  const endpoint = (name: string): string | undefined => {
    const address = body[name];
    return typeof address === "string" ? requireTls(address) : undefined;
  };
  const tokenEndpoint = endpoint("token_endpoint");
  if (tokenEndpoint === undefined) throw refused(`${issuer} names no token endpoint`);
  return {
    issuer,
    authorizationEndpoint: endpoint("authorization_endpoint"),
    tokenEndpoint,
    deviceEndpoint: endpoint("device_authorization_endpoint"),
    namesItself: body["authorization_response_iss_parameter_supported"] === true,
  };
}

/** Asks with GET, or sends a form. The answer is a JSON object whatever its status. */
export async function ask(address: string, form?: Readonly<Record<string, string>>): Promise<{ status: number; body: Fields }> {
  requireTls(address);
  let reply: Response;
  let text: string;
  try {
    reply = await fetch(address, {
      redirect: "error",
      signal: AbortSignal.timeout(TIMEOUT_MS),
      headers: { accept: "application/json" },
      ...(form === undefined ? {} : { method: "POST", body: new URLSearchParams(form) }),
    });
    text = await reply.text();
  } catch (error) {
    const { cause, message } = error as Error;
    throw new HsmError("PROVIDER_UNAVAILABLE", `${new URL(address).origin} cannot be asked: ${(cause as Error)?.message ?? message}`);
  }
  if (text.length > MOST_BYTES) throw refused(`${new URL(address).origin} answered with too much`);
  try {
    const body = JSON.parse(text) as unknown;
    if (body !== null && typeof body === "object" && !Array.isArray(body)) return { status: reply.status, body: body as Fields };
  } catch {
    // Said below.
  }
  throw refused(`${new URL(address).origin} did not answer with a JSON object (status ${reply.status})`);
}

function requireTls(address: string): string {
  const url = URL.canParse(address) ? new URL(address) : undefined;
  const here = url?.protocol === "http:" && ["127.0.0.1", "[::1]", "localhost"].includes(url.hostname);
  if (url?.protocol !== "https:" && !here) throw new HsmError("INVALID_REQUEST", `'${address}' does not begin with https://`);
  return address;
}

/** What a provider says went wrong, cut to what may be shown. */
export function reasonIn(body: Fields): string {
  const [code, description] = [body["error"], body["error_description"]].map((value) =>
    typeof value === "string" ? value.replace(/[^\x20-\x7e]/g, "?").slice(0, 200) : "",
  );
  return description === "" ? (code as string) : `${code} (${description})`;
}
