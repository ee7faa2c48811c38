/**
 * SP 800-108 in counter mode: each block is PRF(K, [i] || fixed input), the counter 32 bits in front.
 *
 * @see SP 800-108 Rev. 1 §4.1
 */
import { u32, type Kdf } from "./kdf.ts";
import { modeOf, type Blocks } from "./sp800-108.ts";

const counted: Blocks = (prf, secret, fixed) => ({ next: (number) => prf.block(secret, u32(number), fixed), end() {} });

export const counterHmac: Kdf = modeOf("counter_hmac", "hmac", counted);
export const counterCmac: Kdf = modeOf("counter_cmac", "cmac", counted);
