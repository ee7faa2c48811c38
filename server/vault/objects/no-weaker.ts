/**
 * What may become of a key that is here already: a copy of it, or the same material that comes back wrapped, is never
 * weaker than the key was. Otherwise each would undo what was said of the key: made extractable, freed of its usages, or
 * used for wrapping in one place and for decrypting in another.
 *
 * @see Bortolozzo, Centenaro, Focardi, Steel: Attacking and Fixing PKCS#11 Security Tokens (2010); Clulow: On the Security of
 *   PKCS#11 (2003); PKCS#11 3.2 §5.7.2 (C_CopyObject)
 */
import { usualMechanismsOf } from "@keystead/contract/mechanism-names";
import type { ExportPolicy, KeyAttributes } from "./attributes.ts";

const LOOSENESS: Readonly<Record<ExportPolicy, number>> = Object.freeze({ never: 0, wrapped: 1, plain: 2 });

/** The first attribute in which a key is weaker than another of the same material, or undefined. */
export function weakerIn(before: KeyAttributes, after: KeyAttributes): string | undefined {
  if (after.algorithm !== before.algorithm) return "algorithm";
  if (after.usage.some((usage) => !before.usage.includes(usage))) return "usage";
  // A secret that makes codes is kept from some derivations (derive-key.ts); its twin, which makes none, would do them.
  const derives = (key: KeyAttributes): boolean => key.usage.includes("derive") && !key.usage.includes("mac");
  if (before.usage.includes("mac") && derives(after)) return "usage";
  if (LOOSENESS[after.exportable] > LOOSENESS[before.exportable]) return "exportable";
  if (before.wrapWithTrusted === true && after.wrapWithTrusted !== true) return "wrap_with_trusted";
  if (before.copyable === false && after.copyable !== false) return "copyable";
  if (before.alwaysAuthenticate === true && after.alwaysAuthenticate !== true) return "always_authenticate";
  if (!before.modifiable && after.modifiable) return "modifiable";
  const waysOf = ({ allowedMechanisms, algorithm }: KeyAttributes): readonly string[] => allowedMechanisms ?? usualMechanismsOf(algorithm);
  const ways = new Set(waysOf(before));
  if (waysOf(after).some((way) => !ways.has(way))) return "allowed_mechanisms";
  if (before.endDate !== undefined && (after.endDate === undefined || after.endDate > before.endDate)) return "end_date";
  // Each would have a count of its own.
  if (before.maxUses !== undefined) return "max_uses";
  if (before.maxBytes !== undefined) return "max_bytes";
  return undefined;
}
