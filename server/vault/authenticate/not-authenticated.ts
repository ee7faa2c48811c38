/** The one answer to everybody who is not let in. */
import { HsmError } from "@keystead/contract/errors";

export const notAuthenticated = (): HsmError => new HsmError("UNAUTHENTICATED", "authentication failed");
