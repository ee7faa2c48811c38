/**
 * Usages by name and by enum number.
 */
import type { Usage as UsageName } from "@keystead/contract/algorithms";
import { Usage } from "@keystead/contract/generated/hsm/hsm_pb";

const USAGES: Readonly<Record<UsageName, Usage>> = Object.freeze({
  sign: Usage.SIGN,
  verify: Usage.VERIFY,
  encrypt: Usage.ENCRYPT,
  decrypt: Usage.DECRYPT,
  mac: Usage.MAC,
  verify_mac: Usage.VERIFY_MAC,
  wrap_data_key: Usage.WRAP_DATA_KEY,
  encapsulate: Usage.ENCAPSULATE,
  decapsulate: Usage.DECAPSULATE,
  derive: Usage.DERIVE,
  wrap: Usage.WRAP,
  unwrap: Usage.UNWRAP,
});
const usageByNumber = new Map<number, UsageName>((Object.entries(USAGES) as [UsageName, Usage][]).map(([name, number]) => [number, name]));

/** Usage names of enum numbers, each once, in the order given. */
export const usageNames = (numbers: readonly Usage[]): UsageName[] =>
  [...new Set(numbers)].flatMap((number) => usageByNumber.get(number) ?? []);

export const usageNumbers = (names: readonly UsageName[]): Usage[] => names.map((name) => USAGES[name]);
