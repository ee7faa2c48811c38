/**
 * How a method of the client asks: the operation's name, and the member of the answer that it gives back when that is not
 * the whole.
 */
export type Way = string | readonly [operation: string, member: string];

/** A way for each method of an area. */
export type Ways<Area> = Readonly<Record<keyof Area, Way>>;
