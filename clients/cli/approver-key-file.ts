/** The approver's private key: a file of the approver's, read here, used here, and sent nowhere. */
import { createPrivateKey, type KeyObject } from "node:crypto";
import { readFileSync } from "node:fs";
import { resolve } from "node:path";
import { readSecret, withoutLineEnding } from "./secret-reference.ts";
import type { Shell } from "./shell.ts";
import { usageError } from "./usage-error.ts";

export interface KeyFileOptions {
  readonly key?: string;
  readonly keyPassphrase?: string;
}

/** @throws {HsmError} INVALID_REQUEST when the file is missing, locked without its passphrase, or of a kind that cannot approve */
export function readApproverKey({ key: path, keyPassphrase }: KeyFileOptions, shell: Pick<Shell, "cwd" | "env">): KeyObject {
  if (path === undefined) throw usageError("--key names the file of your private key (PEM, PKCS#8)");
  let bytes: Buffer;
  try {
    bytes = readFileSync(resolve(shell.cwd, path));
  } catch (cause) {
    throw usageError(`--key: cannot read ${path} (${(cause as NodeJS.ErrnoException).code})`);
  }
  const passphrase = keyPassphrase === undefined ? undefined : withoutLineEnding(readSecret(keyPassphrase, "--key-passphrase", shell));
  let key: KeyObject;
  try {
    key = createPrivateKey({ key: bytes, format: "pem", ...(passphrase === undefined ? {} : { passphrase }) });
  } catch {
    throw usageError("--key: the file holds no private key (PEM) that opens with what was given");
  } finally {
    bytes.fill(0);
    passphrase?.fill(0);
  }
  const curve = key.asymmetricKeyDetails?.namedCurve;
  const fits =
    key.asymmetricKeyType === "ed25519" ||
    key.asymmetricKeyType === "ml-dsa-65" ||
    (key.asymmetricKeyType === "ec" && curve === "prime256v1");
  if (!fits) throw usageError("--key: an approver key is an Ed25519, P-256 or ML-DSA-65 key");
  return key;
}
