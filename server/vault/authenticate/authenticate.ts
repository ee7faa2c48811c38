/**
 * Evidence in, Principal out, or one uniform refusal.
 *
 * A verified credential is remembered by its exact bytes until it expires or the key sets change, so that a token is
 * verified once and not per request. When a token and a certificate come together both must hold, and the token says
 * who it is.
 */
import { hash } from "node:crypto";
import type { CertificateBinding } from "@keystead/contract/config";
import { LISTENER, type DecodedCall } from "@keystead/channel/call";
import { findRole, permissionsOf } from "../authorize/roles.ts";
import { claimsIssuer } from "./access-token.ts";
import { bindingFor, prepareBindings, verifyCertificate, type Authority, type Bindings, type CheckedCertificate } from "./certificate.ts";
import { allHold, saidOfBearer, type Vouched } from "../claims.ts";
import { federatedName } from "./federation.ts";
import { notAuthenticated } from "./not-authenticated.ts";
import { oidcIdentity } from "./oidc.ts";
import type { Principal } from "./principal.ts";
import { admits, type Revocation } from "./revocation.ts";
import type { Peer, Sessions } from "./sessions.ts";
import { namedKey, noTokenFailures, verifyToken, type LoadedKeySet, type TokenFailure, type TokenIdentity } from "./token.ts";

export interface AuthenticatorOptions {
  readonly authorities: readonly Authority[];
  readonly certificates: readonly CertificateBinding[];
  /** Who tells whether a certificate was taken back; without it nobody is asked. */
  readonly revocation?: Revocation;
  readonly keySets: readonly LoadedKeySet[];
  /** Has an issuer's keys fetched again, when that is due; says whether to look again. */
  readonly unknownKey?: (issuer: string) => Promise<boolean>;
  /** Set only in the development preset. */
  readonly developmentPrincipal: string | undefined;
  readonly now: () => number;
}

/** What a binding or a key set can give. */
interface Source {
  readonly roles: readonly string[];
  readonly namespaces: readonly string[];
}

/** A principal as it was kept with a request that waited. */
export interface RememberedPrincipal {
  readonly id: string;
  readonly method: string;
  readonly roles: readonly string[];
  readonly namespaces: readonly string[] | "all";
  /** When the second factor of that login was given, in milliseconds since the epoch; it grows old while a request waits. */
  readonly mfaAt?: number;
  /** What the issuer had said of them. */
  readonly vouched?: Vouched;
}

const CACHE_ENTRIES = 4096;
/** A certificate's verdict is looked at again after this long, in milliseconds. */
const CERTIFICATE_RECHECK_MS = 60_000;
const FOREVER = Number.MAX_SAFE_INTEGER;

export { notAuthenticated };

export class Authenticator {
  readonly #options: AuthenticatorOptions;
  readonly #cache = new Map<string, Principal>();
  readonly #development: Principal | undefined;
  readonly #bindings: Bindings;
  #keySets: readonly LoadedKeySet[];
  #authorities: readonly Authority[];
  /** Counts what was replaced: a verdict reached under something older is not remembered. */
  #generation = 0;
  #sessions: Sessions | undefined;
  /** Failures, for metrics. */
  readonly counters = { failures: 0, tokenFailures: noTokenFailures(), cacheHits: 0, cacheMisses: 0 };

  constructor(options: AuthenticatorOptions) {
    this.#options = options;
    this.#keySets = options.keySets;
    this.#authorities = options.authorities;
    this.#bindings = prepareBindings(options.certificates);
    this.#development =
      options.developmentPrincipal === undefined
        ? undefined
        : withoutSeal(principal(options.developmentPrincipal, "development listener", ["Administrator"], ["*"], FOREVER));
  }

  /** New key sets from now on; every remembered verdict is forgotten. */
  replaceKeySets(keySets: readonly LoadedKeySet[]): void {
    this.#keySets = keySets;
    this.forget();
  }

  /** New authorities of client certificates from now on. */
  replaceAuthorities(authorities: readonly Authority[]): void {
    this.#authorities = authorities;
    this.forget();
  }

  /** Forgets every remembered verdict, because something that verdicts rest on has changed. */
  forget(): void {
    this.#generation += 1;
    this.#cache.clear();
  }

  /** The sessions of the vault that was opened, or none from now on. */
  useSessions(sessions: Sessions | undefined): void {
    this.#sessions = sessions;
    this.forget();
  }

  /** A remembered principal, without waiting; undefined when it must be verified. */
  remembered(call: DecodedCall): Principal | undefined {
    if (call.evidence.listener === LISTENER.development && call.credentials.length === 4) return this.#development;
    const name = call.credentials.toString("latin1");
    const known = this.#cache.get(name);
    if (known === undefined) return undefined;
    if (known.validUntil > this.#options.now() && isCurrent(known.session, call.evidence.address)) {
      this.counters.cacheHits += 1;
      return known;
    }
    this.#cache.delete(name);
    return undefined;
  }

  /** @throws {HsmError} UNAUTHENTICATED */
  async authenticate(call: DecodedCall): Promise<Principal> {
    this.counters.cacheMisses += 1;
    // Taken before anything is awaited: the payload is wiped when the call ends.
    const name = call.credentials.toString("latin1");
    const generation = this.#generation;
    const found = await this.#verify(call);
    if (found === undefined) {
      this.counters.failures += 1;
      throw notAuthenticated();
    }
    if (generation === this.#generation) this.#remember(name, found);
    return found;
  }

  /**
   * Somebody who was here before, as of now: of the roles and namespaces that the principal had, those that the bindings or
   * key sets of now still give. Nobody gains by having waited.
   *
   * @returns undefined when nobody can be this principal any more
   */
  recall({ id, method, roles, namespaces, mfaAt, vouched }: RememberedPrincipal): Principal | undefined {
    // What a PIN gives is not made of roles.
    if (method === "token PIN") return this.#sessions?.principalNow(id);
    if (method === "development listener") return this.#development?.id === id ? this.#development : undefined;
    const sources =
      method === "certificate"
        ? this.#bindingsOf(id)
        : method === "token"
          ? this.#keySetsOf(id, vouched)
          : method === "local user" || method === "service account"
            ? this.#subjectOf(id)
            : [];
    if (sources.length === 0) return undefined;
    const given = new Set(sources.flatMap((source) => source.roles.flatMap((role) => findRole(role) ?? [])));
    const reach = new Set(sources.flatMap((source) => source.namespaces));
    const kept = roles.flatMap((role) => findRole(role) ?? []).filter((role) => given.has(role));
    const within = namespaces === "all" ? [...reach] : namespaces.filter((name) => reach.has("*") || reach.has(name));
    const recalled = principal(id, method as Principal["method"], kept, within, FOREVER);
    if (mfaAt === undefined && vouched === undefined) return recalled;
    return Object.freeze({ ...recalled, ...(mfaAt === undefined ? {} : { mfaAt }), ...(vouched === undefined ? {} : { vouched }) });
  }

  /** A user or service account as it is now. */
  #subjectOf(id: string): readonly Source[] {
    const now = this.#sessions?.principalNow(id);
    return now === undefined ? [] : [{ roles: now.roles, namespaces: now.namespaces === "all" ? ["*"] : [...now.namespaces] }];
  }

  #bindingsOf(id: string): readonly Source[] {
    return this.#options.certificates.filter((binding) => `cert:${binding.principal}` === id);
  }

  /** What the key sets and providers whose tokens can be of this principal give; in an id the subject has no colon of its own. */
  #keySetsOf(id: string, vouched: Vouched | undefined): readonly Source[] {
    const issuer = id.slice(0, id.lastIndexOf(":"));
    return this.#keySets.flatMap(({ config, oidc }): readonly Source[] => {
      if (oidc !== undefined) {
        if (issuer !== `oidc:${oidc.issuer}`) return [];
        if (vouched === undefined) return oidc.mappings;
        const given = oidcIdentity(vouched.claims, oidc);
        return given === undefined ? [] : [given];
      }
      if (issuer !== `jwt:${config.issuer}`) return [];
      if (vouched !== undefined && !allHold(config.boundClaims ?? [], vouched.claims)) return [];
      return [{ roles: [...config.allowedRoles, ...(config.roles ?? [])], namespaces: config.namespaces }];
    });
  }

  /** Remembered credentials that are still valid, by default namespace, for metrics. */
  census(): (readonly [{ namespace: string }, number])[] {
    const now = this.#options.now();
    const counts = new Map<string, number>();
    for (const { defaultNamespace, validUntil } of this.#cache.values())
      if (validUntil > now) counts.set(defaultNamespace, (counts.get(defaultNamespace) ?? 0) + 1);
    return [...counts].map(([namespace, count]) => [{ namespace }, count] as const);
  }

  async #verify({ evidence }: DecodedCall): Promise<Principal | undefined> {
    const now = this.#options.now();
    const sessions = this.#sessions;
    if (sessions !== undefined && claimsIssuer(evidence.token, sessions.issuer)) {
      return this.#inSession(sessions, evidence, now);
    }
    let certified: Principal | undefined;
    if (evidence.certificate.length > 0) {
      certified = await this.#certified(evidence.certificate, now);
      if (certified === undefined) return undefined;
    }
    if (evidence.token === "") return certified;
    const token = await this.tokenIdentity(evidence.token, now);
    if (token === undefined) return undefined;
    const validUntil = Math.min(token.expiresAt, certified?.validUntil ?? Infinity);
    const { scheme, issuer, subject, roles, namespaces, claims } = token;
    const found = principal(`${scheme}:${federatedName(issuer, subject)}`, "token", roles, namespaces, validUntil);
    return Object.freeze({ ...found, vouched: { scheme, issuer, claims: saidOfBearer(claims) } });
  }

  /** Who somebody else's token names, with keys that are fetched for it when that is due; undefined for every failure. */
  async tokenIdentity(token: string, now = this.#options.now()): Promise<TokenIdentity | undefined> {
    let reason: TokenFailure = "malformed";
    const told = (why: TokenFailure): void => void (reason = why);
    const identity = (await verifyToken(token, this.#keySets, now, told)) ?? (await this.#withNewKeys(token, now, told));
    if (identity === undefined) this.counters.tokenFailures[reason] += 1;
    return identity;
  }

  /** A second look at a token whose key nobody knew, when its issuer's keys were fetched again for it. */
  async #withNewKeys(token: string, now: number, told: (why: TokenFailure) => void): Promise<TokenIdentity | undefined> {
    const named = this.#options.unknownKey === undefined ? undefined : namedKey(token);
    if (named === undefined) return undefined;
    const known = this.#keySets.some(({ config, keys }) => config.issuer === named.issuer && keys.some(({ kid }) => kid === named.kid));
    if (known || !(await this.#options.unknownKey?.(named.issuer))) return undefined;
    return verifyToken(token, this.#keySets, now, told);
  }

  /** A certificate that comes along must be good; whom it speaks for the session says, which may be bound to it. */
  async #inSession(sessions: Sessions, evidence: DecodedCall["evidence"], now: number): Promise<Principal | undefined> {
    let validUntil = Infinity;
    if (evidence.certificate.length > 0) {
      const checked = verifyCertificate(evidence.certificate, this.#authorities, now);
      if (checked === undefined || !(await this.#notRevoked(checked, now))) return undefined;
      validUntil = Math.min(checked.facts.notAfter, now + CERTIFICATE_RECHECK_MS);
    }
    const found = await sessions.principalOf(evidence.token, peerOf(evidence));
    if (found === undefined) this.counters.tokenFailures.session += 1;
    return found === undefined ? undefined : Object.freeze({ ...found, validUntil: Math.min(found.validUntil, validUntil) });
  }

  async #notRevoked(checked: CheckedCertificate, now: number): Promise<boolean> {
    const { revocation } = this.#options;
    return revocation === undefined || admits(revocation, checked, now);
  }

  async #certified(der: Buffer, now: number): Promise<Principal | undefined> {
    const checked = verifyCertificate(der, this.#authorities, now);
    if (checked === undefined) return undefined;
    const binding = bindingFor(checked, this.#bindings);
    if (binding === undefined || !(await this.#notRevoked(checked, now))) return undefined;
    return principal(
      `cert:${binding.principal}`,
      "certificate",
      binding.roles,
      binding.namespaces,
      Math.min(checked.facts.notAfter, now + CERTIFICATE_RECHECK_MS),
    );
  }

  #remember(name: string, found: Principal): void {
    if (found.validUntil <= this.#options.now()) return;
    if (this.#cache.size >= CACHE_ENTRIES) {
      const oldest = this.#cache.keys().next().value;
      if (oldest !== undefined) this.#cache.delete(oldest);
    }
    this.#cache.set(name, found);
  }
}

/** What sessions know of the other end of a connection. */
export const peerOf = ({ address, certificate }: Pick<DecodedCall["evidence"], "address" | "certificate">): Peer => ({
  address,
  thumbprint: certificate.length === 0 ? "" : hash("sha256", certificate, "base64url"),
});

/** Whether a remembered verdict still holds of its session; one without a session does. */
const isCurrent = (session: Principal["session"], address: string): boolean =>
  session === undefined || (!session.ended() && session.current() && (session.address ?? address) === address);

/** Callers without a credential: they may begin a session, and nothing else. */
export const ANONYMOUS: Principal = Object.freeze<Principal>({
  id: "anonymous",
  method: "anonymous",
  roles: [],
  permissions: new Set(["session:begin"]),
  namespaces: new Set(),
  defaultNamespace: "",
  validUntil: FOREVER,
});

/** The principal of a ceremony that the server itself performs, such as making the configured namespaces. */
export const ceremonyPrincipal = (name: string, roles: readonly string[]): Principal =>
  principal(`ceremony:${name}`, "ceremony", roles, ["*"], FOREVER);

/** Whoever comes in without a login may use the vault, but neither close it for everybody else nor change its keys. */
function withoutSeal(found: Principal): Principal {
  const kept = [...found.permissions].filter((permission) => permission !== "vault:seal" && permission !== "vault:rekey");
  return Object.freeze({ ...found, permissions: new Set(kept) });
}

function principal(
  id: string,
  method: Principal["method"],
  roles: readonly string[],
  namespaces: readonly string[],
  validUntil: number,
): Principal {
  const reach = namespaces.includes("*") ? "all" : new Set(namespaces);
  const canonical = roles.flatMap((role) => findRole(role) ?? []);
  return Object.freeze({
    id,
    method,
    roles: canonical,
    permissions: permissionsOf(canonical),
    namespaces: reach,
    defaultNamespace: reach === "all" || reach.has("default") ? "default" : ([...reach][0] ?? "default"),
    validUntil,
  });
}
