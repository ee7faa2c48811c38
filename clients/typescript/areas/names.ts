/** How algorithms and digests may be spelled. */
import type { AlgorithmName, DigestName } from "@keystead/contract/algorithms";

/** A canonical name, with completion in editors, or any accepted spelling of one. */
export type AlgorithmSpelling = AlgorithmName | (string & {});

export type DigestSpelling = DigestName | (string & {});
