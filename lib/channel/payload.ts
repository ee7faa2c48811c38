/**
 * A payload on its way out: whole, or in the pieces it was made of, so that a large one need not be copied together.
 */

/** The pieces follow one another without anything in between. */
export type Payload = Buffer | readonly Buffer[];

const isWhole = (payload: Payload): payload is Buffer => payload instanceof Uint8Array;

/** Length in bytes. */
export function payloadBytes(payload: Payload): number {
  if (isWhole(payload)) return payload.length;
  let bytes = 0;
  for (const piece of payload) bytes += piece.length;
  return bytes;
}

export const piecesOf = (payload: Payload): readonly Buffer[] => (isWhole(payload) ? [payload] : payload);

/** All pieces together, in memory of their own; what was copied is zeroed. */
export function wholeOf(payload: Payload): Buffer {
  if (isWhole(payload)) return payload;
  const [only, ...more] = payload;
  if (only !== undefined && more.length === 0) return only;
  const whole = Buffer.allocUnsafeSlow(payloadBytes(payload));
  movePayload(payload, whole, 0);
  return whole;
}

/** Zeroes every piece. */
export function wipePayload(payload: Payload): void {
  if (isWhole(payload)) payload.fill(0);
  else for (const piece of payload) piece.fill(0);
}

/** Copies a payload to `at` of `target`, zeroes what was copied, and returns where it ended. */
export function movePayload(payload: Payload, target: Buffer, at: number): number {
  if (isWhole(payload)) {
    target.set(payload, at);
    payload.fill(0);
    return at + payload.length;
  }
  let end = at;
  for (const piece of payload) {
    target.set(piece, end);
    end += piece.length;
    piece.fill(0);
  }
  return end;
}
