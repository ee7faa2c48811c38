/**
 * The public keys that stand behind verdicts: those of the configuration and those that were registered.
 *
 * A key belongs to one principal, for good: its document stays after its revocation, so that it is never taken in again.
 * Whoever registers a key proves to hold its private half, by a signature of a text that names vault, principal and key.
 * No private key ever comes here.
 */
import { hash } from "node:crypto";
import type { ApprovalsConfig } from "@keystead/contract/config";
import { HsmError } from "@keystead/contract/errors";
import { adoptionBytes, registrationBytes } from "@keystead/crypto/public/approval-statement";
import {
  assertionMatches,
  madeFor,
  parseApproverKey,
  signatureMatches,
  type ApproverKeyKind,
  type Assertion,
} from "@keystead/crypto/public/approver-key";
import type { Change } from "../objects/change.ts";
import type { UserRecord } from "../authenticate/subjects.ts";
import type { DocumentName, Documents, DocumentWrite } from "../objects/documents.ts";

/** A key with what is known of it. Times are milliseconds since the epoch. */
export interface RegisteredKey {
  readonly id: string;
  readonly kind: ApproverKeyKind;
  readonly spki: string;
  readonly principal: string;
  readonly description: string;
  /** Site of an authenticator; empty for a key that signs statements itself. */
  readonly rpId: string;
  readonly registeredAt: number;
  readonly revokedAt?: number;
  readonly revokedBy?: string;
  readonly revokedFor?: string;
  /** It is a second factor of this user too, and counts as long as that is there. */
  readonly factor?: { readonly name: string; readonly credentialId: string };
}

/** A signature as it came, with what an authenticator adds. */
export interface GivenSignature {
  readonly signature: Uint8Array;
  readonly assertion?: Assertion | undefined;
}

/** Is the signature the key's, of these bytes? An authenticator's key signs by assertion, for its own site; others directly. */
export function signedBy(
  key: Pick<RegisteredKey, "kind" | "spki" | "rpId">,
  bytes: Uint8Array,
  { signature, assertion }: GivenSignature,
): boolean {
  if (key.rpId === "") return assertion === undefined && signatureMatches(key, bytes, signature);
  return assertion !== undefined && madeFor(key.rpId, assertion) && assertionMatches(key, bytes, assertion, signature);
}

const MAX_KEYS_PER_PRINCIPAL = 16;

export class ApproverKeys {
  readonly #configured: ReadonlyMap<string, RegisteredKey>;
  readonly #documents: Documents;
  readonly #vaultId: string;
  readonly #now: () => number;

  constructor(configured: ReadonlyMap<string, RegisteredKey>, documents: Documents, vaultId: string, now: () => number) {
    this.#configured = configured;
    this.#documents = documents;
    this.#vaultId = vaultId;
    this.#now = now;
  }

  /** The key, unless it is unknown. A registration of the same key counts: it may say that it is revoked. */
  get(id: string): RegisteredKey | undefined {
    return this.#documents.get<RegisteredKey>("approver-key", id)?.value ?? this.#configured.get(id);
  }

  /** Whether what the key signed counts. */
  stands(id: string): boolean {
    const key = this.get(id);
    return key !== undefined && key.revokedAt === undefined && !this.isOrphan(key);
  }

  /** Whether the second factor that the key is too has been taken away, or its user disabled. */
  isOrphan({ factor }: RegisteredKey): boolean {
    if (factor === undefined) return false;
    const user = this.#documents.get<UserRecord>("user", factor.name)?.value;
    return user === undefined || user.disabled || !Object.hasOwn(user.webAuthn, factor.credentialId);
  }

  isConfigured(id: string): boolean {
    return this.#configured.has(id);
  }

  list(): RegisteredKey[] {
    const registered = this.#documents.list<RegisteredKey>("approver-key").map(({ value }) => value);
    const known = new Set(registered.map(({ id }) => id));
    return [...[...this.#configured.values()].filter(({ id }) => !known.has(id)), ...registered].sort((a, b) => (a.id < b.id ? -1 : 1));
  }

  /**
   * Makes a key the principal's own.
   *
   * @throws {HsmError} INVALID_REQUEST    no public key of a known kind
   * @throws {HsmError} PERMISSION_DENIED  the proof is not the key's
   * @throws {HsmError} OBJECT_EXISTS      the key is or was somebody's
   * @throws {HsmError} QUOTA_EXCEEDED     the principal has enough keys
   */
  async register(
    principal: string,
    given: { readonly publicKey: string; readonly description: string; readonly rpId: string } & GivenSignature,
  ): Promise<{ readonly key: RegisteredKey; readonly change: Change }> {
    const { id, kind, spki } = parseApproverKey(given.publicKey);
    const key: RegisteredKey = {
      id,
      kind,
      spki,
      principal,
      description: given.description,
      rpId: given.rpId,
      registeredAt: this.#now(),
    };
    if (!signedBy(key, registrationBytes(this.#vaultId, principal, id), given))
      throw new HsmError("PERMISSION_DENIED", "the signature does not prove that you hold this key");
    const change = await this.#documents.change([{ kind: "approver-key", id }], () => this.#added(key));
    return { key, change };
  }

  /**
   * A user's second factor as an approver key: what is to be asserted, and the change that makes it one, to be made together
   * with the use of the factor. Whoever calls this has the assertion verified.
   *
   * @throws {HsmError} INVALID_REQUEST for a key that cannot stand behind approvals; the plan: as {@link register}
   */
  adoption(
    principal: string,
    given: {
      readonly spki: Uint8Array;
      readonly description: string;
      readonly rpId: string;
      readonly factor: { readonly name: string; readonly credentialId: string };
    },
  ): { readonly key: RegisteredKey; readonly challenge: Buffer; readonly about: readonly DocumentName[]; plan(): DocumentWrite[] } {
    const { id, kind, spki } = parseApproverKey(given.spki);
    const { description, rpId, factor } = given;
    const key: RegisteredKey = { id, kind, spki, principal, description, rpId, registeredAt: this.#now(), factor };
    return {
      key,
      challenge: hash("sha256", adoptionBytes(this.#vaultId, principal, factor.credentialId), "buffer"),
      about: [{ kind: "approver-key", id }],
      plan: () => this.#added(key),
    };
  }

  #added(key: RegisteredKey): DocumentWrite[] {
    if (this.get(key.id) !== undefined) throw new HsmError("OBJECT_EXISTS", "this key is registered, or was");
    const standing = this.list().filter((other) => other.principal === key.principal && other.revokedAt === undefined);
    if (standing.length >= MAX_KEYS_PER_PRINCIPAL)
      throw new HsmError("QUOTA_EXCEEDED", `a principal has at most ${MAX_KEYS_PER_PRINCIPAL} approver keys`);
    return [{ kind: "approver-key", id: key.id, value: key }];
  }

  /**
   * Ends a key.
   *
   * @throws {HsmError} OBJECT_NOT_FOUND; OBJECT_CHANGED when it is revoked already
   */
  async revoke(id: string, by: string, why: string): Promise<{ readonly key: RegisteredKey; readonly change: Change }> {
    let key: RegisteredKey | undefined;
    const change = await this.#documents.change([{ kind: "approver-key", id }], () => {
      const before = this.get(id);
      if (before === undefined) throw new HsmError("OBJECT_NOT_FOUND", "there is no such approver key");
      if (before.revokedAt !== undefined) throw new HsmError("OBJECT_CHANGED", "the approver key is revoked");
      key = { ...before, revokedAt: this.#now(), revokedBy: by, revokedFor: why };
      return [{ kind: "approver-key", id, value: key }];
    });
    return { key: key as RegisteredKey, change };
  }
}

/**
 * The keys of the configuration.
 *
 * @throws {HsmError} INVALID_REQUEST for a key that cannot be read, or that two principals have
 */
export function configuredKeys(keys: ApprovalsConfig["approverKeys"]): ReadonlyMap<string, RegisteredKey> {
  const found = new Map<string, RegisteredKey>();
  for (const { principal, publicKey } of keys) {
    let parsed;
    try {
      parsed = parseApproverKey(publicKey);
    } catch (error) {
      throw new HsmError("INVALID_REQUEST", `approvals.approver_keys: ${(error as HsmError).detail} (${principal})`, { cause: error });
    }
    if (found.has(parsed.id)) throw new HsmError("INVALID_REQUEST", `approvals.approver_keys: one key stands there twice (${principal})`);
    found.set(parsed.id, { ...parsed, principal, description: "configuration", rpId: "", registeredAt: 0 });
  }
  return found;
}
