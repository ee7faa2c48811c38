/**
 * What becomes of a secret that an operation establishes or derives: a managed key, or bytes for the caller.
 *
 * Making a managed key needs what making any key needs; taking the bytes out of the vault needs a permission of its own.
 * The caller says which, so that bytes never leave because something was left out.
 *
 * @see PKCS#11 3.2 §5.18.8 C_EncapsulateKey, C_DeriveKey: a secret becomes an object
 */
import type { KeyTemplate } from "./generated/hsm/hsm_pb.ts";
import type { Permission } from "./permissions.ts";
import { trustDemand } from "./trust-demand.ts";

const AS_BYTES: readonly Permission[] = Object.freeze(["crypto:shared_secret"]);

/** The further permission of a request with `as_bytes`: without it, the request is for a managed key. */
export const permissionOfResult = (request: {
  readonly asBytes: boolean;
  readonly asKey?: KeyTemplate | undefined;
}): readonly Permission[] => (request.asBytes ? AS_BYTES : ["key:create", ...trustDemand(request.asKey?.attributes, true)]);
