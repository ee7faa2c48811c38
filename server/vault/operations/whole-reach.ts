/**
 * What is about every namespace and the server itself, for those alone who reach all of it.
 */
import { HsmError } from "@keystead/contract/errors";
import type { Context, Invocation } from "./handler.ts";

/** Whether the caller may be told of everything there is; always, when a namespace was decided on. */
export async function reachesAll({ namespace, hidden }: Pick<Invocation, "namespace" | "hidden">, { objects }: Context): Promise<boolean> {
  if (namespace !== "") return true;
  const unseen = hidden();
  return !unseen.has("") && !(await objects.namespaces()).some((one) => unseen.has(one.namespace));
}

/** @throws {HsmError} PERMISSION_DENIED */
export async function requireWholeReach(invocation: Pick<Invocation, "namespace" | "hidden">, context: Context): Promise<void> {
  if (!(await reachesAll(invocation, context)))
    throw new HsmError("PERMISSION_DENIED", "this is about every namespace; name one that is within your reach");
}
