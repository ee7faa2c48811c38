/**
 * One key, several modes: what a mode's own mechanism is handed, and MACs that are chosen so.
 *
 * This file must never perform anything, nor hand on a mode that the mechanism behind it is by itself.
 */
import type { MacMode } from "@keystead/contract/key-modes";
import type { Macer, MacParams } from "../mechanism.ts";
import { paramInvalid } from "./refusals.ts";

/** What does the work, and what it is given: everything but the name of a mode that it is itself. */
export function chosenMode<P extends { readonly mode?: string }, D>(
  rows: Readonly<Record<string, D | undefined>>,
  usual: string,
  params: P,
): readonly [D, P] {
  const { mode = usual, ...rest } = params;
  const done = Object.hasOwn(rows, mode) ? rows[mode] : undefined;
  if (done === undefined) throw paramInvalid(`the mode is one of ${Object.keys(rows).join(", ")}`);
  return [done, (mode === "cbc_no_padding" ? params : rest) as P];
}

/** MACs by mode, for keys that have several. */
export function macerByMode(rows: Readonly<Partial<Record<MacMode, Macer | undefined>>>, usual: MacMode): Macer {
  const pick = (params: MacParams): readonly [Macer, MacParams] => chosenMode(rows, usual, params);
  return Object.freeze<Macer>({
    cost: "inline",
    check(params) {
      const [macer, own] = pick(params);
      macer.check(own);
    },
    mac(key, data, params) {
      const [macer, own] = pick(params);
      return macer.mac(key, data, own);
    },
    verify(key, data, tag, params) {
      const [macer, own] = pick(params);
      return macer.verify(key, data, tag, own);
    },
  });
}
