/** Secrets that are texts. They come from files, which editors end with a newline that nobody means. */

/** The same memory without a newline at its end. */
export function withoutNewline(secret: Buffer): Buffer {
  let end = secret.length;
  if (secret[end - 1] === 10) end -= 1;
  if (end < secret.length && secret[end - 1] === 13) end -= 1;
  return secret.subarray(0, end);
}
