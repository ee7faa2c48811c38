import { hash } from "node:crypto";
import { HsmError } from "@keystead/contract/errors";
import { operationByName } from "@keystead/contract/operations/register";
import { uploadScript as operation } from "@keystead/contract/operations/upload-script";
import { scriptable } from "../scripts/script-gate.ts";
import { keepVersion, type StoredVersion } from "../scripts/stored-script.ts";
import { handler, scriptsOf } from "./handler.ts";
import { engineName, limitsName, scriptMessage } from "./script-message.ts";

const DAY_SECONDS = 86_400;

/** Keeps a version of a script, after the process that will run it has agreed to. It judges nothing before it is enabled. */
export const uploadScript = handler(operation, async ({ request, principal }, context) => {
  const { documents, objects } = context;
  const operations = request.scope?.operations ?? [];
  for (const name of operations) {
    const row = operationByName(name);
    if (row === undefined) throw new HsmError("INVALID_REQUEST", `scope.operations: there is no operation ${name}`);
    if (!scriptable(row)) throw new HsmError("INVALID_REQUEST", `scope.operations: ${name} is no operation that scripts are asked about`);
  }
  const engine = engineName(request.engine);
  if (engine === undefined) throw new HsmError("INVALID_REQUEST", "engine: must be given");
  const limits = limitsName(request.limits);
  const sha256 = hash("sha256", request.source, "hex");
  const answer = await scriptsOf(context).prepare({ name: `${sha256}/${engine}/${limits}`, engine, limits }, request.source);
  if ("refused" in answer) throw new HsmError("INVALID_REQUEST", `source: ${answer.refused}`);
  const facts: Omit<StoredVersion, "version"> = {
    engine,
    limits,
    sha256,
    sizeBytes: request.source.length,
    namespaces: request.scope?.namespaces ?? [],
    operations,
    keyIds: request.scope?.keyIds ?? [],
    tags: request.scope?.tags ?? [],
    approval: {
      quorum: request.approval?.quorum || 1,
      roles: request.approval?.roles.length ? request.approval.roles : ["Administrator"],
      expirySeconds: request.approval?.expirySeconds || DAY_SECONDS,
    },
    description: request.description,
    uploadedBy: principal.id,
    uploadedAt: objects.now(),
  };
  const { script, change } = await keepVersion(documents, request.script, facts, request.source);
  return { reply: { script: scriptMessage(script) }, change };
});
