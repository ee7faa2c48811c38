/**
 * Reads a configuration file (YAML 1.2, of which JSON is a part) with the line of every key. Duplicate keys are
 * mistakes, aliases may not multiply, and the file may not be large.
 *
 * @security the parser's own sentences quote the file, which may hold a secret by mistake; only its codes are used.
 */
import { readFileSync, statSync } from "node:fs";
import { type Document, LineCounter, isMap, isNode, isScalar, isSeq, parseDocument } from "yaml";
import type { Layer } from "./layer.ts";
import type { Mistake, Place } from "./mistake.ts";
import type { KeyPath } from "./schema-walk.ts";
import { type Tree, isTree } from "./tree.ts";

/** Largest configuration file, in bytes. */
const MAX_BYTES = 1_048_576;
/** How much larger than written a file may become by its aliases. */
const MAX_ALIASES = 100;

/** What the parser's codes mean, without a word of the file. */
const SYNTAX: Readonly<Record<string, readonly [problem: string, remedy: string]>> = {
  DUPLICATE_KEY: ["the key stands here a second time", "keep one of the two"],
  BAD_INDENT: ["the indentation does not fit", "indent the keys of one section alike"],
  TAB_AS_INDENT: ["a tab is used to indent", "indent with spaces"],
  MULTIPLE_DOCS: ["the file holds more than one document", "remove everything from the second --- on"],
  NON_STRING_KEY: ["the key is not plain text", "write a plain key"],
  MISSING_CHAR: ["a closing quote, bracket or comma is missing", "close what was opened"],
  BAD_ALIAS: ["the alias has no anchor", "write the value itself"],
};

export interface ReadFile {
  readonly layer: Layer | undefined;
  readonly mistakes: readonly Mistake[];
}

/** Reads one file; a file that cannot be read or parsed is a mistake and no layer. */
export function readYamlLayer(path: string): ReadFile {
  const whole = (problem: string, remedy: string): ReadFile => ({
    layer: undefined,
    mistakes: [{ place: { source: path }, key: "", problem, remedy }],
  });
  let text: string;
  try {
    const { size } = statSync(path);
    if (size > MAX_BYTES) return whole(`the file has ${size} bytes`, `a configuration file has at most ${MAX_BYTES}`);
    text = readFileSync(path, "utf8");
  } catch (error) {
    return whole(`the file cannot be read (${(error as NodeJS.ErrnoException).code ?? "unknown"})`, "name a readable YAML file");
  }
  return parseYamlLayer(text, path);
}

/** The same for text; `source` names it in mistakes. */
export function parseYamlLayer(text: string, source: string): ReadFile {
  const lines = new LineCounter();
  const place = (offset: number): Place => {
    const { line, col } = lines.linePos(offset);
    return { source, line, column: col };
  };
  try {
    const document = parseDocument(text, {
      lineCounter: lines,
      prettyErrors: false,
      strict: true,
      stringKeys: true,
      uniqueKeys: true,
      logLevel: "error",
    });
    const problems = [...document.errors, ...document.warnings];
    if (problems.length > 0) {
      const mistakes = problems.map(({ code, pos }): Mistake => {
        const [problem, remedy] = SYNTAX[code] ?? [`this is not YAML (${code})`, "see the examples in config/"];
        return { place: place(pos[0]), key: keyAtOffset(document, pos[0]), problem, remedy };
      });
      return { layer: undefined, mistakes };
    }
    const value: unknown = document.toJS({ maxAliasCount: MAX_ALIASES }) ?? {};
    if (!isTree(value))
      return {
        layer: undefined,
        mistakes: [
          {
            place: { source, line: 1, column: 1 },
            key: "",
            problem: "the file does not hold sections",
            remedy: "begin with a key such as server:",
          },
        ],
      };
    return { layer: { tree: value as Tree, placeOf: (path) => place(offsetOf(document, path)) }, mistakes: [] };
  } catch {
    return {
      layer: undefined,
      mistakes: [
        {
          place: { source, line: 1, column: 1 },
          key: "",
          problem: "the file is nested too deeply or multiplies aliases",
          remedy: "write the values out",
        },
      ],
    };
  }
}

/** Where the key at a path begins, or the nearest key above it. */
function offsetOf(document: Document, path: KeyPath): number {
  let node: unknown = document.contents;
  let offset = 0;
  for (const name of path) {
    if (isMap(node)) {
      const pair = node.items.find(({ key }) => isScalar(key) && key.value === String(name));
      if (pair === undefined) return offset;
      if (isNode(pair.key)) offset = pair.key.range?.[0] ?? offset;
      node = pair.value;
    } else if (isSeq(node)) {
      node = node.items[Number(name)];
      if (isNode(node)) offset = node.range?.[0] ?? offset;
    } else return offset;
  }
  return offset;
}

/** The dotted key whose own name begins at an offset, for duplicate keys; "" for anything else. */
function keyAtOffset(document: Document, offset: number): string {
  const search = (node: unknown, path: string): string => {
    if (isSeq(node)) return node.items.map((item, at) => search(item, `${path}[${at}]`)).find((found) => found !== "") ?? "";
    if (!isMap(node)) return "";
    for (const { key, value } of node.items) {
      if (!isScalar(key)) continue;
      const here = path === "" ? String(key.value) : `${path}.${String(key.value)}`;
      const found = key.range?.[0] === offset ? here : search(value, here);
      if (found !== "") return found;
    }
    return "";
  };
  return search(document.contents, "");
}
