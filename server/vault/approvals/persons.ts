/**
 * Who a principal is over all ways to log in. A person counts once, and never for a request of her own, whichever way she
 * came in. A principal that is nobody's is a person of its own.
 */

/** The person that the vault's own record of a principal names, if there is such a record. */
export type RecordedPerson = (principal: string) => string | undefined;

export class Persons {
  readonly #byPrincipal = new Map<string, string>();
  readonly #recorded: RecordedPerson;

  /** @param persons the principals of each person who has several */
  constructor(persons: Readonly<Record<string, readonly string[]>>, recorded: RecordedPerson = () => undefined) {
    for (const [person, principals] of Object.entries(persons))
      for (const principal of principals) this.#byPrincipal.set(principal, person);
    this.#recorded = recorded;
  }

  /** The person behind a principal. What the configuration says counts more than what a record of the principal says. */
  of({ id }: { readonly id: string }): string {
    // A person's name has no colon and an id has one: nobody can be called somebody else's id.
    return this.#byPrincipal.get(id) ?? this.#recorded(id) ?? id;
  }
}
