import { purgeNamespace as operation } from "@keystead/contract/operations/purge-namespace";
import type { DocumentName } from "../objects/documents.ts";
import { joinChanges } from "../objects/change.ts";
import type { Shredding } from "../objects/shredding.ts";
import { handler } from "./handler.ts";

/** Keys destroyed with one event of the log. */
const AT_ONCE = 200;

/** Destroys the next keys of a namespace whose deletion is due; with the last of them the namespace and its own key. */
export const purgeNamespace = handler(operation, async ({ namespace }, { objects, documents, budgets, identity, storedObjects }) => {
  objects.requireDue(namespace);
  // By themselves and before: whoever holds locks of documents and of keys could wait for a rekey that holds others.
  await budgets.end(namespace);
  await identity.tokens.end(namespace);
  await storedObjects.end(namespace);
  const { change, gone, complete, attributes } = await objects.shred(namespace, AT_ONCE);
  const reply = { ...gone, complete };
  if (!complete) return { reply, change };
  const { since: requestedAt = 0, by: requestedBy = "", reason = "" } = attributes.deletion ?? {};
  const destroyedAt = objects.now();
  const shredding: Shredding = { ...gone, namespace, createdAt: attributes.createdAt, requestedBy, requestedAt, reason, destroyedAt };
  const name: DocumentName = { kind: "shredding", id: `${namespace}.${destroyedAt}` };
  try {
    const kept = await documents.change([name], () => [{ ...name, value: shredding }]);
    return { reply, change: joinChanges(change, kept) };
  } catch (error) {
    change.settle(false);
    throw error;
  }
});
