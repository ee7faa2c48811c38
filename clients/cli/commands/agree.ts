/** `keystead agree`: a secret shared with a peer. */
import type { Command } from "commander";
import { readWhole } from "../byte-source.ts";
import { leaf, type Run } from "../command-tree.ts";
import { wholeNumber } from "../whole-number.ts";
import { usageError } from "../usage-error.ts";
import { printSecretResult, wishOf, wishOptions, type WishOptions } from "./secret-result.ts";

export function agree(root: Command, run: Run): void {
  leaf<WishOptions & { readonly peer?: string; readonly keyVersion?: number }>(root, run, {
    usage: "agree <key>",
    summary: "Agree on a secret with a peer (X25519, X448, ECDH)",
    notes:
      "The peer's public key is a file: PEM, DER, JWK, or the bare point or coordinate. The shared secret goes through a key\nderivation (--kdf) into a managed key (--as); --bytes prints it as it is, which is no key yet.",
    examples: [
      "keystead agree mine --peer theirs.pem --kdf hkdf --info session-7 --as AES-256-GCM --id session-7",
      "keystead agree mine --peer theirs.pem --bytes",
    ],
    options: (command) =>
      wishOptions(
        command
          .option("--peer <file>", "file with the peer's public key; - is stdin")
          .option(
            "--key-version <number>",
            "the version to agree with (default: the current one)",
            wholeNumber("--key-version", 1, 2 ** 32 - 1),
          ),
      ),
    body: async (context, options, [keyId = ""]) => {
      const wish = wishOf(options);
      if (options.peer === undefined) throw usageError("--peer FILE is needed: the peer's public key");
      const peerPublicKey = await readWhole(options.peer, context.shell);
      const answer = await (await context.connect()).agreeKey({ keyId, peerPublicKey, version: options.keyVersion, ...wish });
      await printSecretResult(context, answer);
    },
  });
}
