/** A session that a token's PIN opens, for as long as one command works with it. */
import type { Keystead } from "@keystead/client/client";
import type { TokenPinName } from "@keystead/client/shapes";
import type { Context } from "./context.ts";
import { resolveSettings } from "./settings.ts";

/**
 * Works as whoever has the PIN, and ends the session afterwards.
 *
 * @param pin the caller wipes it
 * @throws {HsmError} UNAUTHENTICATED, for whatever is wrong
 */
export async function withPin<T>(
  context: Context,
  name: string,
  role: TokenPinName,
  pin: Uint8Array,
  body: (keystead: Keystead) => Promise<T>,
): Promise<T> {
  // Whatever session there was says nothing here.
  const door = await context.connect({ token: undefined, tokenProvider: undefined });
  const { tokens } = await door.loginToken({ name, role, pin });
  const { shell, options } = context;
  const keystead = await shell.createClient({ ...resolveSettings(options, shell), token: tokens.accessToken });
  try {
    return await body(keystead);
  } finally {
    // A changed PIN has ended it already.
    await keystead.logout().catch(() => undefined);
    keystead.close();
  }
}
