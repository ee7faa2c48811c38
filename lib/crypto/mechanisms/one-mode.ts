/** The refusal of a mode by every mechanism that has one way alone. */
import type { KeyMode } from "@keystead/contract/key-modes";
import { paramInvalid } from "./refusals.ts";

/** Returns when no mode is named. @throws {HsmError} MECHANISM_PARAM_INVALID */
export function takesNoMode({ mode }: { readonly mode?: KeyMode }): void {
  if (mode !== undefined) throw paramInvalid("a key of this algorithm has one mode; a request names none");
}
