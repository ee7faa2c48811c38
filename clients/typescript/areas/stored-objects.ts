/** Stored objects: certificates and data beside the keys of a namespace. */
import type { Ways } from "../operation-ways.ts";

export type StoredObjectClassName = "certificate" | "data";
export type CertificateCategoryName = "token_user" | "authority" | "other_entity";

export interface StoredObject {
  readonly objectId: string;
  readonly namespace: string;
  readonly objectClass: StoredObjectClassName;
  readonly label: string;
  readonly id: Buffer;
  /** DER, of certificates. */
  readonly subject: Buffer;
  readonly issuer: Buffer;
  readonly serialNumber: Buffer;
  readonly category?: CertificateCategoryName;
  readonly trusted: boolean;
  readonly private: boolean;
  readonly application: string;
  readonly dataObjectId: Buffer;
  readonly modifiable: boolean;
  readonly destroyable: boolean;
  readonly copyable: boolean;
  readonly tags: readonly string[];
  /** Empty where many are shown. */
  readonly value: Buffer;
  readonly valueBytes: number;
  readonly createdAt?: Date;
  readonly updatedAt?: Date;
}

export interface StoreObjectRequest {
  readonly namespace?: string | undefined;
  readonly objectClass: StoredObjectClassName;
  readonly label?: string | undefined;
  readonly id?: Uint8Array | undefined;
  readonly value: Uint8Array;
  readonly category?: CertificateCategoryName | undefined;
  readonly trusted?: boolean | undefined;
  readonly private?: boolean | undefined;
  readonly application?: string | undefined;
  readonly dataObjectId?: Uint8Array | undefined;
  readonly modifiable?: boolean | undefined;
  readonly destroyable?: boolean | undefined;
  readonly copyable?: boolean | undefined;
  readonly tags?: readonly string[] | undefined;
}

/** An object; private ones are there for whoever says so, and may. */
export interface StoredObjectName {
  readonly namespace?: string | undefined;
  readonly objectId: string;
  readonly private?: boolean | undefined;
}

export interface FindStoredObjectsRequest {
  readonly namespace?: string | undefined;
  readonly objectClass?: StoredObjectClassName | undefined;
  readonly label?: string | undefined;
  readonly id?: Uint8Array | undefined;
  readonly subject?: Uint8Array | undefined;
  readonly issuer?: Uint8Array | undefined;
  readonly serialNumber?: Uint8Array | undefined;
  readonly application?: string | undefined;
  readonly tags?: readonly string[] | undefined;
  readonly private?: boolean | undefined;
  readonly perPage?: number | undefined;
  readonly pageToken?: string | undefined;
}

export interface UpdateStoredObjectRequest extends StoredObjectName {
  readonly label?: string | undefined;
  readonly id?: Uint8Array | undefined;
  readonly application?: string | undefined;
  readonly dataObjectId?: Uint8Array | undefined;
  readonly value?: Uint8Array | undefined;
  readonly trusted?: boolean | undefined;
}

export interface StoredObjectOperations {
  storeObject(request: StoreObjectRequest): Promise<StoredObject>;
  getStoredObject(request: StoredObjectName): Promise<StoredObject>;
  /** Without their values. */
  findStoredObjects(
    request?: FindStoredObjectsRequest,
  ): Promise<{ readonly objects: readonly StoredObject[]; readonly nextPageToken: string }>;
  updateStoredObject(request: UpdateStoredObjectRequest): Promise<StoredObject>;
  deleteStoredObject(request: StoredObjectName): Promise<string>;
}

export const STORED_OBJECT_OPERATIONS: Ways<StoredObjectOperations> = {
  storeObject: ["StoreObject", "object"],
  getStoredObject: ["GetStoredObject", "object"],
  findStoredObjects: "FindStoredObjects",
  updateStoredObject: ["UpdateStoredObject", "object"],
  deleteStoredObject: ["DeleteStoredObject", "objectId"],
};
