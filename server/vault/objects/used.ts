/** Counts of one key. */
export interface Used {
  readonly uses: number;
  readonly bytes: number;
  /** Milliseconds since the epoch; 0 = never. */
  readonly lastAt: number;
}
