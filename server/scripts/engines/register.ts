/** The engines there are, one row each. */
import type { ScriptEngine } from "@keystead/contract/scripts";
import type { Engine } from "../engine.ts";
import { luaEngine } from "./lua.ts";
import { wasmEngine } from "./wasm.ts";

export const ENGINES: Readonly<Record<ScriptEngine, Engine>> = Object.freeze({
  wasm: wasmEngine,
  lua: luaEngine,
});
