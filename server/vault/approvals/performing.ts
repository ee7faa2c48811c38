/**
 * Has performed what was agreed to, once, and ends requests whose time is over.
 *
 * The last approval makes a document `approved`; only this file moves it on from there, through the monitor like everybody's
 * requests, so that the end is recorded in the change that performs it. What cannot be recorded with its effect is marked
 * first: after a crash it has failed, and is not tried again.
 *
 * It must never count an approval: whether it is enough is asked once more at the gate, when the request passes it.
 */
import { hash } from "node:crypto";
import { fromBinary, type DescMessage, type MessageShape } from "@bufbuild/protobuf";
import { wipePayload, type Payload } from "@keystead/channel/payload";
import { HsmError, asHsmError } from "@keystead/contract/errors";
import type { Logger } from "@keystead/contract/logging";
import type { Operation } from "@keystead/contract/operation";
import { operationByName } from "@keystead/contract/operations/register";
import { parseSubject } from "@keystead/crypto/public/approval-statement";
import { wipe } from "@keystead/crypto/wipe";
import type { Principal } from "../authenticate/principal.ts";
import type { ApprovedRun } from "../gate.ts";
import type { Change } from "../objects/change.ts";
import type { Documents } from "../objects/documents.ts";
import { begun, expired, isClosed, lost, performed, type Approval, type StoredRequester } from "./approval.ts";
import { holdsSecret } from "./subject.ts";

/** Performs a request through the monitor, as its requester. */
export type PerformApproved = (
  operation: Operation,
  message: MessageShape<DescMessage>,
  about: { readonly principal: Principal; readonly requestId: string; readonly address: string; readonly approved: ApprovedRun },
) => Promise<Payload>;

export interface PerformingOptions {
  readonly documents: Documents;
  readonly now: () => number;
  readonly log: Logger;
  /** The requester as of now: what the sources of identities say today; undefined = nobody any more. */
  readonly recall: (requester: StoredRequester) => Principal | undefined;
  /** Whether the vault does this now; what is approved waits until it does. */
  readonly possible: (operation: Operation) => boolean;
  readonly perform: PerformApproved;
  readonly keepClosedMs: number;
}

const EMPTY = Buffer.alloc(0);
const named = (id: string) => ({ kind: "approval", id }) as const;

export class Performing {
  readonly #options: PerformingOptions;
  readonly #running = new Map<string, Promise<void>>();
  #closed = false;

  constructor(options: PerformingOptions) {
    this.#options = options;
    options.documents.watch("approval", (id, now) => {
      if ((now?.value as Approval | undefined)?.state === "approved") void this.execute(id);
    });
  }

  /** Performs a request that is approved, once; does nothing when it is being performed. Never throws. */
  execute(id: string): Promise<void> {
    if (this.#closed) return Promise.resolve();
    const under = this.#running.get(id);
    if (under !== undefined) return under;
    const run = this.#execute(id)
      .catch((error: unknown) => this.#options.log.error("an approved request could not be performed", { approval: id }, asHsmError(error)))
      .finally(() => this.#running.delete(id));
    this.#running.set(id, run);
    return run;
  }

  async #execute(id: string): Promise<void> {
    const { documents, now, perform, possible, recall } = this.#options;
    const approval = this.#document(id);
    if (approval.state !== "approved") return;
    const subject = parseSubject(approval.subject);
    const operation = operationByName(subject.operation);
    if (operation !== undefined && !possible(operation)) return;
    const material = await documents.material("approval", id);
    try {
      const salt = Buffer.from(material.subarray(0, approval.saltBytes));
      // What is not recorded together with its effect is marked first: after a crash nobody could tell whether it was done.
      if (operation === undefined || marksFirst(operation))
        await documents.record("BeginApproved", [named(id)], () => [{ ...named(id), value: begun(this.#document(id), now()) }]);
      if (operation === undefined) throw new HsmError("OPERATION_NOT_SUPPORTED", `${subject.operation} is not built any more`);
      const message = fromBinary(operation.method.input, material.subarray(approval.saltBytes));
      const approved: ApprovedRun = {
        id,
        proven: approval.requester.proven === true,
        digestOf: (bytes) => hash("sha256", Buffer.concat([salt, bytes]), "hex"),
        close: (outcome, detail, reply) => this.#close(id, operation, outcome, detail, reply),
      };
      const reply = await perform(operation, message, {
        principal: recall(approval.requester) ?? nobody(approval.requester),
        requestId: approval.requestId,
        address: approval.address,
        approved,
      });
      wipePayload(reply);
    } catch (error) {
      // A refusal is recorded and closed by the monitor; what is left over is tried again or ends with its time.
      if (error instanceof HsmError && isClosed(this.#document(id))) return;
      throw error;
    } finally {
      wipe(material);
    }
  }

  /** The end of a performed request, as part of the change that performs it. */
  async #close(id: string, operation: Operation, outcome: string, detail: string, reply: Buffer | undefined): Promise<Change> {
    const { documents, now } = this.#options;
    const kept = reply === undefined || reply.length === 0 ? undefined : reply;
    const secret = kept !== undefined && holdsSecret(operation.method.output, fromBinary(operation.method.output, kept));
    return documents.change([named(id)], () => [
      {
        ...named(id),
        value: performed(this.#document(id), outcome, detail, now(), kept === undefined ? undefined : secret ? "secret" : "open"),
        material: kept ?? EMPTY,
      },
    ]);
  }

  /** Goes on with what was approved and is possible, and does nothing else. */
  async resume(): Promise<void> {
    for (const { id, value } of this.#options.documents.list<Approval>("approval")) if (value.state === "approved") await this.execute(id);
  }

  /** The duty: ends what is over, performs what is approved and was not, forgets what was closed long ago. */
  async tick(): Promise<void> {
    const { documents, now, keepClosedMs } = this.#options;
    for (const { id, value } of documents.list<Approval>("approval")) {
      if (this.#closed) return;
      if (this.#running.has(id)) continue;
      const at = now();
      const change = (action: string, next: (approval: Approval) => Approval): Promise<void> =>
        documents.record(action, [named(id)], () => [{ ...named(id), value: next(this.#document(id)), material: EMPTY }]);
      try {
        if (value.state === "executing") await change("LoseApproved", (approval) => lost(approval, at));
        else if (!isClosed(value) && at >= value.expiresAt) await change("ExpireApproval", (approval) => expired(approval, at));
        else if (value.state === "approved") await this.execute(id);
        else if (isClosed(value) && at >= (value.closedAt ?? at) + keepClosedMs)
          await documents.record("RemoveApproval", [named(id)], () => [{ ...named(id), value: undefined }]);
      } catch (error) {
        // Somebody else was first.
        if (asHsmError(error).code !== "OBJECT_CHANGED") throw error;
      }
    }
  }

  /** No more is begun; resolves when what is being performed has ended. */
  async close(): Promise<void> {
    this.#closed = true;
    await Promise.all(this.#running.values());
  }

  #document(id: string): Approval {
    const found = this.#options.documents.get<Approval>("approval", id);
    if (found === undefined) throw new HsmError("OBJECT_NOT_FOUND", "there is no such request");
    return found.value;
  }
}

/** Operations whose effect is not a change of records that is made together with their event. */
const marksFirst = ({ permission }: Operation): boolean => permission.startsWith("vault:");

/** Who is nobody any more may do nothing: the monitor refuses and records it. */
const nobody = ({ id, method, defaultNamespace }: StoredRequester): Principal => ({
  id,
  method: method as Principal["method"],
  roles: [],
  permissions: new Set(),
  namespaces: new Set(),
  defaultNamespace,
  validUntil: 0,
});
