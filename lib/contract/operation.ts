/**
 * What an operation is: one row that every surface, the vault, the documentation and the tests read.
 *
 * The wire shape and the REST routes come from the row's method descriptor (proto/hsm/hsm.proto); the rest is here.
 */
import type { DescMethodServerStreaming, DescMethodUnary, DescMessage, MessageShape } from "@bufbuild/protobuf";
import type { Usage } from "./algorithms.ts";
import type { Permission } from "./permissions.ts";

/**
 * When the vault can do something. `maintenance`: log or store do not verify, or nobody
 * accepted the configuration. `error`: a self-test failed, so nothing
 * that computes can be trusted.
 */
export type Phase = "sealed" | "open" | "maintenance" | "error";

/** What an operation may do with a key: one of the key's usages, let its material out ("export"), or make another key of it. */
export type KeyUse = Usage | "export" | "copy";

export interface Operation<I extends DescMessage = DescMessage, O extends DescMessage = DescMessage> {
  /** Name on gRPC, in the audit log and in metrics. */
  readonly name: string;
  /** Number in frames between gateway and vault; never reused. */
  readonly number: number;
  /** One answer, or a stream of them (see the register's STREAM_ON). */
  readonly method: DescMethodUnary<I, O> | DescMethodServerStreaming<I, O>;
  readonly permission: Permission;
  /**
   * What a request needs in the place of `permission`, because it asks for something that other people may; undefined for any
   * other request.
   *
   * @param sessionKey the key is a session key of the caller's own
   */
  instead?(request: MessageShape<I>, sessionKey: boolean): Permission | undefined;
  /** Permissions that a request needs beyond `permission` because of what it asks for. */
  demands?(request: MessageShape<I>): readonly Permission[];
  readonly phases: readonly Phase[];
  /**
   * What it is about: one key, one namespace (the principal's own when the request names none), whatever the request
   * names or all within the principal's reach, or the whole server.
   */
  readonly scope: "key" | "namespace" | "reach" | "server";
  /** `use` works with a key, `read` shows data about objects, `change` writes records. */
  readonly effect: "use" | "read" | "change";
  /** The use of a key that this operation makes, when it makes one. */
  readonly usage?: KeyUse;
  /** A second key of the same namespace that a request names. */
  readonly other?: {
    /** The use that is made of it. */
    readonly use?: KeyUse;
    /** It is only looked at, and that is decided on as if this operation were asked for. */
    readonly as?: Operation;
    /** The key's id; empty when this request names no second key. */
    keyId(request: MessageShape<I>): string;
  };
  /** May be an item of Batch. */
  readonly batchable: boolean;
  /** For callers who have no credential yet. What else they send of one is not looked at; what they may do is these rows. */
  readonly anonymous?: boolean;
  /** The request holds what could be guessed from its digest, such as a password: the log gets no digest of it. */
  readonly sealedPayload?: boolean;
}

/**
 * Declares an operation row.
 *
 * @example
 * export const sign = operation({ number: 8, method: HsmService.method.sign, permission: "crypto:sign", ... });
 */
export function operation<I extends DescMessage, O extends DescMessage>(
  row: Omit<Operation<I, O>, "name" | "batchable" | "phases"> & { readonly batchable?: boolean; readonly phases?: readonly Phase[] },
): Operation<I, O> {
  return Object.freeze({ batchable: false, phases: ["open"] as const, ...row, name: row.method.name });
}
