/**
 * The effective configuration: what server/setup hands to the launcher after every layer was merged and checked.
 *
 * Shapes only. The YAML schema, its defaults, its layers and its error messages live in server/setup/config; the
 * parts of the server receive plain data of these types and parse nothing. No field here ever holds a secret:
 * secrets are references (`file:`, `env:`, `fd:`).
 */
import type { AlertsConfig } from "./alerts.ts";

/** How a secret is named: `file:/path`, `env:NAME` or `fd:N`. The value itself never appears in configuration. */
export type SecretReference = `file:${string}` | `env:${string}` | `fd:${string}`;

export type Preset = "development" | "production" | "test";
export type ClientAuth = "required" | "optional" | "none";
export type SyncMode = "full" | "normal" | "none";
export type LogLevel = "trace" | "debug" | "info" | "warn" | "error";

/** A TLS listener of the gateway. `port` 0 lets the system choose (tests); the chosen port is logged. */
export interface TlsListener {
  readonly host: string;
  readonly port: number;
  readonly clientAuth: ClientAuth;
}

/** A plaintext listener that only ever binds a loopback address. */
export interface LoopbackListener {
  readonly host: "127.0.0.1" | "::1";
  readonly port: number;
}

export interface TlsFiles {
  readonly certPath: string;
  readonly keyPath: string;
  /** Certificate authorities that client certificates must chain to. */
  readonly caPath: string;
  /** How often the files are read again, in seconds; 0 = never. */
  readonly reloadSeconds: number;
}

/** A claim that a token must have, and what its value must be; a claim that is a list has it among its values. */
export type BoundClaim = {
  /** The claim's name, or a JSON pointer (RFC 6901) into the claims when it begins with a slash. */
  readonly claim: string;
} & ({ readonly oneOf: readonly (string | boolean)[] } | { readonly prefix: string });

/** A JWT key set: a JWKS document of a file or a URL, plus what tokens verified by it may claim. */
export interface JwtKeySet {
  readonly path?: string;
  readonly url?: string;
  readonly issuer: string;
  readonly audience: string;
  readonly leewaySeconds: number;
  /** Roles a token of this set may carry; any other role in a token is ignored. */
  readonly allowedRoles: readonly string[];
  /** Claims its tokens must have beyond these. */
  readonly boundClaims?: readonly BoundClaim[];
  /** Roles that every token of this set has, whatever it claims. */
  readonly roles?: readonly string[];
  /** False when tokens without a `jti` count. */
  readonly requireJti?: boolean;
  /** Namespaces a token of this set may reach; `["*"]` = all. A token's `namespaces` claim can only narrow this. */
  readonly namespaces: readonly string[];
}

/** An OpenID Connect provider, and who the bearers of its tokens are. */
export interface OidcProvider {
  readonly issuer: string;
  /** Our client at the provider: the audience of its ID tokens. */
  readonly clientId: string;
  /** Audience of access tokens that count too. */
  readonly audience?: string;
  readonly leewaySeconds: number;
  /** Claims that every token must have. */
  readonly boundClaims: readonly BoundClaim[];
  /** The first that fits counts, alone. */
  readonly mappings: readonly (BoundClaim & { readonly roles: readonly string[]; readonly namespaces: readonly string[] })[];
}

/** How key sets that lie elsewhere are kept, in seconds. */
export interface KeyFetchConfig {
  readonly refreshSeconds: number;
  readonly staleSeconds: number;
  readonly unknownKidSeconds: number;
  readonly timeoutSeconds: number;
}

/** Who a verified client certificate is. Exactly one of the match fields is set; each is compared whole. */
export interface CertificateBinding {
  readonly match:
    | { readonly fingerprintSha256: string }
    | { readonly spiffeId: string }
    | { readonly sanUri: string }
    | { readonly sanDns: string }
    | { readonly sanEmail: string }
    /** RFC 4514 text. */
    | { readonly subject: string }
    | { readonly commonName: string };
  readonly principal: string;
  readonly roles: readonly string[];
  readonly namespaces: readonly string[];
}

/** A token bucket. */
export interface RateConfig {
  /** Requests a second in the long run; 0 = no limit. */
  readonly perSecond: number;
  /** Requests at once after a rest; at least 1. */
  readonly burst: number;
}

/** How often and how much at once. */
export interface RateLimitsConfig {
  /** Of each client address, before login. An IPv6 address stands for its /64. */
  readonly address: RateConfig;
  /** Of each principal. */
  readonly principal: RateConfig;
  /** Of each namespace that has no rate of its own. */
  readonly namespace: RateConfig;
  /** Requests that a principal, or an address before login, may have under way; 0 = no limit. */
  readonly inFlightEach: number;
}

/** How it is found out whether a client certificate was taken back. Without any list nobody is asked. */
export interface RevocationConfig {
  /** Files of revocation lists, PEM or DER. */
  readonly crlPaths: readonly string[];
  /** Addresses of such lists, which the connector fetches. */
  readonly crlUrls: readonly string[];
  /** Address of an OCSP responder for all certificates. */
  readonly ocspUrl: string | undefined;
  /** Longest time that its answer is used, in seconds. */
  readonly ocspKeepSeconds: number;
  /** How often lists are read again, in seconds; 0 = never. */
  readonly reloadSeconds: number;
  /** What becomes of a certificate of which nothing current is known. */
  readonly unknown: "refuse" | "accept";
}

export interface NamespaceConfig {
  readonly description: string;
  readonly maxKeys: number;
  /** CIDR ranges or single addresses; empty = everyone. */
  readonly allowedIps: readonly string[];
  readonly deniedIps: readonly string[];
  /** Sessions open at once of users and service accounts that name this namespace; undefined = no limit. */
  readonly maxConcurrentSessions?: number | undefined;
}

/** Which requests others must agree to, and who. */
export interface ApprovalRuleConfig {
  readonly name: string;
  readonly operations: readonly string[];
  /** Every operation that needs one of these. */
  readonly permissions: readonly string[];
  /** Empty = all, and requests about the server. */
  readonly namespaces: readonly string[];
  /** Only requests about keys with one of these; empty = all requests. */
  readonly keyTags: readonly string[];
  readonly quorum: number;
  readonly roles: readonly string[];
  readonly expirySeconds: number;
  readonly reason: string;
}

export interface ApprovalsConfig {
  readonly rules: readonly ApprovalRuleConfig[];
  /** Who may go past the rules in an emergency; undefined = nobody. */
  readonly override: { readonly quorum: number; readonly roles: readonly string[] } | undefined;
  /** Keys that count from the start. Public keys: SubjectPublicKeyInfo, DER in base64, or PEM. */
  readonly approverKeys: readonly { readonly principal: string; readonly publicKey: string }[];
  /** The principals of each person who has several. */
  readonly persons: Readonly<Record<string, readonly string[]>>;
  readonly keepClosedDays: number;
  /** A new key waits for ActivateKey, whatever the request says. */
  readonly newKeysStaged: boolean;
}

/** What every connector gets: what it may reach. */
interface ConnectorReach {
  readonly logLevel: LogLevel;
  /** PEM file of authorities of servers, besides the system's. */
  readonly caPath: string | undefined;
  /** Addresses and CIDR ranges that may be dialled besides public ones. */
  readonly allowedAddresses: readonly string[];
}

/** Where traces and metrics are sent to. */
export interface TelemetryConfig {
  /** Base address of a collector's OTLP/HTTP receiver. */
  readonly endpoint: string;
  /** PEM file of the authorities of the collector, besides Node's own. */
  readonly caPath: string | undefined;
  readonly traces: boolean;
  readonly metrics: boolean;
  /** 0 to 1: of requests that bring no trace of their own. */
  readonly sampleRatio: number;
  readonly intervalSeconds: number;
}

/** The one that asks for keys, lists and certificates. */
export interface FetchConnectorConfig extends ConnectorReach {
  readonly name: "fetch";
  /** Origins that may be asked. */
  readonly origins: readonly string[];
}

/** The one that delivers events. */
export interface DeliverConnectorConfig extends ConnectorReach {
  readonly name: "deliver";
  /** Folder that file sinks write to, the only one it may; undefined = none. */
  readonly filesDir: string | undefined;
  /** Whether a webhook may be spoken to in the clear at a loopback address. */
  readonly plaintextLoopback: boolean;
}

export type ConnectorConfig = FetchConnectorConfig | DeliverConnectorConfig;

/** What the gateway gets. */
export interface GatewayConfig {
  readonly preset: Preset;
  readonly logLevel: LogLevel;
  /** REST, gRPC, gRPC-Web, Connect on one TLS port (8443). */
  readonly api: TlsListener | undefined;
  /** gRPC port (50051) with TLS; the same protocols answer on it. */
  readonly grpc: TlsListener | undefined;
  /** Development preset only: plaintext gRPC/Connect/REST on loopback, acting as the development principal. */
  readonly developmentGrpc: LoopbackListener | undefined;
  /** Path of the unix socket that everything answers on too. */
  readonly unixSocket: string | undefined;
  /** Plain health listener (8080). In the development preset it also serves REST on loopback. */
  readonly health: { readonly host: string; readonly port: number } | undefined;
  readonly developmentRest: boolean;
  readonly metrics: { readonly host: string; readonly port: number; readonly legacyNames: boolean } | undefined;
  readonly tls: TlsFiles | undefined;
  /** Undefined: nothing is sent anywhere. */
  readonly telemetry: TelemetryConfig | undefined;
  readonly limits: {
    readonly maxConnections: number;
    readonly requestTimeoutSeconds: number;
    readonly bodyBytes: number;
    readonly maxInFlight: number;
  };
}

export type UnsealConfig =
  | { readonly method: "key"; readonly masterKey: SecretReference; readonly hmacKey: SecretReference | undefined }
  | { readonly method: "passphrase"; readonly passphrase: SecretReference; readonly hmacKey: SecretReference | undefined }
  | { readonly method: "none" };

/** How long keys with a tag are kept after their revocation. */
export interface TagClass {
  readonly tag: string;
  readonly keepSeconds: number;
}

/** What a retention file says (server/setup/config/retention-file.ts). */
export interface RetentionFile {
  readonly defaultSeconds?: number;
  readonly tags: readonly TagClass[];
  readonly overrides: readonly {
    readonly namespace?: string;
    readonly keyId: string;
    readonly version?: number;
    readonly keepSeconds: number;
  }[];
  readonly namespaces: Readonly<Record<string, { readonly defaultSeconds?: number; readonly tags: readonly TagClass[] }>>;
}

/** What the vault gets. Paths are absolute. */
export interface VaultConfig {
  readonly preset: Preset;
  readonly logLevel: LogLevel;
  readonly dataDir: string;
  readonly storage: {
    readonly backend: "memory" | "sqlite" | "filesystem";
    readonly sqlitePath: string;
    readonly cacheSizeBytes: number;
    readonly wal: boolean;
    readonly syncMode: SyncMode;
    /** Times that a file is overwritten with random bytes before it is zeroed and removed. */
    readonly shredIterations: number;
  };
  readonly audit: {
    readonly path: string;
    /** Files of their own, or a database beside. */
    readonly store: "files" | "sqlite";
    readonly syncMode: SyncMode;
    /** First line of checkpoints; empty = made from the vault's id. */
    readonly origin: string;
    readonly checkpointEvents: number;
    readonly checkpointSeconds: number;
    readonly segmentSeconds: number;
    /** Who is asked to cosign checkpoints: submission prefix and verifier key. */
    readonly witnesses: readonly { readonly url: string; readonly key: string }[];
    /** Who must approve before the vault goes on without a damaged part of the log, besides who asks. */
    readonly breakApprovals: number;
    /** Streams of the log that may be open at once. */
    readonly maxStreams: number;
    /** Folder that old segments are moved to. */
    readonly archivePath?: string;
    readonly archiveAfterDays: number;
    /** Archived segments whose last event is older are deleted; never when left out. */
    readonly retentionDays?: number;
  };
  readonly unseal: UnsealConfig;
  readonly minPassphraseLength: number;
  /** Policy document of a new vault. */
  readonly firstPolicyPath: string | undefined;
  /** What stands there, for the vault alone; undefined when it cannot be read. */
  readonly firstPolicyText?: string | undefined;
  /** A changed configuration is worked with once somebody accepted it. */
  readonly requireAcceptedConfig: boolean;
  readonly requireStrongPassphrase: boolean;
  readonly auth: {
    readonly keySets: readonly JwtKeySet[];
    readonly keySetReloadSeconds: number;
    readonly keyFetch: KeyFetchConfig;
    readonly oidcProviders: readonly OidcProvider[];
    readonly certificates: readonly CertificateBinding[];
    /** PEM file of the authorities; the vault checks the certificate chain again. */
    readonly caPath: string | undefined;
    /** How often the authorities are read again, in seconds; 0 = never. */
    readonly caReloadSeconds: number;
    readonly revocation: RevocationConfig;
    /** True only in the development preset: requests vouched as "development listener" act as this principal. */
    readonly developmentPrincipal: string | undefined;
  };
  readonly sessions: {
    /** From the login to the end, whatever happens in between. */
    readonly sessionSeconds: number;
    readonly accessTokenSeconds: number;
    readonly maxAuthAttempts: number;
    readonly lockoutSeconds: number;
    /** Undefined = no WebAuthn factor can be registered. */
    readonly webAuthn: { readonly rpId: string; readonly rpName: string; readonly origins: readonly string[] } | undefined;
  };
  readonly rsaPkcs1Decryption: boolean;
  readonly weakerWrapping: boolean;
  /** Device of a hardware random source that is mixed into the system's; the launcher opens it. */
  readonly hardwareRandomPath: string | undefined;
  readonly lifecycle: {
    /** How long DestroyKey waits when the request does not say. */
    readonly destructionDelaySeconds: number;
    /** The least it may wait; above 0, DeleteKey is refused. */
    readonly minDestructionDelaySeconds: number;
    /** How long DeleteNamespace waits when the request does not say, and the least it may wait. */
    readonly namespaceDeletionDelaySeconds: number;
    readonly minNamespaceDeletionDelaySeconds: number;
    /** From ApprovePurge until the destruction is due. */
    readonly purgeGraceSeconds: number;
    /** How long keys are kept after their revocation, by tag. */
    readonly retention: readonly TagClass[];
    /** The file that says more of it, and what it says; undefined until it was read. */
    readonly retentionFilePath: string | undefined;
    readonly retentionFile: RetentionFile | undefined;
    /** How often due activations, deactivations and destructions are looked for. */
    readonly intervalSeconds: number;
  };
  /** Whether policy scripts may be run. */
  readonly scripts: { readonly enabled: boolean };
  /** Whether events may be sent anywhere. */
  readonly sinks: { readonly enabled: boolean };
  /** Keys in memory alone: how many a principal may have, and how long one lives without a use. */
  readonly sessionKeys: { readonly most: number; readonly idleSeconds: number };
  readonly approvals: ApprovalsConfig;
  readonly namespaces: Readonly<Record<string, NamespaceConfig>>;
  /** `poolJobs`: costly operations at once; 0 = one per processor of wherever the vault runs. */
  readonly limits: { readonly maxInFlight: number; readonly poolJobs: number; readonly rates: RateLimitsConfig };
  readonly alerts: AlertsConfig;
  /** Undefined: the vault makes no spans. `names`: whether they say namespaces and key ids. */
  readonly tracing: { readonly names: boolean } | undefined;
  /** How often sizes of files and disks, and what other processes say of themselves, are looked at. */
  readonly collectionIntervalSeconds: number;
  /** Upper bounds of the duration histograms, in seconds; empty = summaries alone. */
  readonly histogramBuckets: readonly number[];
}

export interface LoggingConfig {
  readonly level: LogLevel;
  readonly format: "json" | "pretty";
  readonly output: "console" | "file" | "both";
  readonly filePath: string;
  readonly maxFileSizeBytes: number;
  readonly maxBackupFiles: number;
}

/** Everything, as setup prints it for the launcher. */
export interface EffectiveConfig {
  readonly gateway: GatewayConfig;
  readonly vault: VaultConfig;
  /** Connectors that the configuration needs, or that the vault may ask for. */
  readonly connectors: readonly ConnectorConfig[];
  readonly logging: LoggingConfig;
  /** Lines to show the operator once the server is ready (development preset: where the credentials are). */
  readonly notices: readonly string[];
}
