import { hash } from "node:crypto";
import { HsmError } from "@keystead/contract/errors";
import type { SimulateScriptRequest } from "@keystead/contract/generated/hsm/scripts_pb";
import { simulateScript as operation } from "@keystead/contract/operations/simulate-script";
import { MAX_CONTEXT_BYTES } from "@keystead/contract/scripts";
import { environmentFacts, principalFacts } from "../scripts/context.ts";
import type { RunnableScript } from "../scripts/runner.ts";
import { runnable, storedScript, storedVersion } from "../scripts/stored-script.ts";
import { handler, scriptsOf, type Context } from "./handler.ts";
import { engineName, limitsName } from "./script-message.ts";

/** What a script says of a made-up request. Nothing depends on it, and the script is told so. */
export const simulateScript = handler(operation, async ({ request, principal }, context) => {
  const told = {
    contextVersion: 1,
    operation: "Sign",
    namespace: principal.defaultNamespace,
    principal: principalFacts(principal),
    environment: environmentFacts({ address: "", requestId: "", batched: false }, context.objects.now()),
    ...givenContext(request.context),
    simulate: true,
  };
  const text = JSON.stringify(told);
  if (Buffer.byteLength(text) > MAX_CONTEXT_BYTES) throw new HsmError("INVALID_REQUEST", "context: is too large");
  const answer = await scriptsOf(context).decide(scriptFor(request, context), Buffer.from(text, "utf8"), principal.id);
  return {
    reply:
      "failed" in answer
        ? { failure: answer.failed, failureReason: answer.reason, fuel: answer.fuel, context: text }
        : { decision: answer.decision, fuel: answer.fuel, context: text },
  };
});

/** The uploaded script that is named, or the one that came along. @throws {HsmError} INVALID_REQUEST; OBJECT_NOT_FOUND */
function scriptFor(request: SimulateScriptRequest, { documents }: Context): RunnableScript {
  const { script, version, source } = request;
  if ((script === "") === (source.length === 0)) throw new HsmError("INVALID_REQUEST", "either script or source must be given");
  if (script !== "")
    return runnable(documents, script, storedVersion(documents, script, version || storedScript(documents, script).newest));
  const engine = engineName(request.engine);
  if (engine === undefined) throw new HsmError("INVALID_REQUEST", "engine: must be given with source");
  const limits = limitsName(request.limits);
  return { name: `${hash("sha256", source, "hex")}/${engine}/${limits}`, engine, limits, source: () => Promise.resolve(source) };
}

/** @throws {HsmError} INVALID_REQUEST for anything but a JSON object */
function givenContext(text: string): object {
  if (text === "") return {};
  try {
    const value: unknown = JSON.parse(text);
    if (value !== null && typeof value === "object" && !Array.isArray(value)) return value;
  } catch {
    // Said below.
  }
  throw new HsmError("INVALID_REQUEST", "context: must be a JSON object");
}
