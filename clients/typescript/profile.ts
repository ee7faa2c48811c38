/**
 * A connection profile: a JSON file that says where a server is and which files prove who is calling.
 *
 * It holds paths, never secrets. Relative paths are relative to the profile's own folder, so that a folder of
 * credentials can be moved as a whole.
 *
 *     { "endpoint": "https://localhost:8443", "ca": "ca.pem", "cert": "admin.pem", "key": "admin.key",
 *       "tokenKey": "token.pem", "issuer": "...", "audience": "...", "namespace": "default" }
 */
import { readFileSync } from "node:fs";
import { dirname, resolve } from "node:path";
import { HsmError } from "@keystead/contract/errors";

/** A profile with absolute paths. */
export interface Profile {
  readonly endpoint?: string;
  readonly ca?: string;
  readonly cert?: string;
  readonly key?: string;
  /** Key that signs bearer tokens (`keystead token mint`). */
  readonly tokenKey?: string;
  readonly issuer?: string;
  readonly audience?: string;
  readonly namespace?: string;
  /** Where the metrics of the server are, as a URL (`keystead metrics`). */
  readonly metrics?: string;
}

/** Every field, and whether its text is a path. */
const FIELDS: Readonly<Record<keyof Profile, "path" | "text">> = Object.freeze({
  endpoint: "text",
  ca: "path",
  cert: "path",
  key: "path",
  tokenKey: "path",
  issuer: "text",
  audience: "text",
  namespace: "text",
  metrics: "text",
});

/**
 * Reads a profile file.
 *
 * @throws {HsmError} INVALID_REQUEST when it cannot be read, is not JSON, or holds an unknown or non-text field
 */
export function readProfile(path: string): Profile {
  let text: string;
  try {
    text = readFileSync(path, "utf8");
  } catch (cause) {
    throw new HsmError("INVALID_REQUEST", `cannot read the profile ${path} (${(cause as NodeJS.ErrnoException).code})`, { cause });
  }
  let parsed: unknown;
  try {
    parsed = JSON.parse(text);
  } catch (cause) {
    throw new HsmError("INVALID_REQUEST", `the profile ${path} is not JSON`, { cause });
  }
  if (typeof parsed !== "object" || parsed === null || Array.isArray(parsed))
    throw new HsmError("INVALID_REQUEST", `the profile ${path} is not a JSON object`);
  const profile: Record<string, string> = {};
  for (const [name, value] of Object.entries(parsed)) {
    if (!Object.hasOwn(FIELDS, name))
      throw new HsmError(
        "INVALID_REQUEST",
        `the profile ${path} has an unknown field '${name}' (known: ${Object.keys(FIELDS).join(", ")})`,
      );
    if (typeof value !== "string") throw new HsmError("INVALID_REQUEST", `the field '${name}' of the profile ${path} must be text`);
    profile[name] = FIELDS[name as keyof Profile] === "path" ? resolve(dirname(path), value) : value;
  }
  return profile as Profile;
}
