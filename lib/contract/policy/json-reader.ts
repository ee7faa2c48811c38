/**
 * Members out of a JSON value that somebody wrote by hand, with every problem told by its place and none of its content.
 */
import { HsmError } from "../errors.ts";
import type { JsonValue } from "../json.ts";

const TOLD = 8;

export class JsonReader {
  readonly #problems: string[] = [];

  /** Notes what is wrong. */
  problem(at: string, right: string): void {
    this.#problems.push(at === "" ? right : `${at}: ${right}`);
  }

  /** @throws {HsmError} INVALID_REQUEST when anything was wrong */
  refuse(what: string): void {
    const { length } = this.#problems;
    if (length === 0) return;
    const more = length > TOLD ? `; and ${length - TOLD} more` : "";
    throw new HsmError("INVALID_REQUEST", `${what}: ${this.#problems.slice(0, TOLD).join("; ")}${more}`);
  }

  /** An object that has no members but these. */
  object(value: JsonValue | undefined, at: string, names: readonly string[]): Readonly<Record<string, JsonValue>> {
    if (value === undefined || value === null || typeof value !== "object" || Array.isArray(value)) {
      this.problem(at, "must be an object");
      return {};
    }
    for (const name of Object.keys(value))
      if (!names.includes(name)) this.problem(at === "" ? name.slice(0, 64) : `${at}.${name.slice(0, 64)}`, "there is no such member");
    return value;
  }

  /** The members of an object whose names are the author's; none when it is left out. */
  entries(value: JsonValue | undefined, at: string, most: number): [string, JsonValue][] {
    if (value === undefined) return [];
    if (value === null || typeof value !== "object" || Array.isArray(value)) {
      this.problem(at, "must be an object");
      return [];
    }
    const entries = Object.entries(value);
    if (entries.length > most) this.problem(at, `has at most ${most} members`);
    return entries.slice(0, most);
  }

  /** A list; empty when it is left out. */
  list(value: JsonValue | undefined, at: string, most: number): readonly JsonValue[] {
    if (value === undefined) return [];
    if (!Array.isArray(value)) {
      this.problem(at, "must be a list");
      return [];
    }
    if (value.length > most) this.problem(at, `has at most ${most} items`);
    return value.slice(0, most);
  }

  /** A list of texts, each once. */
  texts(value: JsonValue | undefined, at: string, most: number, least: number): string[] {
    const items = this.list(value, at, most);
    if (items.length < least) this.problem(at, `must have at least ${least === 1 ? "one item" : `${least} items`}`);
    const texts = items.map((item, index) => this.text(item, `${at}[${index}]`, 600));
    if (new Set(texts).size !== texts.length) this.problem(at, "names something twice");
    return texts;
  }

  /** A text of some length. */
  text(value: JsonValue | undefined, at: string, longest: number, shortest = 1): string {
    if (typeof value !== "string") this.problem(at, "must be a text");
    else if (value.length < shortest) this.problem(at, "must not be empty");
    else if (value.length > longest) this.problem(at, `has at most ${longest} characters`);
    else return value;
    return "";
  }

  whole(value: JsonValue | undefined, at: string, least: number, most: number): number {
    if (typeof value === "number" && Number.isInteger(value) && value >= least && value <= most) return value;
    this.problem(at, `must be a whole number from ${least} to ${most}`);
    return least;
  }
}
