/**
 * One server for all tests of a file, with a door for its administrator. Begins and ends with the file's tests.
 */
import assert from "node:assert/strict";
import { after, before } from "node:test";
import { serve, type RunningServer } from "./running-server.ts";
import { ask, hangUp, type Door, type Reply, type Surface } from "./surfaces.ts";
import { mint } from "./tokens.ts";

export interface Served {
  /** Only inside tests, as are the doors. */
  readonly server: RunningServer;
  /** The administrator's, by certificate. */
  readonly door: Door;
  /** By a token with these roles. */
  as(...roles: string[]): Promise<Door>;
  /** Asks, by the administrator's door unless another is given, and demands success. */
  given(surface: Surface, operation: Parameters<typeof ask>[2], request: Parameters<typeof ask>[3], at?: Door): Promise<Reply>;
}

/** Registers the server's beginning and end with the tests of the file that calls this. */
export function served(): Served {
  let server: RunningServer | undefined;
  let door: Door | undefined;
  const administrator = (): Door => {
    if (door === undefined) throw new TypeError("the server runs only while tests do");
    return door;
  };
  const running = (): RunningServer => {
    if (server === undefined) throw new TypeError("the server runs only while tests do");
    return server;
  };
  const begun = Promise.withResolvers<void>();
  before(async () => {
    server = await serve();
    door = {
      origin: server.api,
      ca: server.credential("ca.pem"),
      cert: server.credential("admin.pem"),
      key: server.credential("admin-key.pem"),
    };
    begun.resolve();
  });
  after(async () => {
    hangUp();
    assert.equal(await server?.stop(), 0);
  });
  return {
    get server() {
      return running();
    },
    get door() {
      return administrator();
    },
    async as(...roles) {
      // Also in a file's own `before`, which may run while this one does.
      await begun.promise;
      const { api: origin, credential } = running();
      return { origin, ca: credential("ca.pem"), token: await mint(credential("token-key.pem"), { roles }) };
    },
    async given(surface, operation, request, at = administrator()) {
      const answer = await ask(surface, at, operation, request as never);
      assert.ok(answer.ok, `${operation.name} over ${surface}: ${answer.code} ${answer.detail} ${answer.text.slice(0, 400)}`);
      return answer.reply;
    },
  };
}
