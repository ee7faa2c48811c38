/**
 * What verdicts about callers rest on: key sets, authorities, revocation lists. Read at start, and again when they change;
 * what lies elsewhere is fetched by the connector, ahead of need.
 *
 * A broken file leaves the old one in force, and what cannot be told is refused: this file only brings material to
 * authenticate/, which judges it.
 */
import { readFileSync } from "node:fs";
import { MAX_FETCH_BYTES } from "@keystead/channel/fetch-call";
import type { VaultConfig } from "@keystead/contract/config";
import { asHsmError } from "@keystead/contract/errors";
import type { Logger } from "@keystead/contract/logging";
import type { Authenticator } from "./authenticate/authenticate.ts";
import { parseAuthorities, type Authority } from "./authenticate/certificate.ts";
import { RevocationLists } from "./authenticate/revocation-lists.ts";
import type { Revocation } from "./authenticate/revocation.ts";
import { OcspSource } from "./authenticate/ocsp-source.ts";
import { discoveryUrl, keysUrlOf } from "./authenticate/oidc.ts";
import { parseForeignKeySet, parseKeySet, type LoadedKeySet } from "./authenticate/token.ts";
import { TokenSource } from "./authenticate/token-source.ts";
import { watchFiles } from "./duties/watch-files.ts";
import type { ConnectorLine } from "./outside/connector-line.ts";

type AuthConfig = VaultConfig["auth"];

/** Key sets and discovery documents have a few kilobytes. */
const KEYS_BYTES = 256 * 1024;
const OCSP_BYTES = 64 * 1024;
const TICK_MS = 1000;

export class Trust {
  readonly #config: AuthConfig;
  readonly #log: Logger;
  readonly #line: ConnectorLine;
  readonly #lists = new RevocationLists();
  readonly #sources: readonly TokenSource[];
  #fileSets: readonly LoadedKeySet[] = [];
  #authenticator: Authenticator | undefined;
  /** For the authenticator: whom it asks. */
  readonly revocation: Revocation;

  /** @throws {HsmError} INVALID_REQUEST for a file that is no key set */
  constructor(config: AuthConfig, log: Logger, line: ConnectorLine) {
    this.#config = config;
    this.#log = log;
    this.#line = line;
    this.#fileSets = this.#readKeySets();
    this.#sources = this.#tokenSources();
    const { crlPaths, crlUrls, ocspUrl, unknown } = config.revocation;
    this.revocation = {
      sources: [
        ...(crlPaths.length + crlUrls.length === 0 ? [] : [this.#lists]),
        ...(ocspUrl === undefined ? [] : [this.#responder(ocspUrl)]),
      ],
      unknown,
    };
  }

  /** The key sets in force: those of files, and those that were fetched and are not too old. */
  keySets(): LoadedKeySet[] {
    return [...this.#fileSets, ...this.#sources.flatMap(({ current }) => current ?? [])];
  }

  /** Has the keys of an issuer fetched again, when one of its tokens names one that is not there and it is time to. */
  readonly unknownKey = async (issuer: string): Promise<boolean> => {
    const asked = await Promise.all(this.#sources.filter((source) => source.issuer === issuer).map((source) => source.unknownKey()));
    return asked.includes(true);
  };

  #readKeySets(): LoadedKeySet[] {
    return this.#config.keySets.flatMap((set) => (set.path === undefined ? [] : [parseKeySet(readFileSync(set.path, "utf8"), set)]));
  }

  #responder(url: string): OcspSource {
    const { keyFetch, revocation } = this.#config;
    return new OcspSource({
      ask: async (question) => {
        const post = { contentType: "application/ocsp-request", body: question };
        const bounds = { maxBytes: OCSP_BYTES, timeoutMs: keyFetch.timeoutSeconds * 1000 };
        return (await this.#line.fetch({ url, post, ...bounds })).body;
      },
      keepMs: revocation.ocspKeepSeconds * 1000,
      failed: (error) => this.#log.warn("the OCSP responder does not tell", { url, detail: error.detail }),
    });
  }

  /** Fetches the revocation lists that lie elsewhere, each by itself. */
  async #fetchLists(authenticator: Authenticator): Promise<void> {
    const { keyFetch, revocation } = this.#config;
    for (const url of revocation.crlUrls)
      try {
        const { body } = await this.#line.fetch({ url, maxBytes: MAX_FETCH_BYTES, timeoutMs: keyFetch.timeoutSeconds * 1000 });
        if (this.#lists.take([{ source: url, bytes: body }], this.authorities())) authenticator.forget();
      } catch (error) {
        this.#log.warn("a revocation list could not be fetched; the one in force stays", { url, detail: asHsmError(error).detail });
      }
  }

  #tokenSources(): TokenSource[] {
    const { keySets, oidcProviders, keyFetch } = this.#config;
    const limits = {
      refreshMs: keyFetch.refreshSeconds * 1000,
      staleMs: keyFetch.staleSeconds * 1000,
      unknownKidMs: keyFetch.unknownKidSeconds * 1000,
    };
    const fetchText = async (url: string): Promise<{ body: Buffer; maxAgeSeconds: number | undefined }> =>
      this.#line.fetch({ url, maxBytes: KEYS_BYTES, timeoutMs: keyFetch.timeoutSeconds * 1000 });
    const source = (issuer: string, load: () => Promise<{ set: LoadedKeySet; maxAgeSeconds: number | undefined }>): TokenSource =>
      new TokenSource({
        issuer,
        limits,
        load,
        now: Date.now,
        changed: () => {
          this.#log.info("token keys of an issuer changed", { issuer });
          this.#authenticator?.replaceKeySets(this.keySets());
        },
        failed: (error) => this.#log.warn("token keys of an issuer could not be fetched", { issuer, detail: error.detail }),
      });
    return [
      ...keySets.flatMap((set) => {
        const { url } = set;
        if (url === undefined) return [];
        return source(set.issuer, async () => {
          const { body, maxAgeSeconds } = await fetchText(url);
          return { set: parseForeignKeySet(body.toString("utf8"), set), maxAgeSeconds };
        });
      }),
      ...oidcProviders.map((provider) =>
        source(provider.issuer, async () => {
          const { issuer, clientId, leewaySeconds } = provider;
          const { body } = await fetchText(discoveryUrl(issuer));
          const keys = await fetchText(keysUrlOf(body, issuer));
          const config = { issuer, audience: clientId, leewaySeconds, allowedRoles: [], namespaces: [] };
          return { set: parseForeignKeySet(keys.body.toString("utf8"), config, provider), maxAgeSeconds: keys.maxAgeSeconds };
        }),
      ),
    ];
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
    this.#authenticator = authenticator;
    if (this.#sources.length > 0) {
      setInterval(() => {
        for (const source of this.#sources) source.tick();
      }, TICK_MS).unref();
      this.#line.onJoin(() => {
        for (const source of this.#sources) void source.refresh();
      });
    }
    const authorityPaths = caPath === undefined ? [] : [caPath];
    watchFiles({
      what: "token key sets",
      paths: keySets.flatMap(({ path }) => path ?? []),
      seconds: keySetReloadSeconds,
      reload: () => {
        this.#fileSets = this.#readKeySets();
        authenticator.replaceKeySets(this.keySets());
      },
      log,
    });
    watchFiles({
      what: "client certificate authorities",
      paths: authorityPaths,
      seconds: caReloadSeconds,
      reload: () => authenticator.replaceAuthorities(this.authorities()),
      log,
    });
    if (revocation.crlUrls.length > 0) {
      const fetchLists = (): void => void this.#fetchLists(authenticator);
      this.#line.onJoin(fetchLists);
      if (revocation.reloadSeconds > 0) setInterval(fetchLists, revocation.reloadSeconds * 1000).unref();
    }
    watchFiles({
      what: "revocation lists",
      // A list whose authority arrives after it counts from then on.
      paths: revocation.crlPaths.length === 0 ? [] : [...revocation.crlPaths, ...authorityPaths],
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
