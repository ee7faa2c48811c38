/**
 * What requests about stored objects need besides: private objects are for those who may see them, and a certificate is called
 * trusted by whoever may say so of keys.
 */
import type { Permission } from "./permissions.ts";

const PRIVATE: readonly Permission[] = Object.freeze(["object:private"]);
const TRUST: readonly Permission[] = Object.freeze(["key:trust"]);
const NONE: readonly Permission[] = Object.freeze([]);

export const privateDemand = (request: { readonly private: boolean }): readonly Permission[] => (request.private ? PRIVATE : NONE);

/** False says something only of an object that there is. */
export const trustedDemand = (request: { readonly trusted?: boolean | undefined; readonly $typeName: string }): readonly Permission[] =>
  request.trusted === undefined || (!request.trusted && request.$typeName === "hsm.StoreObjectRequest") ? NONE : TRUST;
