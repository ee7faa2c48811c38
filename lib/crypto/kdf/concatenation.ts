/**
 * The two derivations that hash a shared secret beside a counter: X9.63 puts the counter behind, SP 800-56C in front.
 *
 * @see ANSI X9.63 §5.6.3 and SEC 1 §3.6.1; SP 800-56C Rev. 2 §4.1 option 1; RFC 7518 §4.6.2 (info is the whole OtherInfo)
 */
import { createHash } from "node:crypto";
import { DIGESTS } from "@keystead/contract/algorithms";
import type { KdfName } from "@keystead/contract/kdfs";
import { opensslDigest } from "../digest.ts";
import { secretBuffer, wipe } from "../wipe.ts";
import { checkKeyBytes, NOTHING, refuseUnread, u32, type Kdf } from "./kdf.ts";

const DEFAULT = "SHA-256";

function concatenation(name: KdfName, order: "counter first" | "secret first"): Kdf {
  return Object.freeze<Kdf>({
    cost: "inline",
    check(params, secretBytes) {
      refuseUnread(name, params);
      opensslDigest(params.digest ?? DEFAULT);
      checkKeyBytes(name, secretBytes);
    },
    derive(secret, { digest = DEFAULT, info = NOTHING }, sizeBytes) {
      const hash = opensslDigest(digest);
      const derived = secretBuffer(sizeBytes);
      for (let counter = 1, at = 0; at < sizeBytes; counter++, at += DIGESTS[digest].outputBytes) {
        const first = order === "counter first" ? u32(counter) : secret;
        const second = order === "counter first" ? secret : u32(counter);
        const block = createHash(hash).update(first).update(second).update(info).digest();
        derived.set(block.subarray(0, sizeBytes - at), at);
        wipe(block);
      }
      return derived;
    },
  });
}

export const x963: Kdf = concatenation("x963", "secret first");
export const oneStep: Kdf = concatenation("one_step", "counter first");
