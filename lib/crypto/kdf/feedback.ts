/**
 * SP 800-108 in feedback mode and in double-pipeline mode.
 *
 * Feedback: each block is PRF(K, block before || [i] || fixed input); before the first stands the IV, which may be empty.
 * Double pipeline: A(0) is the fixed input, A(i) is PRF(K, A(i-1)), and each block is PRF(K, A(i) || [i] || fixed input). The
 * counter has 32 bits, and can be left out. Nothing of one block outlives the next: they are what is derived.
 *
 * @see SP 800-108 Rev. 1 §4.2, §4.3
 */
import { NOTHING, u32, type Kdf, type KdfParams } from "./kdf.ts";
import { modeOf, type Blocks } from "./sp800-108.ts";
import { wipe } from "../wipe.ts";

const numbered = ({ withoutCounter = false }: KdfParams, number: number): Uint8Array => (withoutCounter ? NOTHING : u32(number));

const feedback: Blocks = (prf, secret, fixed, params) => {
  let before = Buffer.from(params.salt ?? NOTHING);
  return {
    next(number) {
      const block = prf.block(secret, before, numbered(params, number), fixed);
      wipe(before);
      before = Buffer.alloc(block.byteLength);
      before.set(block);
      return block;
    },
    end: () => wipe(before),
  };
};

const pipeline: Blocks = (prf, secret, fixed, params) => {
  let iteration: Buffer | undefined;
  return {
    next(number) {
      const next = prf.block(secret, iteration ?? fixed);
      if (iteration !== undefined) wipe(iteration);
      iteration = next;
      return prf.block(secret, iteration, numbered(params, number), fixed);
    },
    end: () => (iteration === undefined ? undefined : wipe(iteration)),
  };
};

export const feedbackHmac: Kdf = modeOf("feedback_hmac", "hmac", feedback);
export const feedbackCmac: Kdf = modeOf("feedback_cmac", "cmac", feedback);
export const pipelineHmac: Kdf = modeOf("pipeline_hmac", "hmac", pipeline);
export const pipelineCmac: Kdf = modeOf("pipeline_cmac", "cmac", pipeline);
