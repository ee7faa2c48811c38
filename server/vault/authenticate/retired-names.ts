/**
 * Names of users and service accounts that were removed: taken again only while nothing gives their old bearer anything.
 *
 * A binding, a group, a grant, an approver key or a waiting request names a principal by its id, and outlives whoever bore it.
 * Without this, who is given the name later would inherit all of it, and nobody would have said so.
 */
import { HsmError } from "@keystead/contract/errors";
import type { DocumentName, Documents, DocumentWrite } from "../objects/documents.ts";
import { isOver, type Delegation } from "../authorize/delegations.ts";
import { principalId, type LocalSubject } from "./subjects.ts";

/** What is written with the change of a subject. */
interface Also {
  readonly about: readonly DocumentName[];
  plan(): readonly DocumentWrite[];
}

const MOST_RETIRED = 65_536;

export class RetiredNames {
  readonly #documents: Documents;
  readonly #namedByPolicy: (id: string) => boolean;
  readonly #now: () => number;

  /** @param namedByPolicy whether a binding or a group of the policy in force names the principal */
  constructor(documents: Documents, namedByPolicy: (id: string) => boolean, now: () => number) {
    this.#documents = documents;
    this.#namedByPolicy = namedByPolicy;
    this.#now = now;
  }

  /** For the removal of a subject. @throws {HsmError} QUOTA_EXCEEDED from the plan */
  retiring(subject: LocalSubject): Also {
    const name = place(subject);
    return {
      about: [name],
      plan: () => {
        if (this.#documents.count("retired-name") >= MOST_RETIRED)
          throw new HsmError("QUOTA_EXCEEDED", `${MOST_RETIRED} removed names are remembered; disable this one instead`);
        return [{ ...name, value: { retiredAt: this.#now() } }];
      },
    };
  }

  /** For the making of a subject. @throws {HsmError} OBJECT_EXISTS from the plan, while something is left of the name's last bearer */
  taking(subject: LocalSubject): Also {
    const name = place(subject);
    return {
      about: [name],
      plan: () => {
        if (this.#documents.get("retired-name", name.id) === undefined) return [];
        const left = this.#leftOf(principalId(subject));
        if (left !== undefined)
          throw new HsmError(
            "OBJECT_EXISTS",
            `somebody who was removed had this name, and ${left}; take that away first, or choose another`,
          );
        return [{ ...name, value: undefined }];
      },
    };
  }

  #leftOf(id: string): string | undefined {
    const documents = this.#documents;
    if (this.#namedByPolicy(id)) return "the policy still names them";
    const grants = documents.list<Delegation>("delegation");
    if (grants.some(({ value }) => (value.from === id || value.to === id) && !isOver(value, this.#now())))
      return "a grant still names them";
    const keys = documents.list<{ principal: string; revokedAt?: number }>("approver-key");
    if (keys.some(({ value }) => value.principal === id && value.revokedAt === undefined)) return "an approver key of theirs still stands";
    const waiting = documents.list<{ requester: { id: string }; state: string }>("approval");
    if (waiting.some(({ value }) => value.requester.id === id && (value.state === "pending" || value.state === "approved")))
      return "a request of theirs still waits";
    return undefined;
  }
}

/** A user and a service account of one name are two. */
const place = ({ kind, name }: LocalSubject): DocumentName => ({ kind: "retired-name", id: `${kind}.${name}` });
