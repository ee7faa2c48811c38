/**
 * `/openapi.json` and `/docs`: the contract for programs and for people, from the same descriptors.
 *
 * The page is static HTML without script; its one style sheet is allowed by its hash and nothing else is.
 */
import { createHash } from "node:crypto";
import { existsSync, readFileSync } from "node:fs";
import { HsmError } from "@keystead/contract/errors";
import { LISTENER } from "@keystead/channel/call";
import { openApiDocument } from "@keystead/contract/openapi";
import { requestIdOf } from "../../evidence/evidence.ts";
import type { Desk } from "../../forward.ts";
import type { Dispatch, HeaderValues } from "../../transports/exchange.ts";
import { SAFE_HEADERS, problem } from "../rest/problem.ts";
import { STYLE, docsPage } from "./page.ts";

/** Written by tools/generate.ts; a checkout without it has a document without descriptions. */
const COMMENTS = new URL("../../../../lib/contract/generated/comments.json", import.meta.url);

const PAGE_HEADERS: HeaderValues = Object.freeze({
  ...SAFE_HEADERS,
  "content-type": "text/html; charset=utf-8",
  "content-security-policy": `default-src 'none'; style-src 'sha256-${createHash("sha256").update(STYLE).digest("base64")}'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'`,
});

interface Documents {
  readonly json: string;
  readonly page: string;
}

function documents(anonymous: boolean): Documents {
  const comments = existsSync(COMMENTS) ? (JSON.parse(readFileSync(COMMENTS, "utf8")) as Record<string, string>) : {};
  const document = openApiDocument({ comments, anonymous });
  return { json: JSON.stringify(document), page: docsPage(document) };
}

/** The surface. Both documents are made at the first question. */
export function docsSurface(desk: Desk): Dispatch {
  const made = new Map<boolean, Documents>();
  return (exchange) => {
    const requestId = requestIdOf(exchange);
    const headers = { "x-request-id": requestId };
    if (exchange.method !== "GET" && exchange.method !== "HEAD") {
      desk.requests.answered({ surface: "docs", exchange, requestId }, "INVALID_REQUEST");
      return problem(exchange, requestId, new HsmError("INVALID_REQUEST", `${exchange.method} is not possible here`), {
        status: 405,
        headers: { allow: "GET, HEAD" },
      });
    }
    const anonymous = exchange.connection.listener === LISTENER.development;
    let ready = made.get(anonymous);
    if (ready === undefined) made.set(anonymous, (ready = documents(anonymous)));
    desk.requests.answered({ surface: "docs", exchange, requestId }, "OK");
    if (exchange.path === "/docs") return exchange.respond(200, { ...PAGE_HEADERS, ...headers }, Buffer.from(ready.page, "utf8"));
    exchange.respond(200, { ...SAFE_HEADERS, ...headers, "content-type": "application/json" }, Buffer.from(ready.json, "utf8"));
  };
}
