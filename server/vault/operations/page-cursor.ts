/**
 * The cursor of listings by key id: it names the last key of a page, so that it stays right while keys come and go.
 */
import { HsmError } from "@keystead/contract/errors";

/** The id after which the next page begins. @throws {HsmError} INVALID_REQUEST for a token that no page ended with */
export function cursorOf(token: string): string {
  const after = Buffer.from(token, "base64url").toString("utf8");
  // Decoding forgives what is no base64url; a cursor that lost its meaning must not begin the list anew.
  if (!/^[A-Za-z0-9._-]{0,128}$/.test(after) || Buffer.from(after, "utf8").toString("base64url") !== token)
    throw new HsmError("INVALID_REQUEST", "page_token is not one of ours");
  return after;
}

/** The token for what follows this key; empty without one. */
export const cursorAfter = (last: { readonly keyId: string } | undefined): string =>
  last === undefined ? "" : Buffer.from(last.keyId, "utf8").toString("base64url");
