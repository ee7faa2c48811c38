/**
 * Names of users and service accounts that were removed: taken again only while nothing gives their old bearer anything.
 *
 * A binding, a group, a grant, an approver key or a waiting request names a principal by its id, and outlives whoever bore it.
 * Without this, who is given the name later would inherit all of it, and nobody would have said so.
 *
 * A name that gave its bearer nothing that is left is forgotten with a later removal. What administrators of some namespaces
 * remove takes a share of each of those, whichever of them removes it, so that no namespace takes everybody's room.
 */
import { HsmError } from "@keystead/contract/errors";
import type { DocumentName, Documents, DocumentWrite } from "../objects/documents.ts";
import { isOver, type Delegation } from "../authorize/delegations.ts";
import type { Principal } from "./principal.ts";
import { principalId, type LocalSubject } from "./subjects.ts";

/** What is written with the change of a subject. */
interface Also {
  readonly about: readonly DocumentName[];
  plan(): readonly DocumentWrite[];
}

const MOST_RETIRED = 65_536;
/** Removed by those who are confined to a namespace. */
const MOST_RETIRED_EACH = 1024;
/** Looked at with each removal, and of those forgotten. */
const LOOKED_AT_ONCE = 64;
const SWEPT_AT_ONCE = 8;

interface RetiredName {
  readonly retiredAt: number;
  /** The namespaces that whoever removed it is confined to; "" for nobody's. Absent for who is not. */
  readonly share?: readonly string[];
}

export class RetiredNames {
  readonly #documents: Documents;
  readonly #namedByPolicy: (id: string) => boolean;
  readonly #now: () => number;
  /** The last name that was looked at. */
  #swept = "";

  /** @param namedByPolicy whether a binding or a group of the policy in force names the principal */
  constructor(documents: Documents, namedByPolicy: (id: string) => boolean, now: () => number) {
    this.#documents = documents;
    this.#namedByPolicy = namedByPolicy;
    this.#now = now;
  }

  /** For the removal of a subject. @throws {HsmError} QUOTA_EXCEEDED from the plan */
  retiring(by: Principal, subject: LocalSubject): Also {
    const name = place(subject);
    const share = by.namespaces === "all" ? undefined : by.namespaces.size === 0 ? [""] : [...by.namespaces];
    const bare = this.#bare().filter(({ id }) => id !== name.id);
    return {
      about: [name, ...bare],
      plan: () => {
        const going = bare.filter(({ id }) => this.#documents.get("retired-name", id) !== undefined);
        if (this.#documents.count("retired-name") - going.length >= MOST_RETIRED)
          throw new HsmError("QUOTA_EXCEEDED", `${MOST_RETIRED} removed names are remembered; disable this one instead`);
        if (share !== undefined) this.#requireShare(share, new Set(going.map(({ id }) => id)));
        const value: RetiredName = { retiredAt: this.#now(), ...(share === undefined ? {} : { share }) };
        return [{ ...name, value }, ...going.map((each) => ({ ...each, value: undefined }))];
      },
    };
  }

  #requireShare(share: readonly string[], going: ReadonlySet<string>): void {
    const counts = new Map(share.map((namespace) => [namespace, 0]));
    for (const { id, value } of this.#documents.list<RetiredName>("retired-name"))
      if (!going.has(id))
        for (const namespace of value.share ?? []) if (counts.has(namespace)) counts.set(namespace, (counts.get(namespace) ?? 0) + 1);
    for (const [namespace, count] of counts)
      if (count >= MOST_RETIRED_EACH)
        throw new HsmError(
          "QUOTA_EXCEEDED",
          `${MOST_RETIRED_EACH} removed names of ${namespace === "" ? "no namespace" : `namespace ${namespace}`} are remembered; ` +
            "disable this one instead, or take away what is left of those",
        );
  }

  /** Some names of which nothing is left; each call looks further. */
  #bare(): DocumentName[] {
    const all = this.#documents
      .list<RetiredName>("retired-name")
      .map(({ id }) => id)
      .sort();
    const at = all.findIndex((id) => id > this.#swept);
    const looked = [...all.slice(Math.max(at, 0)), ...all.slice(0, Math.max(at, 0))].slice(0, LOOKED_AT_ONCE);
    if (looked.length === 0) return [];
    const left = this.#whoIsLeft();
    const found: string[] = [];
    for (const id of looked) {
      this.#swept = id;
      if (left(principalId(subjectAt(id))) === undefined) found.push(id);
      if (found.length === SWEPT_AT_ONCE) break;
    }
    return found.map((id) => ({ kind: "retired-name", id }));
  }

  /** For the making of a subject. @throws {HsmError} OBJECT_EXISTS from the plan, while something is left of the name's last bearer */
  taking(subject: LocalSubject): Also {
    const name = place(subject);
    return {
      about: [name],
      plan: () => {
        if (this.#documents.get("retired-name", name.id) === undefined) return [];
        const left = this.#whoIsLeft()(principalId(subject));
        if (left !== undefined)
          throw new HsmError(
            "OBJECT_EXISTS",
            `somebody who was removed had this name, and ${left}; take that away first, or choose another`,
          );
        return [{ ...name, value: undefined }];
      },
    };
  }

  /** What is left of a principal, or undefined. */
  #whoIsLeft(): (id: string) => string | undefined {
    const documents = this.#documents;
    const now = this.#now();
    const reasons = new Map<string, string>();
    for (const { value } of documents.list<{ requester: { id: string }; state: string }>("approval"))
      if (value.state === "pending" || value.state === "approved") reasons.set(value.requester.id, "a request of theirs still waits");
    for (const { value } of documents.list<{ principal: string; revokedAt?: number }>("approver-key"))
      if (value.revokedAt === undefined) reasons.set(value.principal, "an approver key of theirs still stands");
    for (const { value } of documents.list<Delegation>("delegation"))
      if (!isOver(value, now)) for (const id of [value.from, value.to]) reasons.set(id, "a grant still names them");
    return (id) => (this.#namedByPolicy(id) ? "the policy still names them" : reasons.get(id));
  }
}

/** A user and a service account of one name are two. */
const place = ({ kind, name }: LocalSubject): DocumentName => ({ kind: "retired-name", id: `${kind}.${name}` });
function subjectAt(id: string): LocalSubject {
  const dot = id.indexOf(".");
  return { kind: id.slice(0, dot) as LocalSubject["kind"], name: id.slice(dot + 1) };
}
