/**
 * The versions of the policy document: stored, signed, chained, and verified before one of them decides anything.
 *
 * A version is a document of the vault; its statement (canonical JSON of the policy, its number, the digest of the
 * statement before, author, time and comment) is signed by the vault's statement key. Old versions are kept. Setting
 * one is compare-and-set on the number in force.
 */
import { hash } from "node:crypto";
import { HsmError } from "@keystead/contract/errors";
import { parseStrictJson } from "@keystead/contract/json";
import { requirePlaces } from "@keystead/contract/policy/check";
import { EMPTY_POLICY_TEXT } from "@keystead/contract/policy/document";
import { parsePolicy } from "@keystead/contract/policy/parse";
import { canonicalJson, type Json } from "@keystead/crypto/formats/canonical-json";
import { wipe } from "@keystead/crypto/wipe";
import { whenDurable, type Change } from "../objects/change.ts";
import type { Documents, DocumentWrite } from "../objects/documents.ts";
import { signStatement, statementVerifier, STATEMENT_KEY } from "../objects/statement-signer.ts";
import type { PolicyHead, PolicyRecord } from "../operations/policy-control.ts";
import { CompiledPolicy } from "./compile.ts";
import { compileDraft } from "./drafts.ts";
import { findRole } from "./roles.ts";

const NONE_BEFORE = "0".repeat(64);
/** Versions that are kept, in the store; setting one more is refused, never one forgotten. */
const MOST_VERSIONS = 10_000;
const KIND = "policy";
const idOf = (version: number): string => `v${String(version).padStart(8, "0")}`;
const broken = (what: string): HsmError => new HsmError("INTEGRITY_FAILURE", `the policy cannot be trusted: ${what}`);

/** Reads, checks and compiles a stored document at once. @throws {HsmError} INVALID_REQUEST */
export const compilePolicy = (text: string): CompiledPolicy => new CompiledPolicy(parsePolicy(text, findRole));

export class Policies {
  readonly #documents: Documents;
  readonly #now: () => number;
  /** Of every version what is small; its text is read again when somebody asks for it. */
  readonly #heads: PolicyHead[] = [];
  #inForce: PolicyRecord | undefined;
  #compiled = compilePolicy(EMPTY_POLICY_TEXT);

  private constructor(documents: Documents, now: () => number) {
    this.#documents = documents;
    this.#now = now;
  }

  /**
   * Verifies every version, one after the other: signatures, numbers without a gap, each statement naming the one before.
   *
   * @throws {HsmError} INTEGRITY_FAILURE
   */
  static async open(documents: Documents, now: () => number): Promise<Policies> {
    const policies = new Policies(documents, now);
    await policies.#load();
    return policies;
  }

  async #load(): Promise<void> {
    const stored = this.#documents
      .list<PolicyHead>(KIND)
      .filter(({ id }) => id !== STATEMENT_KEY.id)
      .sort((a, b) => a.value.version - b.value.version);
    if (stored.length === 0) return;
    const verify = statementVerifier(this.#documents);
    for (const { id } of stored) {
      const record = (await this.#documents.read<PolicyRecord>(KIND, id))?.value;
      const before = this.#heads.at(-1);
      if (record?.version !== this.#heads.length + 1) throw broken(`version ${this.#heads.length + 1} is missing`);
      if (record.previous !== (before?.digest ?? NONE_BEFORE)) throw broken(`version ${record.version} does not follow the one before`);
      if (record.statement !== statementOf(record) || hash("sha256", record.statement, "hex") !== record.digest)
        throw broken(`version ${record.version} is not what was signed`);
      if (!verify(record.statement, Buffer.from(record.signature, "base64")))
        throw broken(`the signature of version ${record.version} is not right`);
      this.#heads.push(headOf(record));
      this.#inForce = record;
    }
    try {
      this.#compiled = compilePolicy((this.#inForce as PolicyRecord).document);
    } catch (error) {
      throw new HsmError("INTEGRITY_FAILURE", "the policy in force is not one that this version understands", { cause: error });
    }
  }

  /** The policy in force; another object after every change. */
  get compiled(): CompiledPolicy {
    return this.#compiled;
  }

  /** The newest first. */
  versions(): readonly PolicyHead[] {
    return this.#heads.toReversed();
  }

  /** The version in force. */
  get inForce(): PolicyRecord | undefined {
    return this.#inForce;
  }

  /** @throws {HsmError} INTEGRITY_FAILURE when what is read again is not what was verified */
  async version(version: number): Promise<PolicyRecord | undefined> {
    if (version === 0 || version === this.#inForce?.version) return this.#inForce;
    const head = this.#heads[version - 1];
    if (head === undefined) return undefined;
    const record = (await this.#documents.read<PolicyRecord>(KIND, idOf(version)))?.value;
    if (record === undefined || record.digest !== head.digest || hash("sha256", statementOf(record), "hex") !== head.digest)
      throw broken(`version ${version} is not what was signed`);
    return record;
  }

  /**
   * Prepares the next version, which is in force once the change is durable.
   *
   * @param accept judges the compiled document before it is signed; throws to refuse
   * @throws {HsmError} INVALID_REQUEST; OBJECT_CHANGED; QUOTA_EXCEEDED; what `accept` throws
   */
  async prepare(
    text: string,
    expectedVersion: number,
    said: { readonly author: string; readonly comment: string },
    accept: (draft: CompiledPolicy) => void,
  ): Promise<{ record: PolicyRecord; change: Change | undefined }> {
    const compiled = await compileDraft(text);
    requirePlaces(compiled.document);
    accept(compiled);
    const document = canonicalJson(parseStrictJson(Buffer.from(text, "utf8")) as Json);
    const version = expectedVersion + 1;
    if (version > MOST_VERSIONS)
      throw new HsmError("QUOTA_EXCEEDED", `${MOST_VERSIONS} versions of the policy are kept, and there is no more room`);
    const inForce = this.#inForce;
    if (inForce?.version === version && inForce.document === document) return { record: inForce, change: undefined };
    let record: PolicyRecord | undefined;
    let seed: Uint8Array | undefined;
    const change = await this.#documents.change([STATEMENT_KEY, { kind: KIND, id: idOf(version) }], async () => {
      const current = this.#heads.length;
      if (current !== expectedVersion) throw new HsmError("OBJECT_CHANGED", `version ${current} of the policy is in force`);
      const unsigned = {
        version,
        document,
        previous: this.#heads.at(-1)?.digest ?? NONE_BEFORE,
        author: said.author,
        comment: said.comment,
        time: this.#now(),
      };
      const statement = statementOf(unsigned);
      const { signature, publicKey, writes } = await signStatement(this.#documents, statement);
      seed = writes[0]?.material;
      record = {
        ...unsigned,
        statement,
        digest: hash("sha256", statement, "hex"),
        signature: signature.toString("base64"),
        publicKey: publicKey.toString("base64"),
      };
      return [...writes, { kind: KIND, id: idOf(version), value: record } satisfies DocumentWrite];
    });
    wipe(seed);
    const made = record as unknown as PolicyRecord;
    return { record: made, change: whenDurable(change, () => this.#take(made, compiled)) };
  }

  #take(record: PolicyRecord, compiled: CompiledPolicy): void {
    this.#heads.push(headOf(record));
    this.#inForce = record;
    this.#compiled = compiled;
  }
}

const headOf = ({ document: _document, statement: _statement, ...head }: PolicyRecord): PolicyHead => head;

const statementOf = ({
  version,
  document,
  previous,
  author,
  comment,
  time,
}: Pick<PolicyRecord, "version" | "document" | "previous" | "author" | "comment" | "time">): string =>
  canonicalJson({ author, comment, document: JSON.parse(document) as Json, kind: "keystead policy", previous, time, version });
