import { initToken as operation } from "@keystead/contract/operations/init-token";
import { inView } from "../token-view.ts";
import { handler } from "./handler.ts";

/** Gives the caller's token a new label and takes its user PIN, when its view has neither keys nor objects. */
export const initToken = handler(operation, async ({ principal, request }, { identity, objects, storedObjects }) => {
  const { name, record, change } = await identity.tokens.initialize(principal, request.label, async ({ namespace, view }) => {
    const filter = {
      algorithm: undefined,
      state: undefined,
      tags: view.tags,
      visible: (_: string, facts: { readonly algorithm: string; readonly tags: readonly string[] }) => inView(view, facts),
    };
    const stored = storedObjects.find(namespace, {}, { private: true, tags: view.tags }, "", 1);
    return stored.objects.length === 0 && (await objects.list(namespace, filter, "", 1)).keys.length === 0;
  });
  return { reply: { name, label: record.label }, change, namespace: record.namespace };
});
