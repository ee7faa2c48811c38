/** HKDF: extract, then expand (RFC 5869; the two-step derivation of SP 800-56C Rev. 2 §5). */
import { hkdfSync } from "node:crypto";
import { DIGESTS } from "@keystead/contract/algorithms";
import { opensslDigest } from "../digest.ts";
import { paramInvalid } from "../mechanisms/refusals.ts";
import { checkKeyBytes, NOTHING, refuseUnread, type Kdf } from "./kdf.ts";

const DEFAULT = "SHA-256";

export const hkdf: Kdf = Object.freeze<Kdf>({
  cost: "inline",
  check(params, secretBytes, sizeBytes) {
    refuseUnread("hkdf", params);
    const digest = params.digest ?? DEFAULT;
    opensslDigest(digest);
    checkKeyBytes("hkdf", secretBytes);
    if (sizeBytes > 255 * DIGESTS[digest].outputBytes) throw paramInvalid("HKDF gives at most 255 digests");
  },
  derive: (secret, { digest = DEFAULT, salt = NOTHING, info = NOTHING }, sizeBytes) =>
    Buffer.from(hkdfSync(opensslDigest(digest), secret, salt, info, sizeBytes)),
});
