/**
 * Opening what does not say by which version of a key it was sealed: the current version is tried, then older ones.
 *
 * Only for what is authenticated: anything else "opens" under every key. How long it takes tells which version it was, or
 * that it was none, and nothing else: each attempt fails in the same way, and so do all of them together. This file
 * must never try a second version of what a request named the version of.
 */
import { setImmediate } from "node:timers/promises";
import { HsmError } from "@keystead/contract/errors";
import type { OpenKey } from "../objects/key-shapes.ts";

/** So many versions are tried. What is older is opened by naming its version. */
export const MOST_VERSIONS_TRIED = 16;

/**
 * What `open` makes under the first version that it succeeds with, and which that was. Others get their turn between two
 * attempts.
 *
 * @param keys          the versions that may be used, in the order in which they are tried, each opened when it is asked for
 * @param authenticates whether a failure says that it was sealed under another version: without that, no second one is tried
 * @throws {HsmError} DECRYPTION_FAILED, that of the first version, when none opens it; what else `open` throws, at once
 */
export async function openedByAny<T>(
  keys: AsyncIterable<OpenKey> | Iterable<Promise<OpenKey>>,
  open: (key: OpenKey) => T,
  authenticates: (key: OpenKey) => boolean = () => true,
): Promise<{ readonly key: OpenKey; readonly opened: T }> {
  let first: HsmError | undefined;
  let tried = 0;
  for await (const key of keys) {
    if (first !== undefined) await setImmediate();
    try {
      return { key, opened: open(key) };
    } catch (error) {
      if (!(error instanceof HsmError) || error.code !== "DECRYPTION_FAILED" || !authenticates(key)) throw error;
      first ??= error;
    }
    tried += 1;
    if (tried === MOST_VERSIONS_TRIED) break;
  }
  throw first ?? new TypeError("a key has no version");
}
