/** What `credentials/profile.json` says; the command line reads it. Paths are absolute. */
export interface Profile {
  readonly endpoint: string;
  readonly ca: string;
  readonly cert: string;
  readonly key: string;
  readonly tokenKey: string;
  readonly issuer: string;
  readonly audience: string;
  /** Where the metrics are; left out when they are off. */
  readonly metrics?: string;
}
