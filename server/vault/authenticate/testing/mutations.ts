/**
 * For tests: a credential damaged in every way that a text or bytes can be. The same seed gives the same damage.
 */
const CHARACTERS = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_.=+/ \u0000é{}"';

export class Mutations {
  #state: number;

  constructor(seed: number) {
    this.#state = seed >>> 0;
  }

  /** A whole number from 0 to below `bound`. */
  below(bound: number): number {
    this.#state = (Math.imul(this.#state, 1_103_515_245) + 12_345) >>> 0;
    return (this.#state >>> 8) % bound;
  }

  /** One to three of: a character changed, some taken out, one put in, the ends exchanged. */
  text(original: string): string {
    let text = original;
    for (let edits = 1 + this.below(3); edits > 0; edits -= 1) {
      const at = this.below(text.length + 1);
      const kind = this.below(4);
      const char = CHARACTERS[this.below(CHARACTERS.length)] as string;
      if (kind === 0) text = text.slice(0, at) + char + text.slice(at + 1);
      else if (kind === 1) text = text.slice(0, at) + text.slice(at + 1 + this.below(8));
      else if (kind === 2) text = text.slice(0, at) + char + text.slice(at);
      else text = text.slice(at) + text.slice(0, at);
    }
    return text;
  }

  /** The same for bytes. */
  bytes(original: Uint8Array): Buffer {
    let bytes = Buffer.from(original);
    for (let edits = 1 + this.below(3); edits > 0; edits -= 1) {
      const at = this.below(bytes.length + 1);
      const kind = this.below(4);
      const byte = Buffer.from([this.below(256)]);
      if (kind === 0 && at < bytes.length) bytes[at] = (bytes[at] as number) ^ (1 + this.below(255));
      else if (kind === 1) bytes = Buffer.concat([bytes.subarray(0, at), bytes.subarray(at + 1 + this.below(8))]);
      else if (kind === 2) bytes = Buffer.concat([bytes.subarray(0, at), byte, bytes.subarray(at)]);
      else bytes = Buffer.concat([bytes.subarray(at), bytes.subarray(0, at)]);
    }
    return bytes;
  }
}

/**
 * Whether a damaged token is another spelling of the same one: base64url has bits nobody reads in the last character of the
 * signature.
 */
export function spellsTheSame(token: string, original: string): boolean {
  const [a, b] = [token.split("."), original.split(".")];
  return (
    a.length === 3 &&
    a[0] === b[0] &&
    a[1] === b[1] &&
    Buffer.from(a[2] as string, "base64url").equals(Buffer.from(b[2] as string, "base64url"))
  );
}
