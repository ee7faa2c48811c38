/** A policy script as the public message, and the words of its enums. */
import type { MessageInitShape } from "@bufbuild/protobuf";
import { timestampFromMs } from "@bufbuild/protobuf/wkt";
import { ScriptEngine, ScriptLimits, type ScriptSchema, type ScriptVersionSchema } from "@keystead/contract/generated/hsm/scripts_pb";
import type { ScriptEngine as EngineName, ScriptLimitsName } from "@keystead/contract/scripts";
import type { StoredScript, StoredVersion } from "../scripts/stored-script.ts";

const ENGINES: Readonly<Record<EngineName, ScriptEngine>> = Object.freeze({ wasm: ScriptEngine.WASM, lua: ScriptEngine.LUA });
const LIMITS: Readonly<Record<ScriptLimitsName, ScriptLimits>> = Object.freeze({
  default: ScriptLimits.DEFAULT,
  strict: ScriptLimits.STRICT,
  relaxed: ScriptLimits.RELAXED,
});

/** The engine's name; undefined when none is said. */
export const engineName = (engine: ScriptEngine): EngineName | undefined =>
  (Object.keys(ENGINES) as EngineName[]).find((name) => ENGINES[name] === engine);

/** The limits' name; the default when none is said. */
export const limitsName = (limits: ScriptLimits): ScriptLimitsName =>
  (Object.keys(LIMITS) as ScriptLimitsName[]).find((name) => LIMITS[name] === limits) ?? "default";

const versionMessage = (stored: StoredVersion): MessageInitShape<typeof ScriptVersionSchema> => ({
  version: stored.version,
  engine: ENGINES[stored.engine],
  limits: LIMITS[stored.limits],
  sha256: stored.sha256,
  sizeBytes: stored.sizeBytes,
  scope: {
    namespaces: [...stored.namespaces],
    operations: [...stored.operations],
    keyIds: [...stored.keyIds],
    tags: [...stored.tags],
  },
  approval: { ...stored.approval, roles: [...stored.approval.roles] },
  description: stored.description,
  uploadedBy: stored.uploadedBy,
  uploadedAt: timestampFromMs(stored.uploadedAt),
});

export const scriptMessage = ({ name, enabled, inForce, versions }: StoredScript): MessageInitShape<typeof ScriptSchema> => ({
  script: name,
  enabled,
  version: inForce,
  versions: versions.map(versionMessage),
});
