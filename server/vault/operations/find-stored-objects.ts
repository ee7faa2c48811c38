import { findStoredObjects as operation } from "@keystead/contract/operations/find-stored-objects";
import { handler } from "./handler.ts";
import { cursorAfter, cursorOf } from "./page-cursor.ts";
import { classOf, sightOf, someText, storedObjectMessage } from "./stored-object-message.ts";

const DEFAULT_PER_PAGE = 50;

/** Stored objects that say what is asked for, by id. */
export const findStoredObjects = handler(operation, async ({ namespace, principal, request }, { storedObjects }) => {
  const match = {
    ...set("class", classOf(request.objectClass)),
    ...set("label", request.label),
    ...set("id", someText(request.id)),
    ...set("subject", someText(request.subject)),
    ...set("issuer", someText(request.issuer)),
    ...set("serial", someText(request.serialNumber)),
    ...set("application", request.application),
  };
  const perPage = request.perPage === 0 ? DEFAULT_PER_PAGE : request.perPage;
  const sight = sightOf(principal, request.private, request.tags);
  const { objects, more } = storedObjects.find(namespace, match, sight, cursorOf(request.pageToken), perPage);
  const last = objects.at(-1);
  return {
    reply: {
      objects: objects.map((found) => storedObjectMessage(found)),
      nextPageToken: more && last !== undefined ? cursorAfter({ keyId: last.objectId }) : "",
    },
  };
});

const set = <K extends string, T>(name: K, value: T | undefined): { [N in K]?: T } =>
  value === undefined ? {} : ({ [name]: value } as { [N in K]?: T });
