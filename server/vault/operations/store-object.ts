import { HsmError } from "@keystead/contract/errors";
import { storeObject as operation } from "@keystead/contract/operations/store-object";
import { handler } from "./handler.ts";
import { classOf, storedObjectMessage, textOf } from "./stored-object-message.ts";

/** Keeps a certificate or data. */
export const storeObject = handler(operation, async ({ namespace, principal, request }, { identity, storedObjects, objects }) => {
  const { value, tags } = request;
  if (principal.view?.tags.every((tag) => tags.includes(tag)) === false)
    throw new HsmError("PERMISSION_DENIED", "the token does not show objects without its tags");
  for (const { name, gives, namespaces, tags: looked } of identity.tokens.tagRules(principal))
    if (gives && namespaces !== "all" && namespaces.has(namespace) && looked !== "all" && tags.some((tag) => looked.has(tag)))
      throw new HsmError("PERMISSION_DENIED", `${name} is another token's: its PINs alone store objects for it`);
  const kind = classOf(request.objectClass);
  if (kind === undefined) throw new HsmError("INVALID_REQUEST", "object_class is missing");
  const foreign =
    kind === "data"
      ? [request.id, request.subject, request.issuer, request.serialNumber].some(({ length }) => length > 0) ||
        request.category !== 0 ||
        request.trusted
      : request.application !== "" || request.dataObjectId.length > 0;
  if (foreign) throw new HsmError("INVALID_REQUEST", `what is given is not of an object of class ${kind}`);
  // Keys and objects share the places that a namespace has.
  const room = await objects.placesForOthers(namespace);
  const { found, change } = await storedObjects.store(
    {
      namespace,
      class: kind,
      label: request.label,
      id: textOf(request.id),
      subject: textOf(request.subject),
      issuer: textOf(request.issuer),
      serial: textOf(request.serialNumber),
      category: request.category,
      trusted: request.trusted,
      private: request.private,
      application: request.application,
      dataObjectId: textOf(request.dataObjectId),
      modifiable: request.modifiable ?? true,
      destroyable: request.destroyable ?? true,
      copyable: request.copyable ?? true,
      tags: [...new Set(tags)],
    },
    value,
    room,
  );
  return { reply: { object: storedObjectMessage(found) }, change, keyId: found.objectId };
});
