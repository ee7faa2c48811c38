/** A command line that cannot be carried out as given: exit status 2, like INVALID_REQUEST, without a stack. */
import { HsmError } from "@keystead/client/names";

export const usageError = (detail: string): HsmError => new HsmError("INVALID_REQUEST", detail);
