/**
 * Zeroes answers once the kernel has them.
 *
 * An HTTP/2 stream's 'finish' and 'close' both come while nghttp2 or libuv may still point into the body: zeroing it
 * then sends zeros. What is sure: after the turn of the event loop in which the stream closed, its frames have been
 * passed to the socket, and the socket needs them no more when it has nothing queued.
 */

/** The part of a socket that knows what the kernel has not taken. */
export interface WriteQueue {
  readonly writeQueueSize?: number;
}

const AGAIN_MS = 50;

interface Written {
  readonly body: Buffer;
  readonly queue: WriteQueue | undefined;
}

let waiting: Written[] = [];
let scheduled = false;

/** Zeroes `body` when it is safe; to be called when its stream has closed. */
export function wipeWritten(body: Buffer, queue: WriteQueue | undefined): void {
  waiting.push({ body, queue });
  if (scheduled) return;
  scheduled = true;
  setImmediate(look);
}

function look(): void {
  const looked = waiting;
  waiting = looked.filter(({ body, queue }) => {
    // TLS copies what it encrypts and has no such count; a plain socket counts what the kernel has not taken.
    if ((queue?.writeQueueSize ?? 0) > 0) return true;
    body.fill(0);
    return false;
  });
  scheduled = waiting.length > 0;
  if (scheduled) setTimeout(look, AGAIN_MS).unref();
}
