/**
 * Signing in with a browser on another machine: the provider shows nothing here but a code, and is asked until somebody
 * has entered it there.
 *
 * @see RFC 8628 §3
 */
import { checkIdToken, type SignedIn } from "./id-token.ts";
import { ask, discover, reasonIn, refused, type Fields } from "./provider.ts";

export interface DevicePrompt {
  readonly address: string;
  readonly userCode: string;
  /** The address with the code in it, when the provider has one. */
  readonly completeAddress: string | undefined;
}

export interface DeviceSignIn {
  readonly issuer: string;
  readonly clientId: string;
  /** Besides openid. */
  readonly scopes: readonly string[];
  /** Given what a person must enter where. */
  readonly show: (prompt: DevicePrompt) => void | Promise<void>;
  /** Waits; tests wait otherwise. */
  readonly wait?: (milliseconds: number) => Promise<void>;
}

const GRANT = "urn:ietf:params:oauth:grant-type:device_code";
const LONGEST_MS = 30 * 60_000;

/** @throws {HsmError} UNAUTHENTICATED when it was denied, took too long, or what came back is not right */
export async function signInWithDevice({ issuer, clientId, scopes, show, wait = pause }: DeviceSignIn): Promise<SignedIn> {
  const provider = await discover(issuer);
  if (provider.deviceEndpoint === undefined) throw refused(`${issuer} offers no sign-in for devices; sign in with a browser`);
  const begun = await ask(provider.deviceEndpoint, { client_id: clientId, scope: ["openid", ...scopes].join(" ") });
  if (begun.status !== 200) throw refused(`not signed in: ${reasonIn(begun.body)}`);
  const text = (name: string): string => {
    const value = begun.body[name];
    if (typeof value !== "string" || value === "") throw refused(`${issuer} gave no ${name}`);
    return value;
  };
  const deviceCode = text("device_code");
  const complete = begun.body["verification_uri_complete"];
  await show({
    address: text("verification_uri"),
    userCode: text("user_code"),
    completeAddress: typeof complete === "string" ? complete : undefined,
  });
  let intervalMs = secondsIn(begun.body, "interval", 5) * 1000;
  let leftMs = Math.min(LONGEST_MS, secondsIn(begun.body, "expires_in", 600) * 1000);
  while (leftMs > 0) {
    await wait(intervalMs);
    leftMs -= intervalMs;
    const { status, body } = await ask(provider.tokenEndpoint, { grant_type: GRANT, client_id: clientId, device_code: deviceCode });
    if (status === 200) return checkIdToken(body, provider, { clientId, nonce: undefined });
    if (body["error"] === "slow_down") intervalMs += 5000;
    else if (body["error"] !== "authorization_pending") throw refused(`not signed in: ${reasonIn(body)}`);
  }
  throw refused("nobody signed in in time");
}

const pause = (milliseconds: number): Promise<void> => new Promise((done) => setTimeout(done, milliseconds));

function secondsIn(body: Fields, name: string, otherwise: number): number {
  const value = body[name];
  return typeof value === "number" && value >= 1 && value <= 86_400 ? value : otherwise;
}
