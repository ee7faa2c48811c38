/**
 * What verdicts about callers rest on: key sets, authorities, revocation lists. Read at start, and again when they change.
 *
 * A broken file leaves the old one in force, and what cannot be told is refused: this file only brings material to
 * authenticate/, which judges it.
 */
import { readFileSync } from "node:fs";
import type { VaultConfig } from "@keystead/contract/config";
import type { Logger } from "@keystead/contract/logging";
import type { Authenticator } from "./authenticate/authenticate.ts";
import { parseAuthorities, type Authority } from "./authenticate/certificate.ts";
import { RevocationLists } from "./authenticate/revocation-lists.ts";
import type { Revocation } from "./authenticate/revocation.ts";
import { parseKeySet, type LoadedKeySet } from "./authenticate/token.ts";
import { watchFiles } from "./duties/watch-files.ts";

type AuthConfig = VaultConfig["auth"];

export class Trust {
  readonly #config: AuthConfig;
  readonly #log: Logger;
  readonly #lists = new RevocationLists();
  /** For the authenticator: whom it asks. */
  readonly revocation: Revocation;

  constructor(config: AuthConfig, log: Logger) {
    this.#config = config;
    this.#log = log;
    const { crlPaths, unknown } = config.revocation;
    this.revocation = { sources: crlPaths.length === 0 ? [] : [this.#lists], unknown };
  }

  /** @throws {HsmError} INVALID_REQUEST for a file that is no key set */
  keySets(): LoadedKeySet[] {
    return this.#config.keySets.map((set) => parseKeySet(readFileSync(set.path, "utf8"), set));
  }

  /** @throws {HsmError} INVALID_REQUEST for a file that holds what is no certificate */
  authorities(): Authority[] {
    const { caPath } = this.#config;
    return caPath === undefined ? [] : parseAuthorities(readFileSync(caPath, "utf8"));
  }

  /** Reads the revocation lists, and from now on everything again when it changes. */
  watch(authenticator: Authenticator): void {
    const { keySets, keySetReloadSeconds, caPath, caReloadSeconds, revocation } = this.#config;
    const log = this.#log;
    const authorityPaths = caPath === undefined ? [] : [caPath];
    watchFiles({
      what: "token key sets",
      paths: keySets.map(({ path }) => path),
      seconds: keySetReloadSeconds,
      reload: () => authenticator.replaceKeySets(this.keySets()),
      log,
    });
    watchFiles({
      what: "client certificate authorities",
      paths: authorityPaths,
      seconds: caReloadSeconds,
      reload: () => authenticator.replaceAuthorities(this.authorities()),
      log,
    });
    if (revocation.crlPaths.length === 0) return;
    watchFiles({
      what: "revocation lists",
      // A list whose authority arrives after it counts from then on.
      paths: [...revocation.crlPaths, ...authorityPaths],
      seconds: revocation.reloadSeconds,
      // One that cannot be used at start is not the end: of whom nothing is known, the configuration decides.
      readNow: true,
      reload: () => {
        try {
          this.#lists.take(
            revocation.crlPaths.map((source) => ({ source, bytes: readFileSync(source) })),
            this.authorities(),
          );
        } finally {
          authenticator.forget();
        }
      },
      log,
    });
  }
}
