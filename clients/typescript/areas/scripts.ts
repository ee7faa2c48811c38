/** Policy scripts. */
import type { Ways } from "../operation-ways.ts";

export type ScriptEngineName = "wasm" | "lua";
export type ScriptLimitsName = "default" | "strict" | "relaxed";

/** Requests a script is asked about; an empty or missing list matches everything. */
export interface ScriptScope {
  readonly namespaces?: readonly string[] | undefined;
  readonly operations?: readonly string[] | undefined;
  readonly keyIds?: readonly string[] | undefined;
  readonly tags?: readonly string[] | undefined;
}

/** Who must agree when the script asks for an approval. */
export interface ScriptApproval {
  readonly quorum?: number | undefined;
  readonly roles?: readonly string[] | undefined;
  readonly expirySeconds?: number | undefined;
}

export interface ScriptVersion {
  readonly version: number;
  readonly engine: ScriptEngineName;
  readonly limits: ScriptLimitsName;
  readonly sha256: string;
  readonly sizeBytes: number;
  readonly scope?: ScriptScope;
  readonly approval?: ScriptApproval;
  readonly description: string;
  readonly uploadedBy: string;
  readonly uploadedAt?: Date;
}

export interface Script {
  readonly script: string;
  readonly enabled: boolean;
  /** In force while it is enabled; 0 = none ever was. */
  readonly version: number;
  readonly versions: readonly ScriptVersion[];
}

export interface UploadScriptRequest {
  readonly script: string;
  readonly engine: ScriptEngineName;
  readonly source: Uint8Array;
  readonly limits?: ScriptLimitsName | undefined;
  readonly scope?: ScriptScope | undefined;
  readonly approval?: ScriptApproval | undefined;
  readonly description?: string | undefined;
}

export interface SimulateScriptRequest {
  readonly script?: string | undefined;
  readonly version?: number | undefined;
  readonly engine?: ScriptEngineName | undefined;
  readonly source?: Uint8Array | undefined;
  readonly limits?: ScriptLimitsName | undefined;
  /** JSON object. */
  readonly context?: string | undefined;
}

export interface Simulated {
  /** Empty when there is no decision. */
  readonly decision: string;
  readonly failure: string;
  readonly failureReason: string;
  readonly fuel: number;
  readonly context: string;
}

export interface ScriptOperations {
  uploadScript(request: UploadScriptRequest): Promise<Script>;
  getScript(request: { readonly script: string; readonly sourceVersion?: number | undefined }): Promise<{ script: Script; source: Buffer }>;
  listScripts(): Promise<readonly Script[]>;
  enableScript(request: { readonly script: string; readonly version?: number | undefined }): Promise<Script>;
  disableScript(request: { readonly script: string }): Promise<Script>;
  deleteScript(request: { readonly script: string }): Promise<object>;
  simulateScript(request: SimulateScriptRequest): Promise<Simulated>;
}

export const SCRIPT_OPERATIONS: Ways<ScriptOperations> = {
  uploadScript: ["UploadScript", "script"],
  getScript: "GetScript",
  listScripts: ["ListScripts", "scripts"],
  enableScript: ["EnableScript", "script"],
  disableScript: ["DisableScript", "script"],
  deleteScript: "DeleteScript",
  simulateScript: "SimulateScript",
};
