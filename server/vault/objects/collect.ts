/**
 * Collection of what destroyed keys leave behind. Node keeps a key in memory of its own and zeroes it when the object
 * that holds it is collected, which may be never in a quiet process. So collection is asked for after a destruction,
 * when the operations that may still hold the key have ended.
 *
 * One collection takes some tens of milliseconds in which nothing else happens; however many keys are destroyed, there
 * is at most one a second.
 */

const WAIT_MS = 1000;
let planned = false;

/** Has unreachable objects collected within about two seconds; does nothing in a process without `--expose-gc`. */
export function collectSoon(): void {
  const { gc } = globalThis;
  if (planned || gc === undefined) return;
  planned = true;
  setTimeout(() => {
    planned = false;
    gc();
    // What the first collection finalised is freed by the second.
    setImmediate(() => void gc());
  }, WAIT_MS).unref();
}
