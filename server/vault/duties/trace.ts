/**
 * The vault's span of each request that is part of a recorded trace; the gateway takes them away.
 *
 * A span says which operation, when, and how it ended. Namespaces and key ids are in it only when the operator wants
 * them there, because a tracing system is somebody else's.
 */
import { asHsmError } from "@keystead/contract/errors";
import type { Operation } from "@keystead/contract/operation";
import { SpanBuffer, newTraceId, parseTraceParent, preciseNow } from "@keystead/contract/spans";

export class VaultTracer {
  readonly #names: boolean;
  readonly buffer = new SpanBuffer();

  /** @param names whether spans say namespaces and key ids */
  constructor(names: boolean) {
    this.#names = names;
  }

  /**
   * Follows a request to its end.
   *
   * @param trace the `traceparent` that came with it; the caller's span in it is the parent
   * @param known read when the answer is there
   */
  follow(
    operation: Operation,
    trace: string,
    known: { readonly namespace: string; readonly keyId: string },
    answering: Promise<unknown>,
  ): void {
    const parent = parseTraceParent(trace);
    if (parent?.sampled !== true) return;
    const start = preciseNow();
    const end = (code: string): void =>
      this.buffer.add({
        traceId: parent.traceId,
        spanId: newTraceId(8),
        parentId: parent.spanId,
        name: operation.name,
        kind: "internal",
        start,
        end: preciseNow(),
        code,
        attributes: this.#names ? namesOf(known) : {},
      });
    answering.then(
      () => end("OK"),
      (error: unknown) => end(asHsmError(error).code),
    );
  }
}

const namesOf = ({ namespace, keyId }: { readonly namespace: string; readonly keyId: string }): Record<string, string> => ({
  ...(namespace === "" ? {} : { "keystead.namespace": namespace }),
  ...(keyId === "" ? {} : { "keystead.key_id": keyId }),
});
