/**
 * Logging in with a password, and with a second factor where there is one.
 *
 * Every failure has one answer after the same work: an unknown name, a wrong password, a disabled user, one who is locked
 * out. Whether the right password was given to a locked account nobody learns. A wrong second factor counts like a wrong
 * password; a code, an assertion and a challenge are each good once.
 *
 * @see NIST SP 800-63B §5.2.2 (rate limiting), RFC 6238 §5.2, OWASP Authentication Cheat Sheet
 */
import { fillRandom } from "@keystead/crypto/random";
import { matchingStep } from "@keystead/crypto/totp";
import { verifyAssertion, type Assertion } from "@keystead/crypto/webauthn/assertion";
import type { Change } from "../objects/change.ts";
import type { DocumentName, DocumentWrite } from "../objects/documents.ts";
import { recoveryDigest, type WebAuthnSettings } from "./factors.ts";
import type { Lockouts } from "./lockouts.ts";
import { notAuthenticated } from "./not-authenticated.ts";
import { passwordMatches, type Argon2 } from "./password.ts";
import { Pending } from "./pending.ts";
import type { Peer, Sessions, Tokens } from "./sessions.ts";
import { hasSecondFactor, type Subject, type UserRecord } from "./subjects.ts";
import { wipeUserSecrets } from "./user-secrets.ts";
import type { Users } from "./users.ts";

export interface LoginsOptions {
  readonly users: Users;
  readonly sessions: Sessions;
  readonly lockouts: Lockouts;
  readonly webAuthn: WebAuthnSettings | undefined;
  readonly now: () => number;
}

/** Somebody whose password was right and who has to show a second factor. */
interface Halfway {
  readonly generation: number;
  readonly bindAddress: boolean;
  readonly peer: Peer;
  readonly webAuthnChallenge: Buffer;
  tries: number;
}

export interface Challenge {
  readonly challengeId: string;
  readonly expiresAt: number;
  readonly factors: readonly ("totp" | "webauthn" | "recovery_code")[];
  readonly webAuthnChallenge: Buffer;
  readonly rpId: string;
  readonly credentialIds: readonly string[];
}

/** Exactly one of them. */
export type Proof =
  | { readonly kind: "totp"; readonly code: string }
  | { readonly kind: "recovery_code"; readonly code: string }
  | { readonly kind: "webauthn"; readonly assertion: Assertion };

export interface LoggedIn {
  readonly subject: Subject;
  readonly tokens: Tokens;
  readonly change: Change;
}

const CHALLENGE_MS = 120_000;
/** Answers to one challenge. */
const TRIES = 3;

export class Logins {
  readonly #options: LoginsOptions;
  readonly #halfway: Pending<Halfway>;

  constructor(options: LoginsOptions) {
    this.#options = options;
    this.#halfway = new Pending({ lifeMs: CHALLENGE_MS, entries: 4096, perOwner: 4 }, options.now);
  }

  /** @throws {HsmError} UNAUTHENTICATED; QUOTA_EXCEEDED, to whoever has the right password */
  async login(name: string, password: Uint8Array, bindAddress: boolean, peer: Peer, argon2: Argon2): Promise<LoggedIn | Challenge> {
    const { users, lockouts } = this.#options;
    const user = users.find(name);
    const secrets = user === undefined ? await lockouts.noSecrets(name) : await users.secrets(name);
    let right: boolean;
    try {
      right = await passwordMatches(password, secrets?.password, argon2);
    } finally {
      wipeUserSecrets(secrets);
    }
    // Looked at after the work, so that guesses under way together are not all let through by the first look, and what was
    // changed meanwhile counts.
    const current = users.find(name);
    const same = current !== undefined && current.generation === user?.generation;
    if (!same || !right || current.disabled || lockouts.isLocked(name)) {
      await lockouts.failed(name, user !== undefined);
      throw notAuthenticated();
    }
    if (hasSecondFactor(current)) return this.#challenge(name, current, bindAddress, peer);
    return this.#begin(name, current.generation, peer, bindAddress, null, (now) => {
      // One that was added since then has not been shown.
      if (hasSecondFactor(now)) throw notAuthenticated();
      return undefined;
    });
  }

  /** @throws {HsmError} UNAUTHENTICATED; QUOTA_EXCEEDED */
  async complete(challengeId: string, proof: Proof, peer: Peer): Promise<LoggedIn> {
    const { users, lockouts, now } = this.#options;
    const pending = this.#halfway.take(challengeId);
    // Who shows the second factor is where the password was given.
    if (pending === undefined || !samePeer(pending.value.peer, peer)) {
      pending?.putBack();
      throw notAuthenticated();
    }
    const { owner: name, value: halfway } = pending;
    const user = users.find(name);
    const settle =
      user === undefined || user.disabled || lockouts.isLocked(name) ? undefined : await this.#verify(name, user, proof, halfway);
    if (settle === undefined || lockouts.isLocked(name)) {
      halfway.tries += 1;
      if (halfway.tries < TRIES) pending.putBack();
      await lockouts.failed(name, true);
      throw notAuthenticated();
    }
    return this.#begin(name, halfway.generation, halfway.peer, halfway.bindAddress, now(), settle);
  }

  /** Forgets what was begun. */
  close(): void {
    this.#halfway.clear();
  }

  #challenge(name: string, user: UserRecord, bindAddress: boolean, peer: Peer): Challenge {
    const { webAuthn } = this.#options;
    const webAuthnChallenge = fillRandom(Buffer.alloc(32));
    const { id, expiresAt } = this.#halfway.add(name, { generation: user.generation, bindAddress, peer, webAuthnChallenge, tries: 0 });
    const credentialIds = webAuthn === undefined ? [] : Object.keys(user.webAuthn);
    return {
      challengeId: id,
      expiresAt,
      factors: [
        ...(user.totp === null ? [] : (["totp"] as const)),
        ...(credentialIds.length === 0 ? [] : (["webauthn"] as const)),
        ...(user.recoveryCodes.length === 0 ? [] : (["recovery_code"] as const)),
      ],
      webAuthnChallenge: credentialIds.length === 0 ? Buffer.alloc(0) : webAuthnChallenge,
      rpId: credentialIds.length === 0 ? "" : (webAuthn?.rpId ?? ""),
      credentialIds,
    };
  }

  /**
   * What becomes of the user when the proof is taken, looked at again under their lock; undefined when it proves nothing.
   */
  async #verify(name: string, user: UserRecord, proof: Proof, halfway: Halfway): Promise<((user: UserRecord) => UserRecord) | undefined> {
    const { users, now, webAuthn } = this.#options;
    if (proof.kind === "recovery_code") {
      const digest = recoveryDigest(proof.code);
      if (!user.recoveryCodes.includes(digest)) return undefined;
      return (current) => {
        if (!current.recoveryCodes.includes(digest)) throw notAuthenticated();
        return { ...current, recoveryCodes: current.recoveryCodes.filter((code) => code !== digest) };
      };
    }
    if (proof.kind === "totp") {
      const app = user.totp;
      if (app === null) return undefined;
      const secrets = await users.secrets(name);
      const step = matchingStep(secrets.totp, proof.code, now(), app.lastStep);
      wipeUserSecrets(secrets);
      if (step === undefined) return undefined;
      return (current) => {
        if (current.totp?.id !== app.id || step <= current.totp.lastStep) throw notAuthenticated();
        return { ...current, totp: { ...current.totp, lastStep: step } };
      };
    }
    const { credentialId: id } = proof.assertion;
    const factor = Object.hasOwn(user.webAuthn, id) ? user.webAuthn[id] : undefined;
    if (factor === undefined || webAuthn === undefined) return undefined;
    const credential = { id, publicKey: factor.publicKey, counter: factor.counter };
    const rp = { id: webAuthn.rpId, origins: webAuthn.origins };
    const verified = await verifyAssertion(credential, halfway.webAuthnChallenge, proof.assertion, rp);
    if (verified === undefined) return undefined;
    return (current) => {
      const now_ = Object.hasOwn(current.webAuthn, id) ? current.webAuthn[id] : undefined;
      // A counter that moved meanwhile was moved by somebody who has the same authenticator.
      if (now_ === undefined || now_.counter !== factor.counter) throw notAuthenticated();
      return { ...current, webAuthn: { ...current.webAuthn, [id]: { ...now_, counter: verified.counter } } };
    };
  }

  async #begin(
    name: string,
    generation: number,
    peer: Peer,
    bindAddress: boolean,
    mfaAt: number | null,
    settle: (user: UserRecord) => UserRecord | undefined,
  ): Promise<LoggedIn> {
    const { sessions, lockouts, users } = this.#options;
    const subject: Subject = { kind: "user", name };
    const forgiving = lockouts.forgiving(name);
    const about: DocumentName[] = [{ kind: "user", id: name }, ...forgiving.about];
    const plan = (): DocumentWrite[] => {
      const value = settle(users.get(name));
      return [...(value === undefined ? [] : [{ kind: "user" as const, id: name, value }]), ...forgiving.plan()];
    };
    const { tokens, change } = await sessions.begin({ subject, generation, peer, bindAddress, mfaAt, also: { about, plan } });
    return { subject, tokens, change };
  }
}

const samePeer = (a: Peer, b: Peer): boolean => a.address === b.address && a.thumbprint === b.thumbprint;
