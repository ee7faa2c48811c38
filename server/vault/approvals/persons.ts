/**
 * Who a principal is over all ways to log in. A person counts once, and never for a request of her own, whichever way she
 * came in. A principal that is nobody's is a person of its own.
 */
export class Persons {
  readonly #byPrincipal = new Map<string, string>();

  /** @param persons the principals of each person who has several */
  constructor(persons: Readonly<Record<string, readonly string[]>>) {
    for (const [person, principals] of Object.entries(persons))
      for (const principal of principals) this.#byPrincipal.set(principal, person);
  }

  /** The person behind a principal. What the configuration says counts more than what a record of the principal says. */
  of({ id, person }: { readonly id: string; readonly person?: string | undefined }): string {
    // A person's name never equals a principal's id, which has its method in front: nobody can be called somebody else's id.
    return this.#byPrincipal.get(id) ?? person ?? id;
  }
}
