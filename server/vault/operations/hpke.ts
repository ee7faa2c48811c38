/**
 * What HpkeSeal and HpkeOpen share: the parameters out of a request, and the pre-shared key it names.
 */
import { enumSpelling } from "@keystead/contract/enum-names";
import { HsmError } from "@keystead/contract/errors";
import { HpkeAeadSchema, HpkeKdfSchema, type HpkeAead, type HpkeKdf } from "@keystead/contract/generated/hsm/hsm_pb";
import type { HpkeAeadName, HpkeKdfName } from "@keystead/crypto/hpke";
import type { HpkeChoice } from "../providers/software.ts";
import { otherGrantOf, type Context, type Invocation } from "./handler.ts";

interface HpkeRequest {
  readonly info: Uint8Array;
  readonly associatedData: Uint8Array;
  readonly kdf: HpkeKdf;
  readonly aead: HpkeAead;
  readonly pskKeyId: string;
  readonly pskId: Uint8Array;
}

/**
 * The parameters of a request, its pre-shared key opened.
 *
 * @throws {HsmError} INVALID_REQUEST   psk_id without psk_key_id
 */
export async function hpkeChoice(
  invocation: Pick<Invocation, "operation" | "otherGrant">,
  request: HpkeRequest,
  { objects }: Context,
): Promise<HpkeChoice> {
  if (request.pskKeyId === "" && request.pskId.length > 0)
    throw new HsmError("INVALID_REQUEST", "psk_id names a pre-shared key: psk_key_id is needed with it");
  const kdf = enumSpelling(HpkeKdfSchema, request.kdf) as HpkeKdfName | undefined;
  const aead = enumSpelling(HpkeAeadSchema, request.aead) as HpkeAeadName | undefined;
  return {
    info: request.info,
    additionalData: request.associatedData,
    ...(kdf === undefined ? {} : { kdf }),
    ...(aead === undefined ? {} : { aead }),
    ...(request.pskKeyId === "" ? {} : { pskKey: await objects.open(otherGrantOf(invocation)), pskId: request.pskId }),
  };
}
