/**
 * The parameters a MAC refuses because it does not read them.
 */
import type { MacParams } from "../mechanism.ts";
import { takesNoMode } from "./one-mode.ts";
import { paramInvalid } from "./refusals.ts";

/** What a MAC without a nonce gives as one. */
export const NO_NONCE: Buffer = Buffer.alloc(0);

/** Returns when `params` name at most a length. @throws {HsmError} MECHANISM_PARAM_INVALID */
export function takesLengthOnly(name: string, { nonce, customization, ...more }: MacParams): void {
  takesNoMode(more);
  if (nonce !== undefined) throw paramInvalid(`${name} takes no nonce`);
  if (customization !== undefined) throw paramInvalid(`${name} takes no customisation string; KMAC does`);
}
