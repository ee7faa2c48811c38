/**
 * Second factors of local users: an authenticator app, security keys and passkeys, recovery codes.
 *
 * A factor counts once its holder has shown that they have it. Adding or removing one needs the password again, so that a
 * session somebody left open is not enough to take an account over.
 */
import { createHash } from "node:crypto";
import { HsmError } from "@keystead/contract/errors";
import { fillRandom } from "@keystead/crypto/random";
import { base32, matchingStep, TOTP_SECRET_BYTES, totpUri } from "@keystead/crypto/totp";
import { verifyAssertion, type Assertion } from "@keystead/crypto/webauthn/assertion";
import { verifyRegistration, type Registration } from "@keystead/crypto/webauthn/registration";
import { secretBuffer, wipe } from "@keystead/crypto/wipe";
import type { Change } from "../objects/change.ts";
import type { DocumentName, Documents, DocumentWrite } from "../objects/documents.ts";
import type { Argon2 } from "./password.ts";
import { notAuthenticated } from "./not-authenticated.ts";
import { Pending } from "./pending.ts";
import type { Principal } from "./principal.ts";
import type { Sessions } from "./sessions.ts";
import { hasSecondFactor, type UserRecord } from "./subjects.ts";
import { encodeUserSecrets, wipeUserSecrets } from "./user-secrets.ts";
import type { Users } from "./users.ts";

/** What security keys are registered for. */
export interface WebAuthnSettings {
  readonly rpId: string;
  readonly rpName: string;
  readonly origins: readonly string[];
}

export interface FactorsOptions {
  readonly documents: Documents;
  readonly sessions: Sessions;
  readonly users: Users;
  readonly webAuthn: WebAuthnSettings | undefined;
  readonly now: () => number;
}

interface TotpEnrolment {
  readonly label: string;
  readonly secret: Buffer;
  tries: number;
}

interface WebAuthnEnrolment {
  readonly label: string;
  readonly challenge: Buffer;
}

export interface Changed {
  readonly record: UserRecord;
  readonly change: Change;
}

const MINUTE_MS = 60_000;
const MOST_CREDENTIALS = 8;
const RECOVERY_CODES = 10;
/** 20 characters of base32: 100 bits. */
const RECOVERY_CODE_CHARACTERS = 20;
const TRIES = 5;

/** A recovery code as it is compared: without what people add while copying. */
export const recoveryDigest = (code: string): string =>
  createHash("sha256")
    .update(code.toUpperCase().replaceAll(/[^A-Z2-7]/g, ""))
    .digest("base64url");

export class Factors {
  readonly #options: FactorsOptions;
  readonly #totp: Pending<TotpEnrolment>;
  readonly #webAuthn: Pending<WebAuthnEnrolment>;

  constructor(options: FactorsOptions) {
    this.#options = options;
    const limits = { lifeMs: 10 * MINUTE_MS, entries: 1024, perOwner: 1 };
    this.#totp = new Pending(limits, options.now, ({ secret }) => wipe(secret));
    this.#webAuthn = new Pending(limits, options.now);
  }

  /** @throws {HsmError} OPERATION_NOT_SUPPORTED when no relying party is configured */
  get relyingParty(): WebAuthnSettings {
    const { webAuthn } = this.#options;
    if (webAuthn === undefined) throw new HsmError("OPERATION_NOT_SUPPORTED", "auth.webauthn is not configured");
    return webAuthn;
  }

  /** @throws {HsmError} UNAUTHENTICATED for a wrong password; OBJECT_EXISTS when there is an app */
  async enrolTotp(
    name: string,
    label: string,
    password: Uint8Array,
    argon2: Argon2,
  ): Promise<{ readonly factorId: string; readonly uri: string; readonly secret: string }> {
    await this.#options.users.confirm(name, password, argon2);
    if (this.#options.users.get(name).totp !== null)
      throw new HsmError("OBJECT_EXISTS", "there is an authenticator app already; remove it first");
    const secret = fillRandom(secretBuffer(TOTP_SECRET_BYTES));
    const { id } = this.#totp.add(name, { label, secret, tries: 0 });
    return { factorId: id, uri: totpUri(secret, this.#options.webAuthn?.rpName ?? "Keystead", name), secret: base32(secret) };
  }

  /** @throws {HsmError} OBJECT_NOT_FOUND for an enrolment there is not; UNAUTHENTICATED for a wrong code */
  async confirmTotp(name: string, factorId: string, code: string): Promise<Changed> {
    const { users, sessions, now } = this.#options;
    const pending = this.#totp.take(factorId);
    if (pending === undefined || pending.owner !== name) {
      pending?.putBack();
      throw new HsmError("OBJECT_NOT_FOUND", "there is no such enrolment; begin again");
    }
    const { secret, label } = pending.value;
    const step = matchingStep(secret, code, now(), -1);
    if (step === undefined) {
      pending.value.tries += 1;
      if (pending.value.tries < TRIES) pending.putBack();
      else wipe(secret);
      throw notAuthenticated();
    }
    const asRead = users.get(name);
    const before = await users.secrets(name);
    const material = encodeUserSecrets({ password: before.password, totp: secret });
    let record!: UserRecord;
    try {
      const change = await sessions.changeSubject<UserRecord>(
        { kind: "user", name },
        (user) => {
          if (user !== asRead) throw new HsmError("OBJECT_CHANGED", `user ${name} was changed meanwhile; begin again`);
          if (user.totp !== null) throw new HsmError("OBJECT_EXISTS", "there is an authenticator app already; remove it first");
          return (record = { ...user, totp: { id: factorId, label, createdAt: now(), lastStep: step } });
        },
        undefined,
        material,
      );
      return { record, change };
    } finally {
      wipe(material, secret);
      wipeUserSecrets(before);
    }
  }

  /** @throws {HsmError} UNAUTHENTICATED for a wrong password; OPERATION_NOT_SUPPORTED; QUOTA_EXCEEDED */
  async beginWebAuthn(
    name: string,
    label: string,
    password: Uint8Array,
    argon2: Argon2,
  ): Promise<{ readonly registrationId: string; readonly challenge: Buffer; readonly expiresAt: number; readonly user: UserRecord }> {
    void this.relyingParty;
    await this.#options.users.confirm(name, password, argon2);
    const user = this.#options.users.get(name);
    requireRoom(user);
    const challenge = fillRandom(Buffer.alloc(32));
    const { id, expiresAt } = this.#webAuthn.add(name, { label, challenge });
    return { registrationId: id, challenge, expiresAt, user };
  }

  /** @throws {HsmError} OBJECT_NOT_FOUND; UNAUTHENTICATED for a registration that does not verify; OBJECT_EXISTS; QUOTA_EXCEEDED */
  async finishWebAuthn(name: string, registrationId: string, registration: Registration): Promise<Changed> {
    const { rpId: id, origins } = this.relyingParty;
    const { users, sessions, now } = this.#options;
    const pending = this.#webAuthn.take(registrationId);
    if (pending === undefined || pending.owner !== name) {
      pending?.putBack();
      throw new HsmError("OBJECT_NOT_FOUND", "there is no such registration; begin again");
    }
    const verified = await verifyRegistration(pending.value.challenge, registration, { id, origins });
    if (verified === undefined) throw notAuthenticated();
    const { credential, userVerified } = verified;
    let record!: UserRecord;
    const change = await sessions.changeSubject<UserRecord>({ kind: "user", name }, (user) => {
      if (users.list().some(({ value }) => Object.hasOwn(value.webAuthn, credential.id)))
        throw new HsmError("OBJECT_EXISTS", "this credential is registered already");
      requireRoom(user);
      const factor = {
        label: pending.value.label,
        createdAt: now(),
        userVerified,
        publicKey: credential.publicKey,
        counter: credential.counter,
      };
      return (record = { ...user, webAuthn: { ...user.webAuthn, [credential.id]: factor } });
    });
    return { record, change };
  }

  /** One of the user's credentials. @throws {HsmError} OBJECT_NOT_FOUND */
  credential(name: string, id: string): UserRecord["webAuthn"][string] {
    const { webAuthn } = this.#options.users.get(name);
    const factor = Object.hasOwn(webAuthn, id) ? webAuthn[id] : undefined;
    if (factor === undefined) throw new HsmError("OBJECT_NOT_FOUND", `user ${name} has no such factor`);
    return factor;
  }

  /**
   * Has one of the user's credentials answer for something else than a login, with its holder verified.
   *
   * @param also what is changed together with the credential's counter
   * @throws {HsmError} PERMISSION_DENIED for an assertion that does not verify; OBJECT_NOT_FOUND; what `also` throws
   */
  async useCredential(
    name: string,
    challenge: Uint8Array,
    assertion: Assertion,
    also: { readonly about: readonly DocumentName[]; plan(): readonly DocumentWrite[] },
  ): Promise<Change> {
    const { rpId, origins } = this.relyingParty;
    const { credentialId: id } = assertion;
    const { publicKey, counter } = this.credential(name, id);
    const verified = await verifyAssertion({ id, publicKey, counter }, challenge, assertion, { id: rpId, origins });
    if (verified?.userVerified !== true)
      throw new HsmError("PERMISSION_DENIED", "the assertion does not prove that you hold this passkey and were verified by it");
    return this.#options.sessions.changeSubject<UserRecord>(
      { kind: "user", name },
      (user) => {
        const now = Object.hasOwn(user.webAuthn, id) ? user.webAuthn[id] : undefined;
        // A counter that moved meanwhile was moved by somebody who has the same authenticator.
        if (now === undefined || now.counter !== counter)
          throw new HsmError("OBJECT_CHANGED", "the passkey was used meanwhile; begin again");
        return { ...user, webAuthn: { ...user.webAuthn, [id]: { ...now, counter: verified.counter } } };
      },
      also,
    );
  }

  /** One's own. @throws {HsmError} UNAUTHENTICATED; OBJECT_NOT_FOUND */
  async removeOwn(name: string, factorId: string, password: Uint8Array, argon2: Argon2): Promise<Changed> {
    await this.#options.users.confirm(name, password, argon2);
    return this.#remove(name, factorId, () => undefined);
  }

  /** Somebody's. Every session of theirs ends. @throws {HsmError} OBJECT_NOT_FOUND; PERMISSION_DENIED */
  async removeOf(by: Principal, name: string, factorId: string): Promise<Changed> {
    return this.#remove(name, factorId, (user) => {
      this.#options.sessions.requireKnown(by, { kind: "user", name }, user);
      this.#options.sessions.requireWithin(by, { kind: "user", name }, user);
      return user.generation + 1;
    });
  }

  /** Ten new codes; those before are worthless. @throws {HsmError} UNAUTHENTICATED; INVALID_REQUEST without a second factor */
  async generateRecoveryCodes(
    name: string,
    password: Uint8Array,
    argon2: Argon2,
  ): Promise<Changed & { readonly codes: readonly string[] }> {
    await this.#options.users.confirm(name, password, argon2);
    const codes = Array.from({ length: RECOVERY_CODES }, () =>
      (
        base32(fillRandom(Buffer.alloc(13)))
          .slice(0, RECOVERY_CODE_CHARACTERS)
          .match(/.{5}/g) ?? []
      ).join("-"),
    );
    let record!: UserRecord;
    const change = await this.#options.sessions.changeSubject<UserRecord>({ kind: "user", name }, (user) => {
      if (!hasSecondFactor(user)) throw new HsmError("INVALID_REQUEST", "recovery codes stand for a second factor, and there is none");
      return (record = { ...user, recoveryCodes: codes.map(recoveryDigest) });
    });
    return { record, change, codes };
  }

  /** Forgets what was begun. */
  close(): void {
    this.#totp.clear();
    this.#webAuthn.clear();
  }

  async #remove(name: string, factorId: string, check: (user: UserRecord) => number | undefined): Promise<Changed> {
    let record!: UserRecord;
    const change = await this.#options.sessions.changeSubject<UserRecord>({ kind: "user", name }, (user) => {
      const generation = check(user) ?? user.generation;
      // The secret of an app that is removed stays in the material until the next one; nothing reads it without the app.
      if (factorId === "recovery-codes") record = { ...user, generation, recoveryCodes: [] };
      else if (user.totp?.id === factorId) record = { ...user, generation, totp: null };
      else if (Object.hasOwn(user.webAuthn, factorId))
        record = { ...user, generation, webAuthn: Object.fromEntries(Object.entries(user.webAuthn).filter(([id]) => id !== factorId)) };
      else throw new HsmError("OBJECT_NOT_FOUND", `user ${name} has no such factor`);
      return record;
    });
    return { record, change };
  }
}

/** @throws {HsmError} QUOTA_EXCEEDED */
function requireRoom(user: UserRecord): void {
  if (Object.keys(user.webAuthn).length >= MOST_CREDENTIALS)
    throw new HsmError("QUOTA_EXCEEDED", `${MOST_CREDENTIALS} credentials are registered, which is as many as there may be`);
}
