/**
 * The history of the server's own configuration: each one it was started with is a version, signed by the vault's
 * statement key and chained to the one before, and says who accepted it.
 *
 * The first is accepted as it is. A different one is accepted at once unless it, or the one accepted last, demands that
 * somebody does (security.require_accepted_config): a start cannot take the demand away by itself. To go back to what was
 * accepted last needs nobody. Documents hold references to secrets, never secrets; this file must not read them either.
 *
 * Kept are the newest versions, and of older ones those that somebody accepted. What is removed leaves its digest in the version
 * after it, where that one is kept, and its record in the log's events.
 */
import { hash } from "node:crypto";
import { HsmError } from "@keystead/contract/errors";
import { canonicalJson, type Json } from "@keystead/crypto/formats/canonical-json";
import { wipe } from "@keystead/crypto/wipe";
import { whenDurable, type Change } from "../objects/change.ts";
import type { Documents, DocumentName } from "../objects/documents.ts";
import { signStatement, statementVerifier, STATEMENT_KEY } from "../objects/statement-signer.ts";
import type { Acceptance, ConfigHead, ConfigRecord, ConfigurationControl } from "../operations/configuration-control.ts";

/** Who accepts where nobody has to. */
const BY_ITSELF = "ceremony:configuration";
const NONE_BEFORE = "0".repeat(64);
/**
 * Versions that are kept whoever accepted them: a start with an address of its own each time must not fill the store. Never
 * raised: a gap that a removal left would then be taken for damage.
 */
const NEWEST_KEPT = 256;
/** Older ones that are removed with one that is added. */
const REMOVED_AT_ONCE = 64;
const nameOf = (version: number): DocumentName => ({ kind: "configuration", id: `v${String(version).padStart(8, "0")}` });
const broken = (what: string): HsmError => new HsmError("INTEGRITY_FAILURE", `the configuration's history cannot be trusted: ${what}`);

export class ConfigurationHistory implements ConfigurationControl {
  readonly #documents: Documents;
  readonly #now: () => number;
  readonly #onAccepted: () => void;
  readonly #newestKept: number;
  /** Of every version what is small, oldest first; its text is read again when somebody asks for it. */
  readonly #heads = new Map<number, ConfigHead>();
  #newest: ConfigRecord | undefined;
  /** The one that was accepted last. */
  #accepted: ConfigRecord | undefined;

  private constructor(documents: Documents, now: () => number, onAccepted: () => void, newestKept: number) {
    this.#newestKept = newestKept;
    this.#documents = documents;
    this.#now = now;
    this.#onAccepted = onAccepted;
  }

  /**
   * Verifies every version and every acceptance: signatures, numbers, each naming the one before. A gap is where versions were
   * removed, and nowhere else.
   *
   * @param onAccepted called when somebody's acceptance of the version in force is durable
   * @throws {HsmError} INTEGRITY_FAILURE
   */
  static async open(
    documents: Documents,
    now: () => number,
    onAccepted: () => void,
    newestKept = NEWEST_KEPT,
  ): Promise<ConfigurationHistory> {
    const history = new ConfigurationHistory(documents, now, onAccepted, newestKept);
    await history.#load();
    return history;
  }

  async #load(): Promise<void> {
    const stored = this.#documents.list<ConfigHead>("configuration").sort((a, b) => a.value.version - b.value.version);
    if (stored.length === 0) return;
    const newest = stored.at(-1)?.value.version ?? 0;
    const verify = statementVerifier(this.#documents);
    const signed = (statement: string, signature: string): boolean => verify(statement, Buffer.from(signature, "base64"));
    for (const { id } of stored) {
      const record = (await this.#documents.read<ConfigRecord>("configuration", id))?.value;
      const next = (this.#newest?.version ?? 0) + 1;
      if (record === undefined || record.version < next || (record.version > next && record.version - 1 > newest - this.#newestKept))
        throw broken(
          `version ${record === undefined ? next : Math.max(next, Math.min(record.version - 1, newest - this.#newestKept + 1))} is missing`,
        );
      const { version, acceptance } = record;
      const before = version === next ? (this.#newest?.digest ?? NONE_BEFORE) : record.previous;
      if (record.previous !== before) throw broken(`version ${version} does not follow the one before`);
      if (record.statement !== statementOf(record) || hash("sha256", record.statement, "hex") !== record.digest)
        throw broken(`version ${version} is not what was signed`);
      if (!signed(record.statement, record.signature)) throw broken(`the signature of version ${version} is not right`);
      if (acceptance !== undefined && acceptance.statement !== acceptanceOf(record, acceptance))
        throw broken(`the acceptance of version ${version} is not what was signed`);
      if (acceptance !== undefined && !signed(acceptance.statement, acceptance.signature))
        throw broken(`the signature of the acceptance of version ${version} is not right`);
      this.#take(record);
    }
  }

  versions(): readonly ConfigHead[] {
    return [...this.#heads.values()].reverse();
  }

  async version(version: number): Promise<ConfigRecord | undefined> {
    if (version === 0 || version === this.#newest?.version) return this.#newest;
    const head = this.#heads.get(version);
    if (head === undefined) return undefined;
    const record = (await this.#documents.read<ConfigRecord>("configuration", nameOf(version).id))?.value;
    if (record === undefined || record.digest !== head.digest || hash("sha256", statementOf(record), "hex") !== head.digest)
      throw broken(`version ${version} is not what was signed`);
    return record;
  }

  /** The document that was accepted last; undefined before the first start. */
  acceptedLast(): string | undefined {
    return this.#accepted?.document;
  }

  /** Whether the configuration is the one that the vault was made with. */
  get isFirst(): boolean {
    return this.#newest?.version === 1;
  }

  /**
   * The server starts with this configuration: a version of its own when it is not the newest already.
   *
   * @param text JSON, without secrets
   * @returns why nothing may be done yet; undefined when the configuration is accepted
   * @throws {HsmError} AUDIT_UNAVAILABLE
   */
  async begin(text: string): Promise<HsmError | undefined> {
    const document = canonicalJson(JSON.parse(text) as Json);
    if (this.#newest?.document !== document) await this.#add(document);
    const { version, acceptance } = this.#newest as ConfigRecord;
    if (acceptance !== undefined) return undefined;
    return new HsmError(
      "VAULT_SEALED",
      `nobody accepted the configuration of this start; an administrator looks at it with \`keystead config diff\` and accepts it with \`keystead config accept ${version}\``,
    );
  }

  async accept(version: number, by: string): Promise<{ record: ConfigRecord; change: Change | undefined }> {
    const inForce = (): ConfigRecord => {
      const newest = this.#newest;
      if (newest?.version !== version)
        throw new HsmError("OBJECT_CHANGED", `version ${newest?.version ?? 0} of the configuration is in force`);
      return newest;
    };
    const known = inForce();
    if (known.acceptance !== undefined) return { record: known, change: undefined };
    let record = known;
    const change = await this.#documents.change([STATEMENT_KEY, nameOf(version)], async () => {
      record = inForce();
      if (record.acceptance !== undefined) return [];
      record = { ...record, acceptance: await this.#acceptance(record, by) };
      return [{ ...nameOf(version), value: record }];
    });
    return {
      record,
      change: whenDurable(change, () => {
        this.#take(record);
        this.#onAccepted();
      }),
    };
  }

  async #add(document: string): Promise<void> {
    const newest = this.#newest;
    const accepted = this.acceptedLast();
    const byItself = accepted === undefined || accepted === document || !(demanding(document) || demanding(accepted));
    const version = (newest?.version ?? 0) + 1;
    const removed = this.#tooMany(version).map(nameOf);
    let seed: Uint8Array | undefined;
    let record: ConfigRecord | undefined;
    try {
      await this.#documents.record("RecordConfiguration", [STATEMENT_KEY, nameOf(version), ...removed], async () => {
        const unsigned = { version, document, previous: newest?.digest ?? NONE_BEFORE, time: this.#now() };
        const statement = statementOf(unsigned);
        const { signature, publicKey, writes } = await signStatement(this.#documents, statement);
        seed = writes[0]?.material;
        const made = {
          ...unsigned,
          statement,
          digest: hash("sha256", statement, "hex"),
          signature: signature.toString("base64"),
          publicKey: publicKey.toString("base64"),
        };
        record = byItself ? { ...made, acceptance: await this.#acceptance(made, BY_ITSELF, seed) } : made;
        return [...writes, { ...nameOf(version), value: record }, ...removed.map((name) => ({ ...name, value: undefined }))];
      });
    } finally {
      wipe(seed);
    }
    for (const old of this.#tooMany(version)) this.#heads.delete(old);
    this.#take(record as unknown as ConfigRecord);
  }

  /** Versions that go when this one is added. */
  #tooMany(added: number): number[] {
    return [...this.#heads.values()]
      .filter(({ version, acceptance }) => version <= added - this.#newestKept && (acceptance === undefined || acceptance.by === BY_ITSELF))
      .map(({ version }) => version)
      .filter((version) => version !== this.#accepted?.version)
      .slice(0, REMOVED_AT_ONCE);
  }

  /** The version is the newest, or has become another by its acceptance. */
  #take(record: ConfigRecord): void {
    const { document: _document, statement: _statement, ...head } = record;
    this.#heads.set(record.version, head);
    this.#newest = record;
    if (record.acceptance !== undefined) this.#accepted = record;
  }

  /** @param seed the statement key, when it is not stored yet */
  async #acceptance(record: Pick<ConfigRecord, "version" | "digest">, by: string, seed?: Uint8Array): Promise<Acceptance> {
    const made = { by, time: this.#now() };
    const statement = acceptanceOf(record, made);
    const { signature } = await signStatement(this.#documents, statement, seed);
    return { ...made, statement, signature: signature.toString("base64") };
  }
}

const demanding = (document: string): boolean =>
  (JSON.parse(document) as { readonly vault?: { readonly requireAcceptedConfig?: boolean } }).vault?.requireAcceptedConfig === true;

const statementOf = ({ version, document, previous, time }: Pick<ConfigRecord, "version" | "document" | "previous" | "time">): string =>
  canonicalJson({ document: JSON.parse(document) as Json, kind: "keystead configuration", previous, time, version });

const acceptanceOf = (
  { version, digest }: Pick<ConfigRecord, "version" | "digest">,
  { by, time }: Pick<Acceptance, "by" | "time">,
): string => canonicalJson({ by, digest, kind: "keystead configuration acceptance", time, version });
