import { algorithmName } from "@keystead/contract/enum-names";
import { HsmError } from "@keystead/contract/errors";
import { listKeys as operation } from "@keystead/contract/operations/list-keys";
import type { KeyFilter } from "../objects/key-filter.ts";
import { handler } from "./handler.ts";
import { keyMessage, stateName } from "./key-message.ts";
import type { ListReply } from "./listing-cache.ts";
import { cursorAfter, cursorOf } from "./page-cursor.ts";

const DEFAULT_PER_PAGE = 50;

/** Keys by id: page by number, or by cursor, which stays right while keys come and go. */
export const listKeys = handler(operation, async ({ namespace, principal, request, visible }, { objects, listings }) => {
  if (request.page > 0 && request.pageToken !== "") throw new HsmError("INVALID_REQUEST", "page and page_token exclude each other");
  const perPage = request.perPage === 0 ? DEFAULT_PER_PAGE : request.perPage;
  const filter: KeyFilter = {
    algorithm: algorithmName(request.algorithm),
    state: stateName(request.state),
    tags: request.tags,
    visible: visible(),
  };
  const question = JSON.stringify([
    principal.id,
    namespace,
    filter.algorithm,
    filter.state,
    filter.tags,
    request.page,
    perPage,
    request.pageToken,
  ]);
  const list = async (): Promise<ListReply> => {
    const total = await objects.count(namespace, filter);
    let after = cursorOf(request.pageToken);
    if (request.page > 1) {
      const skipped = await objects.list(namespace, filter, "", (request.page - 1) * perPage);
      const last = skipped.keys.at(-1);
      if (last === undefined || !skipped.more) return { keys: [], total, page: request.page, perPage };
      after = last.keyId;
    }
    const { keys, more } = await objects.list(namespace, filter, after, perPage);
    return {
      keys: keys.map(keyMessage),
      total,
      perPage,
      page: request.pageToken === "" ? Math.max(1, request.page) : 0,
      nextPageToken: more ? cursorAfter(keys.at(-1)) : "",
    };
  };
  // What rules leave out is worked out each time: it may depend on more than the keys.
  if (filter.visible !== undefined) return { reply: await list() };
  return { reply: await listings.answer(question, await objects.revision(namespace), list, ({ keys }) => keys.length) };
});
