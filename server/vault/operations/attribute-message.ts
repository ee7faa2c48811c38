/**
 * The KeyAttributes message, and the values behind it by the names of the attribute table.
 */
import type { MessageInitShape } from "@bufbuild/protobuf";
import { timestampFromMs, timestampMs, type Timestamp } from "@bufbuild/protobuf/wkt";
import { HsmError } from "@keystead/contract/errors";
import type { KeyAttributes as KeyAttributesMessage, KeyAttributesSchema } from "@keystead/contract/generated/hsm/hsm_pb";
import { attributeValues, type SomeAttributes } from "../objects/attribute-values.ts";
import type { KeyAttributes } from "../objects/attributes.ts";
import { usageNames, usageNumbers } from "./usage-names.ts";

/** Every attribute of a key as the public message. */
export function attributeMessage(key: KeyAttributes): MessageInitShape<typeof KeyAttributesSchema> {
  const values = attributeValues(key);
  return {
    label: values.label,
    id: Buffer.from(values.id, "hex"),
    objectClass: values.object_class,
    keyType: values.key_type,
    sizeBits: values.size_bits,
    usage: usageNumbers(values.usage),
    sensitive: values.sensitive,
    extractable: values.extractable,
    alwaysSensitive: values.always_sensitive,
    neverExtractable: values.never_extractable,
    local: values.local,
    keyGenMechanism: values.key_gen_mechanism,
    modifiable: values.modifiable,
    ...(values.allowed_mechanisms === undefined ? {} : { allowedMechanisms: [...values.allowed_mechanisms] }),
    ...(values.start_date === undefined ? {} : { startDate: timestampFromMs(values.start_date) }),
    ...(values.end_date === undefined ? {} : { endDate: timestampFromMs(values.end_date) }),
    ...(values.max_uses === undefined ? {} : { maxUses: BigInt(values.max_uses) }),
    ...(values.max_bytes === undefined ? {} : { maxBytes: BigInt(values.max_bytes) }),
    trusted: values.trusted,
    wrapWithTrusted: values.wrap_with_trusted,
    copyable: values.copyable,
    destroyable: values.destroyable,
    alwaysAuthenticate: values.always_authenticate,
    ...(values.subject === "" ? {} : { subject: Buffer.from(values.subject, "hex") }),
  };
}

/** What a request says of attributes; what it leaves out is undefined. */
export function attributesOf(message: KeyAttributesMessage | undefined): SomeAttributes {
  if (message === undefined) return {};
  return {
    label: message.label,
    id: message.id === undefined ? undefined : Buffer.from(message.id).toString("hex"),
    object_class: message.objectClass,
    key_type: message.keyType,
    size_bits: message.sizeBits,
    usage: message.usage.length === 0 ? undefined : usageNames(message.usage),
    sensitive: message.sensitive,
    extractable: message.extractable,
    always_sensitive: message.alwaysSensitive,
    never_extractable: message.neverExtractable,
    local: message.local,
    key_gen_mechanism: message.keyGenMechanism,
    modifiable: message.modifiable,
    allowed_mechanisms: message.allowedMechanisms.length === 0 ? undefined : message.allowedMechanisms,
    start_date: timeOf(message.startDate),
    end_date: timeOf(message.endDate),
    max_uses: countOf(message.maxUses),
    max_bytes: countOf(message.maxBytes),
    trusted: message.trusted,
    wrap_with_trusted: message.wrapWithTrusted,
    copyable: message.copyable,
    destroyable: message.destroyable,
    always_authenticate: message.alwaysAuthenticate,
    subject: message.subject === undefined ? undefined : Buffer.from(message.subject).toString("hex"),
  };
}

/** @throws {HsmError} INVALID_REQUEST for more than a double holds */
function countOf(count: bigint | undefined): number | undefined {
  if (count === undefined) return undefined;
  if (count > BigInt(Number.MAX_SAFE_INTEGER)) throw new HsmError("INVALID_REQUEST", "a limit must be below 2^53");
  return Number(count);
}

/** Milliseconds since the epoch, or undefined. @throws {HsmError} INVALID_REQUEST for a time beyond the year 9999 */
export function timeOf(time: Timestamp | undefined): number | undefined {
  if (time === undefined) return undefined;
  const milliseconds = timestampMs(time);
  if (!(milliseconds >= 0 && milliseconds < 253_402_300_800_000)) throw new HsmError("INVALID_REQUEST", "a time must be from 1970 to 9999");
  return milliseconds;
}
