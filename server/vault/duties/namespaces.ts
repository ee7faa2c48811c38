/**
 * The duty that ends namespaces whose deletion is due, and has the retention ledger attest it. It goes through the monitor
 * like everybody, some keys at a time, and goes on where a crash ended it.
 */
import { create } from "@bufbuild/protobuf";
import { asHsmError } from "@keystead/contract/errors";
import type { Logger } from "@keystead/contract/logging";
import { purgeNamespace } from "@keystead/contract/operations/purge-namespace";
import type { Documents } from "../objects/documents.ts";
import type { Objects } from "../objects/objects.ts";
import type { Shredding } from "../objects/shredding.ts";
import type { Perform } from "./lifecycle.ts";
import type { RetentionLedger } from "./retention-ledger.ts";

/**
 * Destroys what is due and attests what is destroyed.
 *
 * @param wanted asked before each step: false once the vault is being closed
 */
export async function endDueNamespaces(
  { objects, documents }: { readonly objects: Objects; readonly documents: Documents },
  perform: Perform,
  ledger: RetentionLedger,
  log: Logger,
  wanted: () => boolean,
): Promise<void> {
  for (const { namespace } of objects.knownNamespaces()) {
    const due = (): boolean => (objects.knownNamespace(namespace)?.deletion?.at ?? Infinity) <= objects.now();
    try {
      while (wanted() && due()) await perform(purgeNamespace, create(purgeNamespace.method.input, { namespace }));
    } catch (error) {
      const { code, detail } = asHsmError(error);
      log.warn("a namespace whose deletion is due could not be destroyed", { namespace, code, detail });
    }
  }
  const text = (time: number): string => new Date(time).toISOString();
  for (const { value } of documents.list<Shredding>("shredding"))
    ledger.append({
      namespace: value.namespace,
      key: "",
      reason: value.reason,
      approved_by: value.requestedBy,
      revoked_at: text(value.requestedAt),
      destroyed_at: text(value.destroyedAt),
      keys: value.keys,
      records: value.records,
      digest: value.digest,
    });
}
