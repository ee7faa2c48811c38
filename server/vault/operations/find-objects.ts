import { findObjects as operation } from "@keystead/contract/operations/find-objects";
import { algorithmName } from "@keystead/contract/enum-names";
import { attributesOf } from "./attribute-message.ts";
import { handler } from "./handler.ts";
import { keyMessage, stateName } from "./key-message.ts";
import { cursorAfter, cursorOf } from "./page-cursor.ts";

const DEFAULT_PER_PAGE = 50;

/** Keys whose attributes have the values asked for, by id. */
export const findObjects = handler(operation, async ({ namespace, request, visible }, { objects }) => {
  const algorithms = [request.algorithm, ...request.algorithms].flatMap((number) => algorithmName(number) ?? []);
  const filter = {
    algorithm: algorithms.length > 1 ? undefined : algorithms[0],
    algorithms,
    state: stateName(request.state),
    tags: request.tags,
    attributes: attributesOf(request.match),
    shownId: request.shownId === undefined ? undefined : Buffer.from(request.shownId).toString("hex"),
    shownLabel: request.shownLabel,
    visible: visible(),
  };
  const perPage = request.perPage === 0 ? DEFAULT_PER_PAGE : request.perPage;
  const { keys, more } = await objects.list(namespace, filter, cursorOf(request.pageToken), perPage);
  return { reply: { keys: keys.map(keyMessage), nextPageToken: more ? cursorAfter(keys.at(-1)) : "" } };
});
