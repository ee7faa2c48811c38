/** The register of derivations: one explicit line each. The type makes a forgotten one a compile error. */
import type { KdfName } from "@keystead/contract/kdfs";
import { blake3Kdf } from "./blake3.ts";
import { oneStep, x963 } from "./concatenation.ts";
import { counterCmac, counterHmac } from "./counter.ts";
import { feedbackCmac, feedbackHmac, pipelineCmac, pipelineHmac } from "./feedback.ts";
import { hkdf } from "./hkdf.ts";
import type { Kdf } from "./kdf.ts";
import { argon2id, pbkdf2Kdf, scryptKdf } from "./passwords.ts";

export const kdfs: Readonly<Record<KdfName, Kdf>> = Object.freeze({
  hkdf,
  x963,
  one_step: oneStep,
  counter_hmac: counterHmac,
  counter_cmac: counterCmac,
  feedback_hmac: feedbackHmac,
  feedback_cmac: feedbackCmac,
  pipeline_hmac: pipelineHmac,
  pipeline_cmac: pipelineCmac,
  blake3: blake3Kdf,
  pbkdf2: pbkdf2Kdf,
  scrypt: scryptKdf,
  argon2id,
});
