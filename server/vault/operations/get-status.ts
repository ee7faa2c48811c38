import { timestampFromMs } from "@bufbuild/protobuf/wkt";
import { VERSION } from "@keystead/contract/version";
import { getStatus as operation } from "@keystead/contract/operations/get-status";
import type { SelfTestReport } from "@keystead/crypto/self-tests/run";
import { handler } from "./handler.ts";

const selfTestsMessage = ({ passed, time, durationUs, results }: SelfTestReport) => ({
  passed,
  time: timestampFromMs(time),
  durationUs,
  results: results.map((result) => ({ ...result })),
});

/** How the server is. */
export const getStatus = handler(operation, async (_invocation, context) => {
  const { uptimeSeconds, auditSequence, auditCheckpointSize, auditFirstBadSequence, maintenanceSteps, selfTests, rekey, ...facts } =
    context.status();
  return {
    reply: {
      version: VERSION,
      uptimeSeconds: BigInt(Math.floor(uptimeSeconds)),
      auditSequence: BigInt(auditSequence),
      auditCheckpointSize: BigInt(auditCheckpointSize),
      auditFirstBadSequence: BigInt(auditFirstBadSequence),
      maintenanceSteps: [...maintenanceSteps],
      ...facts,
      ...(rekey === undefined ? {} : { rekey: { ...rekey, recordsRenewed: BigInt(rekey.recordsRenewed), records: BigInt(rekey.records) } }),
      ...(selfTests === undefined ? {} : { selfTests: selfTestsMessage(selfTests) }),
    },
  };
});
