/**
 * The gate of policy scripts: every enabled script that a request falls under is asked, by name, until one refuses.
 *
 * A script can refuse, or raise a demand for approval; it can permit nothing. No decision (an error, a limit that was
 * reached, a process that is not there) is a refusal. Every decision is part of the request's audit event: script, version,
 * verdict and fuel, which are the same whenever the same version is asked the same. The operator's log says more of those
 * that came to none.
 */
import { HsmError } from "@keystead/contract/errors";
import type { Logger } from "@keystead/contract/logging";
import type { Operation } from "@keystead/contract/operation";
import { MAX_CONTEXT_BYTES } from "@keystead/contract/scripts";
import type { TagRule } from "../authorize/tag-gate.ts";
import type { Asked, Gate } from "../gate.ts";
import type { Documents } from "../objects/documents.ts";
import type { DescribedKey } from "../objects/key-shapes.ts";
import type { CallersKeys } from "../objects/callers-keys.ts";
import type { KeyOwner } from "../objects/session-keys.ts";
import { contextOf } from "./context.ts";
import type { Decided, RunnableScript, ScriptRunner } from "./runner.ts";
import { runnable, storedScripts, type StoredVersion } from "./stored-script.ts";

export interface ScriptGateOptions {
  /** Undefined: scripts are not run here, so whatever one applies to is refused. */
  readonly runner: Pick<ScriptRunner, "decide"> | undefined;
  readonly log: Logger;
  /** Milliseconds since the epoch. */
  readonly now: () => number;
}

/** A script in force, ready to be matched. */
interface Active {
  readonly name: string;
  readonly about: StoredVersion;
  readonly script: RunnableScript;
  readonly namespaces: ReadonlySet<string> | undefined;
  readonly operations: ReadonlySet<string> | undefined;
  readonly keyIds: ReadonlySet<string> | undefined;
  readonly tags: ReadonlySet<string> | undefined;
}

/** What a vault has that a gate needs; it changes with each unseal. */
type Opened = { readonly documents: Documents; readonly keysOf: (owner: KeyOwner) => Pick<CallersKeys, "describe"> };

/** Operations that scripts may be asked about: those about keys, or about what is in a namespace, one at a time. */
export const scriptable = ({ scope, name }: Pick<Operation, "scope" | "name">): boolean =>
  (scope === "key" || scope === "namespace") && name !== "Batch";

export class ScriptGate {
  readonly #options: ScriptGateOptions;
  #opened: Opened | undefined;
  #active: readonly Active[] = [];
  /** For metrics; `none` counts scripts that came to no decision. */
  readonly counters = { decisions: { allow: 0, deny: 0, "require-approval": 0, none: 0 }, fuel: 0 };

  constructor(options: ScriptGateOptions) {
    this.#options = options;
  }

  /** The vault is open: from now on its scripts judge. */
  open(opened: Opened): void {
    this.#opened = opened;
    const reload = (): void => {
      if (this.#opened === opened) this.#active = activeIn(opened.documents);
    };
    opened.documents.watch("script", reload);
    reload();
  }

  /** For {@link MonitorOptions.gates}. */
  readonly gate: Gate = (asked) => {
    if (this.#active.length === 0) return undefined;
    const matching = this.#active.filter((active) => matches(active, asked));
    return matching.length === 0 ? undefined : this.#judge(asked, matching);
  };

  /** The scripts in force that look at tags: those that name some, and those that do not and so are shown all. */
  *tagRules(): Iterable<TagRule> {
    for (const { name, tags, namespaces, keyIds } of this.#active)
      yield {
        name: `policy script '${name}'`,
        tags: tags ?? "all",
        namespaces: namespaces ?? "all",
        ...(keyIds === undefined ? {} : { keyIds }),
        gives: false,
      };
  }

  async #judge(asked: Asked, matching: readonly Active[]): Promise<undefined> {
    const key = await this.#describe(asked);
    const other = await this.#describe({ ...asked, keyId: asked.otherKeyId });
    const { tags: given, asKey } = asked.request as {
      readonly tags?: readonly string[];
      readonly asKey?: { readonly tags?: readonly string[] };
    };
    // A tag of any key that the request is about: a second one, and one that is made on the way.
    const tags = [...(key?.attributes.tags ?? given ?? []), ...(other?.attributes.tags ?? []), ...(asKey?.tags ?? [])];
    let context: Buffer | undefined;
    for (const active of matching) {
      if (active.tags !== undefined && !tags.some((tag) => active.tags?.has(tag))) continue;
      context ??= Buffer.from(JSON.stringify(contextOf(asked, key, this.#options.now())), "utf8");
      const answer = await this.#ask(active, context, asked.principal.id);
      this.#tell(asked, active, answer);
      if ("failed" in answer) throw refusal(asked, `the policy script ${active.name} came to no decision (${answer.reason})`);
      if (answer.decision === "deny") throw refusal(asked, `the policy script ${active.name} refuses this`);
      if (answer.decision === "require-approval")
        asked.raise({ rule: `script:${active.name}`, ...active.about.approval, reason: `the policy script ${active.name} asks for it` });
    }
  }

  #ask({ script }: Active, context: Buffer, caller: string): Promise<Decided> {
    const { runner } = this.#options;
    const none = (failed: string, reason: string): Promise<Decided> => Promise.resolve({ failed, reason, fuel: 0 });
    if (runner === undefined) return none("scripts.enabled is false", "unavailable");
    if (context.length > MAX_CONTEXT_BYTES) return none(`the context has ${context.length} bytes`, "memory");
    return runner.decide(script, context, caller);
  }

  async #describe({ principal, namespace, keyId }: Pick<Asked, "principal" | "namespace" | "keyId">): Promise<DescribedKey | undefined> {
    if (keyId === "" || this.#opened === undefined) return undefined;
    try {
      return await this.#opened.keysOf(principal).describe(namespace, keyId);
    } catch (error) {
      // A key that is about to be made; or one that is not there, which the operation will say.
      if (error instanceof HsmError && error.code === "OBJECT_NOT_FOUND") return undefined;
      throw error;
    }
  }

  #tell(asked: Asked, { name, about }: Active, answer: Decided): void {
    const { log } = this.#options;
    this.counters.decisions["failed" in answer ? "none" : answer.decision] += 1;
    this.counters.fuel += answer.fuel;
    const fields = {
      script: name,
      version: about.version,
      operation: asked.operation.name,
      requestId: asked.requestId,
      ...(asked.traceId === undefined || asked.traceId === "" ? {} : { traceId: asked.traceId }),
      fuel: answer.fuel,
    };
    if ("failed" in answer) log.warn("a policy script came to no decision", { ...fields, reason: answer.reason, detail: answer.failed });
    else if (answer.decision === "allow") log.debug("a policy script decided", { ...fields, decision: answer.decision });
    else log.info("a policy script decided", { ...fields, decision: answer.decision });
    asked.judged({ name, version: about.version, verdict: "failed" in answer ? answer.reason : answer.decision, fuel: answer.fuel });
  }
}

const setOf = (list: readonly string[]): ReadonlySet<string> | undefined => (list.length === 0 ? undefined : new Set(list));

const activeIn = (documents: Documents): Active[] =>
  storedScripts(documents)
    .filter(({ enabled }) => enabled)
    .map(({ name, inForce, versions }) => {
      const about = versions[inForce - 1] as StoredVersion;
      return {
        name,
        about,
        script: runnable(documents, name, about),
        namespaces: setOf(about.namespaces),
        operations: setOf(about.operations),
        keyIds: setOf(about.keyIds),
        tags: setOf(about.tags),
      };
    });

function matches({ namespaces, operations, keyIds }: Active, { operation, namespace, keyId, otherKeyId }: Asked): boolean {
  if (operations === undefined ? operation.usage === undefined : !operations.has(operation.name)) return false;
  if (!scriptable(operation)) return false;
  if (namespaces !== undefined && !namespaces.has(namespace)) return false;
  return keyIds === undefined || keyIds.has(keyId) || (otherKeyId !== "" && keyIds.has(otherKeyId));
}

/** One code for signatures, which clients of the older systems know, and one for everything else. */
const refusal = ({ operation }: Asked, detail: string): HsmError =>
  new HsmError(operation.usage === "sign" ? "SIGNING_REFUSED" : "PERMISSION_DENIED", detail);
