/** `keystead keys import`: takes key material made elsewhere; the buffer that held it is wiped. */
import type { Command } from "commander";
import { ALGORITHMS, ALGORITHM_NAMES, findAlgorithm, type AlgorithmName } from "@keystead/client/names";
import type { KeyMaterialFormat } from "@keystead/client/shapes";
import { readWhole } from "../byte-source.ts";
import { inOption, leaf, type Run } from "../command-tree.ts";
import { usageError } from "../usage-error.ts";
import { wholeNumber } from "../whole-number.ts";
import { wrappingOptions, type WrappingOptions } from "./wrapping-options.ts";
import { newKeyFields, newKeyOptions, printNewKey, type NewKeyOptions } from "./key-facts.ts";

const FORMATS: readonly string[] = ["pem", "pkcs8", "sec1", "jwk", "raw"];

/** PEM and JWK show what they are; the rest must be named. */
function formatOf(material: Buffer, named: string | undefined): KeyMaterialFormat {
  if (named !== undefined) {
    if (!FORMATS.includes(named.toLowerCase())) throw usageError(`--format: choose one of ${FORMATS.join(", ")}`);
    return named.toLowerCase() as KeyMaterialFormat;
  }
  const start = material.subarray(0, 64).toString("latin1").trimStart();
  if (start.startsWith("-----BEGIN ")) return "pem";
  if (start.startsWith("{")) return "jwk";
  throw usageError(`the file is neither PEM nor JWK: say what it is with --format (${FORMATS.join(", ")})`);
}

interface Options extends NewKeyOptions, WrappingOptions {
  readonly id?: string;
  readonly in?: string;
  readonly format?: string;
  readonly wrappedBy?: string;
  readonly wrappingVersion?: number;
}

/** Of wrapped material nothing can be recognised; it is what its algorithm is wrapped as, unless named. */
const wrappedFormatOf = (algorithm: AlgorithmName, named: string | undefined): KeyMaterialFormat =>
  formatOf(Buffer.alloc(0), named ?? (ALGORITHMS[algorithm].objectClass === "secret" ? "raw" : "pkcs8"));

export function keysImport(parent: Command, run: Run): void {
  leaf<Options>(parent, run, {
    usage: "import <algorithm>",
    summary: "Bring a key that was made elsewhere into the vault",
    notes:
      "Key material is read from a file or stdin, never from the command line. Keep no copy: what lived outside the vault may have been seen.",
    examples: [
      "keystead keys import ECDSA-P256 --id legacy --in legacy.pem",
      "keystead keys import AES-256-GCM --id shared --in shared.key --format raw",
      "keystead keys import AES-256-GCM --id byok --in byok.wrapped --wrapped-by import-2026",
    ],
    options: (command) =>
      wrappingOptions(
        newKeyOptions(
          inOption(command, "file with the key material")
            .option("--format <format>", `${FORMATS.join(", ")} (default: PEM and JWK are recognised)`)
            .option("--id <id>", "the key's name (default: chosen by the vault)")
            .option("--wrapped-by <key>", "the material is encrypted under this key of the vault, which may unwrap")
            .option(
              "--wrapping-version <number>",
              "version of that key (default: the current one, then older ones)",
              wholeNumber("--wrapping-version", 1, 2 ** 32 - 1),
            ),
        ),
      ),
    body: async (context, options, [spelled = ""]) => {
      const algorithm = findAlgorithm(spelled);
      if (algorithm === undefined) throw usageError(`'${spelled}' is not an algorithm; choose one of ${ALGORITHM_NAMES.join(", ")}`);
      const { wrappedBy } = options;
      const keyMaterial = await readWhole(options.in, context.shell);
      try {
        const keystead = await context.connect();
        const answer = await keystead.importKey({
          algorithm,
          keyMaterial,
          format: wrappedBy === undefined ? formatOf(keyMaterial, options.format) : wrappedFormatOf(algorithm, options.format),
          wrappingKeyId: wrappedBy,
          wrappingVersion: options.wrappingVersion,
          wrappingMechanism: options.mechanism,
          wrappingDigest: options.digest,
          keyId: options.id,
          ...newKeyFields(options),
        });
        await printNewKey(context, answer);
      } finally {
        keyMaterial.fill(0);
      }
    },
  });
}
