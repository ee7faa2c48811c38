/**
 * The decision: may this principal do this here? Rules in order, the first refusal stands, no rule says maybe.
 *
 * 1 the namespace is within the principal's reach · 2 a role carries the permission, and every further one that the
 * request demands · 3 the namespace admits the client's address. The answer to a namespace out of reach is the same whether it exists or not.
 *
 * @see ARCHITECTURE.md "The life of one Sign"
 */
import type { NamespaceConfig } from "@keystead/contract/config";
import { HsmError } from "@keystead/contract/errors";
import type { KeyUse, Operation } from "@keystead/contract/operation";
import type { Permission } from "@keystead/contract/permissions";
import type { Principal } from "../authenticate/principal.ts";
import { issueGrant, type Grant } from "../grant.ts";
import { addressRule, admits, type AddressRule } from "./address-rule.ts";

/** What the decision is about. */
export interface Question {
  readonly principal: Principal;
  readonly operation: Operation;
  /** Empty for operations about the server, or about everything within reach. */
  readonly namespace: string;
  readonly keyId: string;
  /** Client address as the gateway saw it. */
  readonly address: string;
  /** Permissions this request needs beyond the operation's own. */
  readonly demands?: readonly Permission[];
  /** How much data the request brings. */
  readonly bytes?: number;
  /** The use decided on, where it is of another key than the operation's own. */
  readonly use?: KeyUse;
}

export class Authorizer {
  readonly #addressRules = new Map<string, AddressRule>();

  /** @throws {TypeError} for a range that is no address or CIDR (configuration is checked before) */
  constructor(namespaces: Readonly<Record<string, NamespaceConfig>>) {
    for (const [name, { allowedIps, deniedIps }] of Object.entries(namespaces)) {
      const rule = addressRule(allowedIps, deniedIps);
      if (rule !== undefined) this.#addressRules.set(name, rule);
    }
  }

  /**
   * Decides.
   *
   * @returns the Grant that opens the key, for operations that use one
   * @throws {HsmError} PERMISSION_DENIED, one detail for every reason
   */
  decide({ principal, operation, namespace, keyId, address, demands, bytes, use = operation.usage }: Question): Grant | undefined {
    if (namespace !== "" && principal.namespaces !== "all" && !principal.namespaces.has(namespace)) throw denied(operation);
    if (!principal.permissions.has(operation.permission)) throw denied(operation);
    if (demands?.some((permission) => !principal.permissions.has(permission)) === true) throw denied(operation);
    const rule = this.#addressRules.get(namespace);
    // A ceremony is the server's own and comes from no address.
    if (rule !== undefined && principal.method !== "ceremony" && !admits(rule, address)) throw denied(operation);
    if (use === undefined) return undefined;
    return issueGrant({
      principal: principal.id,
      operation: operation.name,
      namespace,
      keyId,
      usage: use,
      ...(bytes === undefined ? {} : { bytes }),
      mayUseRevoked: principal.permissions.has("key:use_revoked"),
    });
  }

  /** Namespaces whose address rules keep this address out: an answer about everything within reach leaves them out. */
  hiddenFrom(principal: Principal, address: string): ReadonlySet<string> {
    if (principal.method === "ceremony") return new Set();
    return new Set([...this.#addressRules].filter(([, rule]) => !admits(rule, address)).map(([namespace]) => namespace));
  }
}

const denied = (operation: Operation): HsmError => new HsmError("PERMISSION_DENIED", `${operation.name} is not permitted here`);
