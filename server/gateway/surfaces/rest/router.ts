/**
 * Finds the route of a path: a tree of segments, literal before field.
 */
import type { DescField } from "@bufbuild/protobuf";
import { restRoutes, type RestRoute } from "@keystead/contract/routes";
import { HsmError } from "@keystead/contract/errors";

interface Node {
  readonly literals: Map<string, Node>;
  field: Node | undefined;
  readonly routes: Map<string, RestRoute>;
}

const node = (): Node => ({ literals: new Map(), field: undefined, routes: new Map() });

export interface Match {
  readonly route: RestRoute;
  /** Values of the path's fields, percent-decoded. */
  readonly values: readonly (readonly [DescField, string])[];
}

/** A path that exists, with the methods it has. */
export interface Methods {
  readonly allowed: readonly string[];
}

export class Router {
  readonly #root = node();
  readonly #routes: readonly RestRoute[];

  constructor(routes: readonly RestRoute[] = restRoutes()) {
    this.#routes = routes;
    for (const route of routes) {
      let at = this.#root;
      for (const segment of route.segments) {
        if (typeof segment === "string") {
          let next = at.literals.get(segment);
          if (next === undefined) at.literals.set(segment, (next = node()));
          at = next;
        } else {
          at = at.field ??= node();
        }
      }
      at.routes.set(route.method, route);
    }
  }

  /**
   * The route, or the methods of the path when it has no such method. `GET /keys/import` is the key named `import`,
   * although `/keys/import` is a path of its own for POST.
   *
   * @throws {HsmError} INVALID_REQUEST when a segment's percent-encoding is broken, and for a field that is empty in the path
   *   where the operation has a path without it, which the detail names
   */
  find(method: string, path: string): Match | Methods | undefined {
    const segments = path.slice(1).split("/");
    const wanted = method === "HEAD" ? "GET" : method;
    const allowed = new Set<string>();
    const route = descend(this.#root, segments, 0, wanted, allowed);
    if (route === undefined && allowed.size === 0) this.#requireNoneEmpty(segments, wanted);
    if (route === undefined) return allowed.size === 0 ? undefined : { allowed: [...allowed] };
    const values = route.segments.flatMap((segment, index) =>
      typeof segment === "string" ? [] : [[segment, decoded(segments[index] as string)] as const],
    );
    return { route, values };
  }

  /** On the other surfaces an empty field says "the caller's own"; a path cannot be without one of its parts. */
  #requireNoneEmpty(segments: readonly string[], method: string): void {
    const { length } = segments;
    const fits = ({ segments: own }: RestRoute): boolean =>
      own.length === length && own.every((part, index) => (typeof part === "string" ? part === segments[index] : true));
    for (const route of this.#routes) {
      if (route.method !== method || !fits(route)) continue;
      const empty = route.segments.find((part, index): part is DescField => typeof part !== "string" && segments[index] === "");
      const without = this.#routes.find(
        (other) => other.operation === route.operation && other.method === method && !other.segments.some((part) => part === empty),
      );
      if (empty !== undefined && without !== undefined)
        throw new HsmError("INVALID_REQUEST", `${empty.name}: is empty in the path; without it the path is ${method} ${without.path}`);
    }
  }
}

function descend(at: Node, segments: readonly string[], index: number, method: string, allowed: Set<string>): RestRoute | undefined {
  const segment = segments[index];
  if (segment === undefined) {
    const route = at.routes.get(method);
    if (route === undefined) for (const known of at.routes.keys()) allowed.add(known);
    return route;
  }
  const literal = at.literals.get(segment);
  const found = literal === undefined ? undefined : descend(literal, segments, index + 1, method, allowed);
  if (found !== undefined) return found;
  return at.field === undefined || segment === "" ? undefined : descend(at.field, segments, index + 1, method, allowed);
}

function decoded(segment: string): string {
  if (!segment.includes("%")) return segment;
  try {
    return decodeURIComponent(segment);
  } catch {
    throw new HsmError("INVALID_REQUEST", "the path is not well-formed");
  }
}
