/**
 * Rules by what an issuer said of somebody: method and issuer first, then the claim, then its value, each by its exact text.
 *
 * The policy's names are looked up in the claims, never the claims' in the policy: what a token brings along costs nothing
 * until a rule asks for it. An address that its issuer has not verified gives nothing and forbids nevertheless, because where
 * a word can be read in two ways each rule reads it so that less is allowed. For the same reason capitals in an address forbid alike.
 */
import { topClaim } from "@keystead/contract/claim-names";
import type { ClaimMember } from "@keystead/contract/policy/claim-member";
import { patternMatches } from "@keystead/contract/policy/members";
import { claimTexts, isVerified, type Vouched } from "../claims.ts";

type ByName<T> = Map<string, Map<string, T[]>>;

/** Neither an issuer in one method nor a method can be spelled so that it is the other's: the method has no colon. */
const source = ({ scheme, issuer }: Pick<Vouched, "scheme" | "issuer">): string => `${scheme}:${issuer}`;

/** What stands under an address in other capitals: who may write their own as they like is forbidden it in each. */
const sameAddress = <T>(values: ReadonlyMap<string, readonly T[]>, text: string): readonly T[] =>
  [...values].filter(([value]) => value !== text && value.toLowerCase() === text.toLowerCase()).flatMap(([, made]) => made);

export class ClaimIndex<T> {
  readonly #sources = new Map<string, ByName<T>>();

  put(member: ClaimMember, made: readonly T[]): void {
    const names: ByName<T> = this.#sources.get(source(member)) ?? new Map();
    const values = names.get(member.name) ?? new Map<string, T[]>();
    const there = values.get(member.value);
    if (there === undefined) values.set(member.value, [...made]);
    else for (const one of made) there.push(one);
    names.set(member.name, values);
    this.#sources.set(source(member), names);
  }

  /** What stands under claims that were made; some of it more than once. @param forbids an unverified address counts too */
  of(vouched: Vouched, forbids: boolean): readonly T[] {
    const found: T[] = [];
    for (const [name, values] of this.#sources.get(source(vouched)) ?? [])
      if (forbids || isVerified(name, vouched.claims))
        for (const text of new Set(claimTexts(name, vouched.claims))) {
          for (const one of values.get(text) ?? []) found.push(one);
          if (forbids && topClaim(name) === "email") found.push(...sameAddress(values, text));
        }
    return found;
  }

  /** All that stands under claims of the issuer who may have named the principal. */
  ofIssuerOf(id: string): readonly T[] {
    return [...this.#sources]
      .filter(([name]) => patternMatches(`${name}:`, id, true))
      .flatMap(([, names]) => [...names.values()].flatMap((values) => [...values.values()].flat()));
  }
}
