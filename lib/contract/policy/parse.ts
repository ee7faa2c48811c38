/**
 * Reading a policy document: strict, whole, and with every problem told by its place.
 *
 * What is not understood is refused: an unknown member, role, permission, group or namespace spelling, a quorum of
 * nobody. A document that parses can be compiled except for its conditions, which whoever evaluates them checks.
 *
 * @see document.ts for the shape
 */
import { ALWAYS_POSSIBLE } from "../approval-scope.ts";
import { HsmError } from "../errors.ts";
import { parseStrictJson, type JsonValue } from "../json.ts";
import type { Permission } from "../permissions.ts";
import {
  POLICY_FORMAT,
  POLICY_LIMITS,
  type KeySelector,
  type PolicyApproval,
  type PolicyBinding,
  type PolicyDenial,
  type PolicyDocument,
  type PolicyGroup,
  type PolicyRole,
  type RuleScope,
} from "./document.ts";
import { familiesOfConstraint, findPermission, isAboutKey, type KeyFamily } from "./key-families.ts";
import { groupNamespace, isGroupName, NAMESPACE_PATTERN, readMember } from "./members.ts";
import { JsonReader } from "./json-reader.ts";

const ROLE_NAME = /^[A-Za-z][A-Za-z0-9._-]{0,62}$/;
const RULE_ID = /^[A-Za-z0-9][A-Za-z0-9._-]{0,62}$/;
const KEY_ID = /^[A-Za-z0-9._-]{1,128}$/;
const APPROVAL_SECONDS = 3600;

/** Finds the built-in role of a name or alias. */
export type BuiltInRole = (name: string) => string | undefined;

/**
 * Reads a document.
 *
 * @param text    JSON
 * @param builtIn the built-in roles, which a document can bind and cannot redefine
 * @throws {HsmError} INVALID_REQUEST naming up to eight problems by their place
 */
export function parsePolicy(text: string, builtIn: BuiltInRole): PolicyDocument {
  const bytes = new TextEncoder().encode(text);
  if (bytes.length > POLICY_LIMITS.documentBytes)
    throw new HsmError("INVALID_REQUEST", `a policy document has at most ${POLICY_LIMITS.documentBytes} bytes`);
  return new PolicyReader(parseStrictJson(bytes), builtIn).read();
}

class PolicyReader {
  readonly #root: JsonValue;
  readonly #builtIn: BuiltInRole;
  readonly #json = new JsonReader();
  readonly #roles = new Map<string, PolicyRole>();
  readonly #groups = new Map<string, PolicyGroup>();
  readonly #ids = new Set<string>();

  constructor(root: JsonValue, builtIn: BuiltInRole) {
    this.#root = root;
    this.#builtIn = builtIn;
  }

  read(): PolicyDocument {
    const json = this.#json;
    const root = json.object(this.#root, "", ["format", "roles", "groups", "bindings", "denials", "approvals"]);
    if (root["format"] !== POLICY_FORMAT) json.problem("format", `must be ${POLICY_FORMAT}`);
    for (const [name, value] of json.entries(root["roles"], "roles", POLICY_LIMITS.roles))
      this.#roles.set(name, this.#role(name, value, `roles.${name}`));
    for (const [name, value] of json.entries(root["groups"], "groups", POLICY_LIMITS.groups))
      this.#groups.set(name, this.#group(name, value, `groups.${name}`));
    const rules = <T>(name: "bindings" | "denials" | "approvals", one: (value: JsonValue, at: string) => T): T[] =>
      json.list(root[name], name, POLICY_LIMITS[name]).map((value, index) => one(value, `${name}[${index}]`));
    const document: PolicyDocument = {
      format: POLICY_FORMAT,
      roles: this.#roles,
      groups: this.#groups,
      bindings: rules("bindings", (value, at) => this.#binding(value, at)),
      denials: rules("denials", (value, at) => this.#denial(value, at)),
      approvals: rules("approvals", (value, at) => this.#approval(value, at)),
    };
    const conditions = [...document.bindings, ...document.denials, ...document.approvals].filter(
      ({ condition }) => condition !== undefined,
    );
    if (conditions.length > POLICY_LIMITS.conditions) json.problem("", `has at most ${POLICY_LIMITS.conditions} conditions`);
    json.refuse("policy");
    return document;
  }

  #role(name: string, value: JsonValue, at: string): PolicyRole {
    const json = this.#json;
    if (!ROLE_NAME.test(name)) json.problem(at, "a role's name has up to 63 letters, digits, '.', '_' or '-'");
    if (this.#builtIn(name) !== undefined) json.problem(at, "is a built-in role; choose another name");
    const members = json.object(value, at, ["description", "permissions"]);
    const permissions = new Set<Permission>();
    const families = new Set<KeyFamily>();
    for (const [index, one] of json.texts(members["permissions"], `${at}.permissions`, 128, 1).entries()) {
      const permission = findPermission(one);
      const narrowed = familiesOfConstraint(one);
      if (permission !== undefined) permissions.add(permission);
      else if (narrowed !== undefined) for (const family of narrowed) families.add(family);
      else json.problem(`${at}.permissions[${index}]`, "there is no such permission");
    }
    return {
      description: this.#description(members["description"], at),
      permissions: [...permissions],
      families: families.size === 0 ? undefined : [...families],
    };
  }

  #group(name: string, value: JsonValue, at: string): PolicyGroup {
    const json = this.#json;
    if (!isGroupName(name)) json.problem(at, "a group is named NAMESPACE/NAME, or */NAME for the whole server");
    const members = json.object(value, at, ["description", "members"]);
    const texts = json.texts(members["members"], `${at}.members`, POLICY_LIMITS.membersPerGroup, 0);
    for (const [index, text] of texts.entries()) {
      const member = readMember(text);
      if (member?.kind === "group") json.problem(`${at}.members[${index}]`, "a group cannot be a member of a group");
      else if (member?.kind !== "principal") json.problem(`${at}.members[${index}]`, "must be the id of one principal");
    }
    return { description: this.#description(members["description"], at), members: texts };
  }

  #binding(value: JsonValue, at: string): PolicyBinding {
    const json = this.#json;
    const members = json.object(value, at, [...SCOPE, "members", "roles"]);
    const scope = this.#scope(members, at);
    const roles = json
      .texts(members["roles"], `${at}.roles`, POLICY_LIMITS.perRule, 1)
      .map((name, index) => this.#knownRole(name, `${at}.roles[${index}]`));
    return { ...scope, members: this.#members(members["members"], scope, at, true), roles };
  }

  #denial(value: JsonValue, at: string): PolicyDenial {
    const json = this.#json;
    const members = json.object(value, at, [...SCOPE, "members", "permissions"]);
    const scope = this.#scope(members, at);
    const all = Array.isArray(members["permissions"]) && members["permissions"].length === 1 && members["permissions"][0] === "*";
    return {
      ...scope,
      members: this.#members(members["members"], scope, at, false),
      permissions: all ? "all" : this.#permissions(members["permissions"], scope, at),
    };
  }

  #approval(value: JsonValue, at: string): PolicyApproval {
    const json = this.#json;
    const members = json.object(value, at, [...SCOPE, "permissions", "quorum", "role", "expirySeconds"]);
    const scope = this.#scope(members, at);
    const permissions = this.#permissions(members["permissions"], scope, at);
    // A rule about saying yes would have nobody left to say it, and no way back.
    for (const [index, permission] of permissions.entries())
      if (ALWAYS_POSSIBLE.has(permission)) json.problem(`${at}.permissions[${index}]`, "cannot wait for approval");
    return {
      ...scope,
      permissions,
      // Zero would be a rule that looks like one and asks nobody.
      quorum: json.whole(members["quorum"], `${at}.quorum`, 1, POLICY_LIMITS.quorum),
      role: this.#knownRole(json.text(members["role"], `${at}.role`, 63), `${at}.role`),
      expirySeconds:
        members["expirySeconds"] === undefined
          ? APPROVAL_SECONDS
          : json.whole(members["expirySeconds"], `${at}.expirySeconds`, 1, POLICY_LIMITS.approvalSeconds),
    };
  }

  #scope(members: Readonly<Record<string, JsonValue>>, at: string): RuleScope {
    const json = this.#json;
    const id = json.text(members["id"], `${at}.id`, 63);
    if (!RULE_ID.test(id)) json.problem(`${at}.id`, "must be up to 63 letters, digits, '.', '_' or '-'");
    else if (this.#ids.has(id)) json.problem(`${at}.id`, "is taken by another rule");
    this.#ids.add(id);
    const namespaces = json.texts(members["namespaces"], `${at}.namespaces`, POLICY_LIMITS.perRule, 1);
    for (const [index, name] of namespaces.entries())
      if (name !== "*" && !NAMESPACE_PATTERN.test(name))
        json.problem(`${at}.namespaces[${index}]`, "must be the name of a namespace, or *");
    if (namespaces.includes("*") && namespaces.length > 1) json.problem(`${at}.namespaces`, "* stands alone");
    const condition =
      members["condition"] === undefined ? undefined : json.text(members["condition"], `${at}.condition`, POLICY_LIMITS.conditionLength);
    return {
      id,
      description: this.#description(members["description"], at),
      namespaces,
      keys: members["keys"] === undefined ? undefined : this.#keys(members["keys"], `${at}.keys`),
      condition,
    };
  }

  #keys(value: JsonValue, at: string): KeySelector {
    const json = this.#json;
    const members = json.object(value, at, ["ids", "tags"]);
    const ids = json.texts(members["ids"], `${at}.ids`, POLICY_LIMITS.perRule, 0);
    const tags = json.texts(members["tags"], `${at}.tags`, POLICY_LIMITS.perRule, 0);
    for (const [index, id] of ids.entries()) if (!KEY_ID.test(id)) json.problem(`${at}.ids[${index}]`, "must be the id of a key");
    // A selector that selects nothing looks like a rule and is none.
    if (ids.length + tags.length === 0) json.problem(at, "must name keys by ids or tags");
    return { ids, tags };
  }

  #members(value: JsonValue | undefined, scope: RuleScope, at: string, gives: boolean): string[] {
    const json = this.#json;
    const texts = json.texts(value, `${at}.members`, POLICY_LIMITS.perRule, 1);
    for (const [index, text] of texts.entries()) {
      const where = `${at}.members[${index}]`;
      const member = readMember(text);
      if (member === undefined)
        json.problem(where, "must be the id of a principal, ISSUER:*, claim:oidc:ISSUER#NAME=VALUE, group:NAMESPACE/NAME or *");
      if (member?.kind !== "group") continue;
      const home = groupNamespace(member.name);
      if (!this.#groups.has(member.name)) json.problem(where, "there is no such group");
      else if (home !== "*" && gives && (scope.namespaces.length !== 1 || scope.namespaces[0] !== home))
        json.problem(where, `a group of the namespace ${home} has roles in that namespace alone`);
    }
    return texts;
  }

  #permissions(value: JsonValue | undefined, scope: RuleScope, at: string): Permission[] {
    const json = this.#json;
    return json.texts(value, `${at}.permissions`, 128, 1).flatMap((name, index) => {
      const permission = findPermission(name);
      if (permission === undefined) json.problem(`${at}.permissions[${index}]`, "there is no such permission");
      else if (scope.keys !== undefined && !isAboutKey(permission)) json.problem(`${at}.permissions[${index}]`, "is not about a key");
      return permission ?? [];
    });
  }

  #knownRole(name: string, at: string): string {
    if (this.#roles.has(name)) return name;
    const builtIn = this.#builtIn(name);
    if (builtIn === undefined) this.#json.problem(at, "there is no such role");
    return builtIn ?? name;
  }

  #description(value: JsonValue | undefined, at: string): string {
    return value === undefined ? "" : this.#json.text(value, `${at}.description`, POLICY_LIMITS.descriptionLength, 0);
  }
}

/** Members that every rule may have. */
const SCOPE = ["id", "description", "namespaces", "keys", "condition"] as const;
