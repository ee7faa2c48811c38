/**
 * Stored objects as the public messages, and what whoever asks may see of them.
 */
import type { MessageInitShape } from "@bufbuild/protobuf";
import { timestampFromMs } from "@bufbuild/protobuf/wkt";
import { StoredObjectClass, type CertificateCategory, type StoredObjectSchema } from "@keystead/contract/generated/hsm/stored_objects_pb";
import type { Principal } from "../authenticate/principal.ts";
import type { FoundObject, Sight, StoredObject } from "../objects/stored-objects.ts";

const bytes = (text: string): Buffer => Buffer.from(text, "base64url");
export const textOf = (value: Uint8Array): string => Buffer.from(value).toString("base64url");
/** The same of what may be left out. */
export const someText = (value: Uint8Array | undefined): string | undefined => (value === undefined ? undefined : textOf(value));

/** Whoever came by a token's PIN sees what carries the token's tags. */
export const sightOf = ({ view }: Principal, isPrivate: boolean, tags: readonly string[] = []): Sight => ({
  private: isPrivate,
  tags: [...tags, ...(view?.tags ?? [])],
});

export const classOf = (given: StoredObjectClass): StoredObject["class"] | undefined =>
  given === StoredObjectClass.CERTIFICATE ? "certificate" : given === StoredObjectClass.DATA ? "data" : undefined;

export const storedObjectMessage = (
  { objectId, object, changedAt }: FoundObject,
  value?: Uint8Array,
): MessageInitShape<typeof StoredObjectSchema> => ({
  objectId,
  namespace: object.namespace,
  objectClass: object.class === "certificate" ? StoredObjectClass.CERTIFICATE : StoredObjectClass.DATA,
  label: object.label,
  id: bytes(object.id),
  subject: bytes(object.subject),
  issuer: bytes(object.issuer),
  serialNumber: bytes(object.serial),
  category: object.category as CertificateCategory,
  trusted: object.trusted,
  private: object.private,
  application: object.application,
  dataObjectId: bytes(object.dataObjectId),
  modifiable: object.modifiable,
  destroyable: object.destroyable,
  copyable: object.copyable,
  tags: [...object.tags],
  valueBytes: object.valueBytes,
  createdAt: timestampFromMs(object.createdAt),
  updatedAt: timestampFromMs(changedAt),
  ...(value === undefined ? {} : { value }),
});
