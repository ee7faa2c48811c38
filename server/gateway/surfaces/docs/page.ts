/**
 * The readable page of `/docs`, rendered from the OpenAPI document alone.
 *
 * Everything that comes from the document is escaped. The page has no script and loads nothing.
 */
import type { JsonValue } from "@keystead/contract/json";

type Json = { readonly [name: string]: JsonValue };

export const STYLE = `
:root { color-scheme: light dark; --line: #8884; --soft: #8881; --accent: #0a6; }
body { font: 16px/1.55 system-ui, sans-serif; max-width: 62rem; margin: 2rem auto; padding: 0 1rem; }
h1 { margin-bottom: 0; } h2 { margin-top: 2.5rem; text-transform: capitalize; }
article { border: 1px solid var(--line); border-radius: .5rem; padding: .2rem 1rem 1rem; margin: 1rem 0; }
article h3 { font-size: 1.05rem; margin: .8rem 0 .2rem; }
code { font: .9em ui-monospace, monospace; overflow-wrap: anywhere; }
.method { display: inline-block; min-width: 4.5em; font-weight: 700; color: var(--accent); }
table { border-collapse: collapse; width: 100%; margin-top: .6rem; font-size: .95rem; }
th, td { text-align: left; vertical-align: top; padding: .3rem .6rem .3rem 0; border-top: 1px solid var(--line); }
th { font-weight: 600; } .soft { opacity: .75; } nav a { margin-right: .8em; }
`;

const ESCAPES: Readonly<Record<string, string>> = Object.freeze({ "&": "&amp;", "<": "&lt;", ">": "&gt;", '"': "&quot;", "'": "&#39;" });
const escaped = (text: unknown): string => String(text ?? "").replace(/[&<>"']/g, (char) => ESCAPES[char] as string);
const code = (text: unknown): string => `<code>${escaped(text)}</code>`;

const nameOf = (reference: unknown): string => String(reference).split("/").at(-1) as string;

/** A schema in a few words. */
function words(schema: Json): string {
  if (schema["$ref"] !== undefined) return `<a href="#schema-${escaped(nameOf(schema["$ref"]))}">${escaped(nameOf(schema["$ref"]))}</a>`;
  if (schema["type"] === "array") return `list of ${words(schema["items"] as Json)}${limits(schema, "minItems", "maxItems", "items")}`;
  if (Array.isArray(schema["enum"])) return `one of ${schema["enum"].map(code).join(", ")}`;
  if (schema["contentEncoding"] === "base64") return `base64${limits(schema, "minLength", "maxLength", "characters")}`;
  if (schema["type"] === "integer") return `integer${limits(schema, "minimum", "maximum", "")}`;
  const pattern = schema["pattern"] === undefined ? "" : `, ${code(schema["pattern"])}`;
  return `${escaped(schema["format"] ?? schema["type"] ?? "value")}${limits(schema, "minLength", "maxLength", "characters")}${pattern}`;
}

function limits(schema: Json, least: string, most: string, unit: string): string {
  const [from, to] = [schema[least], schema[most]];
  if (from === undefined && to === undefined) return "";
  return ` <span class="soft">(${from === undefined ? "at most" : `${escaped(from)} to`} ${to === undefined ? "any" : escaped(to)}${unit === "" ? "" : ` ${unit}`})</span>`;
}

function rows(
  entries: readonly {
    readonly name: string;
    readonly place: string;
    readonly needed: boolean;
    readonly schema: Json;
    readonly text: unknown;
  }[],
): string {
  if (entries.length === 0) return "";
  const body = entries.map(
    ({ name, place, needed, schema, text }) =>
      `<tr><td>${code(name)}</td><td>${escaped(place)}${needed ? ", required" : ""}</td><td>${words(schema)}</td><td>${escaped(text)}</td></tr>`,
  );
  return `<table><thead><tr><th>name</th><th>where</th><th>value</th><th>meaning</th></tr></thead><tbody>${body.join("")}</tbody></table>`;
}

function fieldsOf(schema: Json, place: string): Parameters<typeof rows>[0] {
  const needed = (schema["required"] ?? []) as readonly string[];
  return Object.entries((schema["properties"] ?? {}) as Record<string, Json>).map(([name, property]) => ({
    name,
    place,
    needed: needed.includes(name),
    schema: property,
    text: property["description"],
  }));
}

function operation(method: string, path: string, object: Json): string {
  const parameters = (object["parameters"] as readonly Json[]).map((parameter) => ({
    name: String(parameter["name"]),
    place: String(parameter["in"]),
    needed: parameter["required"] === true,
    schema: parameter["schema"] as Json,
    text: parameter["description"],
  }));
  const content = (object["requestBody"] as { readonly content: Record<string, { readonly schema: Json }> } | undefined)?.content[
    "application/json"
  ];
  const responses = object["responses"] as Record<string, { readonly content?: Record<string, { readonly schema: Json }> }>;
  const [status, success] = Object.entries(responses).find(([key]) => key.startsWith("2")) ?? [];
  const answer = success?.content?.["application/json"]?.schema;
  return (
    `<article id="${escaped(object["operationId"])}"><h3><span class="method">${escaped(method.toUpperCase())}</span> ${code(path)}</h3><p>${escaped(object["description"] ?? object["summary"])}</p>` +
    rows([...parameters, ...(content === undefined ? [] : fieldsOf(content.schema, "body"))]) +
    (answer === undefined ? "" : `<p>Answers ${escaped(status)} with ${words(answer)}.</p>`) +
    "</article>"
  );
}

/** The page. */
export function docsPage(document: Json): string {
  const info = document["info"] as Json;
  const components = document["components"] as { readonly schemas: Record<string, Json> };
  const operations = Object.entries(document["paths"] as Record<string, Record<string, Json>>).flatMap(([path, methods]) =>
    Object.entries(methods).map(([method, object]) => ({ method, path, object, tag: (object["tags"] as readonly string[])[0] ?? "" })),
  );
  const tags = [...new Set(operations.map(({ tag }) => tag))];
  const sections = tags.map(
    (tag) =>
      `<h2 id="tag-${escaped(tag)}">${escaped(tag)}</h2>${operations
        .filter((entry) => entry.tag === tag)
        .map(({ method, path, object }) => operation(method, path, object))
        .join("")}`,
  );
  const messages = Object.entries(components.schemas).map(
    ([name, schema]) =>
      `<article id="schema-${escaped(name)}"><h3>${escaped(name)}</h3><p>${escaped(schema["description"])}</p>${rows(fieldsOf(schema, "field"))}</article>`,
  );
  return (
    `<!doctype html><html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width"><title>${escaped(info["title"])} API</title><style>${STYLE}</style></head><body>` +
    `<h1>${escaped(info["title"])} API</h1><p class="soft">version ${escaped(info["version"])}, <a href="/openapi.json">openapi.json</a></p><p>${escaped(info["summary"])} ${escaped(info["description"])}</p>` +
    `<nav>${tags.map((tag) => `<a href="#tag-${escaped(tag)}">${escaped(tag)}</a>`).join("")}<a href="#messages">messages</a></nav>${sections.join("")}<h2 id="messages">messages</h2>${messages.join("")}</body></html>`
  );
}
