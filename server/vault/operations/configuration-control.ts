/**
 * What handlers may ask about the versions of the server's own configuration.
 */
import type { Change } from "../objects/change.ts";

/** Who took responsibility for a version, and when. */
export interface Acceptance {
  /** Principal; `ceremony:configuration` when nobody had to. */
  readonly by: string;
  /** Milliseconds since the epoch. */
  readonly time: number;
  /** What was signed, canonical JSON. */
  readonly statement: string;
  /** Base64. */
  readonly signature: string;
}

/** One version of the configuration that the server was started with. */
export interface ConfigRecord {
  readonly version: number;
  /** Canonical JSON; of secrets only where they are. */
  readonly document: string;
  /** What was signed, canonical JSON. */
  readonly statement: string;
  /** SHA-256 of the statement, hexadecimal. */
  readonly digest: string;
  readonly previous: string;
  /** Milliseconds since the epoch of the first start with it. */
  readonly time: number;
  /** Base64. */
  readonly signature: string;
  readonly publicKey: string;
  /** Left out = nobody accepted it. */
  readonly acceptance?: Acceptance;
}

/** What is held of every version. */
export type ConfigHead = Omit<ConfigRecord, "document" | "statement">;

export interface ConfigurationControl {
  /** The newest first. */
  versions(): readonly ConfigHead[];
  /** The version, or the one in force for 0; undefined when there is none. @throws {HsmError} INTEGRITY_FAILURE */
  version(version: number): Promise<ConfigRecord | undefined>;
  /**
   * Prepares the acceptance of the version in force; without a change when it was accepted before.
   *
   * @throws {HsmError} OBJECT_CHANGED when another version is in force
   */
  accept(version: number, by: string): Promise<{ record: ConfigRecord; change: Change | undefined }>;
}
