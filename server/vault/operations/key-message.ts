/**
 * A managed object as the public Key message, and the enum numbers of its words.
 */
import { type MessageInitShape } from "@bufbuild/protobuf";
import { timestampFromMs, type Timestamp } from "@bufbuild/protobuf/wkt";
import { algorithmNumber } from "@keystead/contract/enum-names";
import {
  ExportPolicy,
  KeyState,
  RevocationReason,
  type KeySchema,
  type KeyVersionSchema,
  type RevocationSchema,
} from "@keystead/contract/generated/hsm/hsm_pb";
import type { RevocationReason as ReasonName } from "@keystead/contract/lifecycle";
import { pem } from "@keystead/crypto/formats/public-key";
import type { ExportPolicy as ExportPolicyName, KeyStateName, RevocationFacts } from "../objects/attributes.ts";
import { keyState, versionState } from "../objects/key-rules.ts";
import type { DescribedKey } from "../objects/key-shapes.ts";
import { nextRotation } from "../objects/rotation.ts";
import { attributeMessage } from "./attribute-message.ts";
import { rotationMessage } from "./rotation-message.ts";
import { usageNumbers } from "./usage-names.ts";

const STATES: Readonly<Record<KeyStateName, KeyState>> = Object.freeze({
  pre_activation: KeyState.PRE_ACTIVATION,
  active: KeyState.ACTIVE,
  suspended: KeyState.SUSPENDED,
  deactivated: KeyState.DEACTIVATED,
  revoked: KeyState.REVOKED,
  compromised: KeyState.COMPROMISED,
  purge_scheduled: KeyState.PURGE_SCHEDULED,
  destroyed: KeyState.DESTROYED,
});
const EXPORT_POLICIES: Readonly<Record<ExportPolicyName, ExportPolicy>> = Object.freeze({
  never: ExportPolicy.NEVER,
  wrapped: ExportPolicy.WRAPPED,
  plain: ExportPolicy.PLAIN,
});
const REASONS: Readonly<Record<ReasonName, RevocationReason>> = Object.freeze({
  unspecified: RevocationReason.UNSPECIFIED,
  key_compromise: RevocationReason.KEY_COMPROMISE,
  ca_compromise: RevocationReason.CA_COMPROMISE,
  affiliation_changed: RevocationReason.AFFILIATION_CHANGED,
  superseded: RevocationReason.SUPERSEDED,
  cessation_of_operation: RevocationReason.CESSATION_OF_OPERATION,
  privilege_withdrawn: RevocationReason.PRIVILEGE_WITHDRAWN,
});
const reasonByNumber = new Map<number, ReasonName>(
  (Object.entries(REASONS) as [ReasonName, number][]).map(([name, number]) => [number, name]),
);
const stateByNumber = new Map<number, KeyStateName>(
  (Object.entries(STATES) as [KeyStateName, KeyState][]).map(([name, number]) => [number, name]),
);

/** State name of an enum number; undefined for 0. */
export const stateName = (number: KeyState): KeyStateName | undefined => stateByNumber.get(number);

/** Reason name of an enum number; "unspecified" for 0. */
export const reasonName = (number: RevocationReason): ReasonName => reasonByNumber.get(number) ?? "unspecified";

/** Policy name of an enum number; "never" for 0. */
export const exportPolicyName = (number: ExportPolicy): ExportPolicyName =>
  number === ExportPolicy.PLAIN ? "plain" : number === ExportPolicy.WRAPPED ? "wrapped" : "never";

/** The public message. States are those that count at the moment the key was looked at. */
export function keyMessage({
  namespace,
  keyId,
  attributes,
  asOf,
  used,
  sessionKey = false,
}: DescribedKey): MessageInitShape<typeof KeySchema> {
  return {
    namespace,
    keyId,
    algorithm: algorithmNumber(attributes.algorithm),
    state: STATES[keyState(attributes, asOf)],
    version: attributes.current,
    usage: usageNumbers(attributes.usage),
    tags: [...attributes.tags],
    description: attributes.description,
    createdAt: timestampFromMs(attributes.createdAt),
    updatedAt: timestampFromMs(attributes.updatedAt),
    exportable: EXPORT_POLICIES[attributes.exportable],
    attributes: attributeMessage(attributes),
    ...revocationMember(attributes.revocation),
    ...timeMember("purgeAt", attributes.purge?.needsApproval === true ? undefined : attributes.purge?.at),
    ...(used.lastAt === 0 ? {} : timeMember("lastUsedAt", used.lastAt)),
    purgeNeedsApproval: attributes.purge?.needsApproval === true,
    purgeReason: attributes.purge?.reason ?? "",
    ...(attributes.rotation === undefined ? {} : { rotationPolicy: rotationMessage(attributes.rotation) }),
    ...timeMember("nextRotationAt", nextRotation(attributes)),
    uses: BigInt(used.uses),
    bytesUsed: BigInt(used.bytes),
    sessionKey,
    versions: versionMessages({ attributes, asOf }),
  };
}

/** The versions of a key, the oldest first. */
export const versionMessages = ({
  attributes,
  asOf,
}: Pick<DescribedKey, "attributes" | "asOf">): MessageInitShape<typeof KeyVersionSchema>[] =>
  attributes.versions.map((version) => ({
    version: version.version,
    state: STATES[versionState(attributes, version, asOf)],
    createdAt: timestampFromMs(version.createdAt),
    local: version.local,
    ...timeMember("expiresAt", version.expiresAt),
    rotationReason: version.rotationReason ?? "",
    complianceRequirement: version.complianceRequirement ?? "",
    promotedFrom: version.promotedFrom ?? 0,
    derivedFrom: version.derivedFrom ?? "",
    ...revocationMember(version.revocation),
    ...timeMember("purgeAt", version.purge?.needsApproval === true ? undefined : version.purge?.at),
    purgeNeedsApproval: version.purge?.needsApproval === true,
    ...timeMember("deactivatedAt", version.deactivatedAt),
  }));

const timeMember = <N extends string>(name: N, time: number | undefined): { [K in N]?: Timestamp } =>
  (time === undefined ? {} : { [name]: timestampFromMs(time) }) as { [K in N]?: Timestamp };

function revocationMember(facts: RevocationFacts | undefined): { revocation?: MessageInitShape<typeof RevocationSchema> } {
  if (facts === undefined) return {};
  return {
    revocation: {
      reason: REASONS[facts.reason],
      time: timestampFromMs(facts.time),
      comment: facts.comment,
      ...timeMember("compromiseDate", facts.compromiseDate),
    },
  };
}

/** PEM of the current version's public half; empty for secret keys. */
export function currentPublicKeyPem({ attributes }: DescribedKey): string {
  const der = attributes.versions.find((version) => version.version === attributes.current)?.publicKey ?? "";
  return der === "" ? "" : pem("PUBLIC KEY", Buffer.from(der, "base64"));
}
