/** The vault itself. */
import type { Ways } from "../operation-ways.ts";

export interface Status {
  readonly version: string;
  readonly phase: string;
  readonly uptimeSeconds: bigint;
  readonly preset: string;
  readonly auditSequence: bigint;
  readonly auditSyncMode: string;
  readonly auditIntegrity: string;
  /** The key that checkpoints of the audit log are signed by, NAME+ID+BASE64; empty while the vault is not open. */
  readonly auditVerifierKey: string;
  /** Events that the latest checkpoint covers. */
  readonly auditCheckpointSize: bigint;
  /** Why the phase is maintenance; empty otherwise. */
  readonly maintenance: string;
  /** The lowest sequence number of the audit log that is known to be missing or not to verify; 0 = none. */
  readonly auditFirstBadSequence: bigint;
  /** What an operator does about damage of log or store, in order; empty while none is known. */
  readonly maintenanceSteps: readonly string[];
  readonly store: string;
  readonly isolation: string;
  readonly memoryLocked: boolean;
  readonly selfTests?: SelfTests | undefined;
  readonly rekey?: RekeyProgress | undefined;
}

/** The self-tests of the server's start. */
export interface SelfTests {
  readonly passed: boolean;
  readonly time?: Date;
  readonly durationUs: number;
  readonly results: readonly SelfTest[];
}

export interface SelfTest {
  readonly name: string;
  /** mechanism, function or entropy. */
  readonly kind: string;
  readonly source: string;
  readonly passed: boolean;
  readonly durationUs: number;
}

export interface UnsealRequest {
  readonly secret: Uint8Array;
  readonly hmacKey?: Uint8Array | undefined;
}

export interface RekeyVaultRequest {
  readonly secret?: Uint8Array | undefined;
  readonly hmacKey?: Uint8Array | undefined;
  readonly newSecret?: Uint8Array | undefined;
  readonly newHmacKey?: Uint8Array | undefined;
  readonly newMethod?: "key" | "passphrase" | undefined;
}

export interface RekeyProgress {
  readonly generation: number;
  readonly complete: boolean;
  readonly recordsRenewed: bigint;
  readonly records: bigint;
}

export interface RekeyVaultResponse {
  readonly progress: RekeyProgress;
}

export interface PhaseResponse {
  readonly phase: string;
}

/** What the server noticed of trouble. */
export interface Alert {
  readonly alert: string;
  readonly subject: string;
  readonly state: string;
  readonly severity: string;
  readonly since?: Date;
  /** Undefined while it fires. */
  readonly until?: Date | undefined;
  /** Decimal numbers. */
  readonly value: string;
  readonly threshold: string;
  readonly unit: string;
  readonly meaning: string;
  readonly detail: string;
}

export interface VaultOperations {
  getStatus(): Promise<Status>;
  listAlerts(request?: { readonly firing?: boolean | undefined }): Promise<readonly Alert[]>;
  unseal(request: UnsealRequest): Promise<PhaseResponse>;
  rekeyVault(request: RekeyVaultRequest): Promise<RekeyVaultResponse>;
  seal(): Promise<PhaseResponse>;
}

export const VAULT_OPERATIONS: Ways<VaultOperations> = {
  getStatus: "GetStatus",
  listAlerts: ["ListAlerts", "alerts"],
  unseal: "Unseal",
  rekeyVault: "RekeyVault",
  seal: "Seal",
};
