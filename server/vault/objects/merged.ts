/**
 * Several ordered streams as one, in order, each id once.
 */

/** @param streams each in id order; closed when nobody goes on asking */
export async function* merged<T extends { readonly id: string }>(streams: readonly AsyncGenerator<T>[]): AsyncGenerator<T> {
  try {
    const heads = await Promise.all(streams.map((stream) => stream.next()));
    for (;;) {
      let least: T | undefined;
      for (const { done, value } of heads) if (done !== true && (least === undefined || value.id < least.id)) least = value;
      if (least === undefined) return;
      const { id } = least;
      yield least;
      for (const [at, stream] of streams.entries()) {
        const head = heads[at];
        if (head?.done === false && head.value.id === id) heads[at] = await stream.next();
      }
    }
  } finally {
    await Promise.all(streams.map((stream) => stream.return(undefined)));
  }
}
