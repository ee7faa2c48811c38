/**
 * What handlers find in an open vault and not in a closed one: one list, and one refusal for all of it.
 */
import { HsmError } from "@keystead/contract/errors";
import type { Context } from "./handler.ts";

const OPEN_ALONE = [
  "approvals",
  "auditBreak",
  "auditStreams",
  "budgets",
  "configuration",
  "documents",
  "identity",
  "listings",
  "objects",
  "policy",
  "proofs",
  "sinks",
  "storedObjects",
] as const;
/** The rooms of an open vault. */
export type OpenRooms = Pick<Context, (typeof OPEN_ALONE)[number]>;
/** What is there whether or not the vault is open. */
export type AlwaysThere = Omit<Context, (typeof OPEN_ALONE)[number]>;

/** What handlers see of a vault that is closed: whoever asks for a room is told so. */
export function closedContext(always: AlwaysThere): Context {
  const refusal = {
    get(): never {
      throw new HsmError("VAULT_SEALED", "the vault is sealed");
    },
  };
  return Object.defineProperties({ ...always }, Object.fromEntries(OPEN_ALONE.map((name) => [name, refusal]))) as Context;
}
