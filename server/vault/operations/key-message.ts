/**
 * A managed object as the public Key message, and the enum numbers of its words.
 */
import { type MessageInitShape } from "@bufbuild/protobuf";
import { timestampFromMs } from "@bufbuild/protobuf/wkt";
import type { Usage as UsageName } from "@keystead/contract/algorithms";
import { algorithmNumber } from "@keystead/contract/enum-names";
import { ExportPolicy, KeyState, Usage, type KeySchema } from "@keystead/contract/generated/hsm/hsm_pb";
import { pem } from "@keystead/crypto/formats/public-key";
import type { ExportPolicy as ExportPolicyName, KeyStateName } from "../objects/attributes.ts";
import type { DescribedKey } from "../objects/objects.ts";

const STATES: Readonly<Record<KeyStateName, KeyState>> = Object.freeze({
  active: KeyState.ACTIVE,
  deactivated: KeyState.DEACTIVATED,
  destroyed: KeyState.DESTROYED,
});
const USAGES: Readonly<Record<UsageName, Usage>> = Object.freeze({
  sign: Usage.SIGN,
  verify: Usage.VERIFY,
  encrypt: Usage.ENCRYPT,
  decrypt: Usage.DECRYPT,
  mac: Usage.MAC,
  verify_mac: Usage.VERIFY_MAC,
  wrap_data_key: Usage.WRAP_DATA_KEY,
  encapsulate: Usage.ENCAPSULATE,
  decapsulate: Usage.DECAPSULATE,
  derive: Usage.DERIVE,
});
const EXPORT_POLICIES: Readonly<Record<ExportPolicyName, ExportPolicy>> = Object.freeze({
  never: ExportPolicy.NEVER,
  wrapped: ExportPolicy.WRAPPED,
  plain: ExportPolicy.PLAIN,
});
const usageByNumber = new Map<number, UsageName>((Object.entries(USAGES) as [UsageName, Usage][]).map(([name, number]) => [number, name]));
const stateByNumber = new Map<number, KeyStateName>(
  (Object.entries(STATES) as [KeyStateName, KeyState][]).map(([name, number]) => [number, name]),
);

/** Usage names of enum numbers, each once, in the order given. */
export const usageNames = (numbers: readonly Usage[]): UsageName[] =>
  [...new Set(numbers)].flatMap((number) => usageByNumber.get(number) ?? []);

/** State name of an enum number; undefined for 0. */
export const stateName = (number: KeyState): KeyStateName | undefined => stateByNumber.get(number);

/** Policy name of an enum number; "never" for 0. */
export const exportPolicyName = (number: ExportPolicy): ExportPolicyName =>
  number === ExportPolicy.PLAIN ? "plain" : number === ExportPolicy.WRAPPED ? "wrapped" : "never";

/** The public message. */
export function keyMessage({ namespace, keyId, attributes }: DescribedKey): MessageInitShape<typeof KeySchema> {
  return {
    namespace,
    keyId,
    algorithm: algorithmNumber(attributes.algorithm),
    state: STATES[attributes.state],
    version: attributes.current,
    usage: attributes.usage.map((usage) => USAGES[usage]),
    tags: [...attributes.tags],
    description: attributes.description,
    createdAt: timestampFromMs(attributes.createdAt),
    updatedAt: timestampFromMs(attributes.updatedAt),
    exportable: EXPORT_POLICIES[attributes.exportable ?? "never"],
    versions: attributes.versions.map((version) => ({
      version: version.version,
      state: STATES[version.state],
      createdAt: timestampFromMs(version.createdAt),
      local: version.local,
    })),
  };
}

/** PEM of the current version's public half; empty for secret keys. */
export function currentPublicKeyPem({ attributes }: DescribedKey): string {
  const der = attributes.versions.find((version) => version.version === attributes.current)?.publicKey ?? "";
  return der === "" ? "" : pem("PUBLIC KEY", Buffer.from(der, "base64"));
}
