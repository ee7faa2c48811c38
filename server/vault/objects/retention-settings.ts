/** How long keys are kept, as the configuration says it. */
import type { RetentionFile, TagClass, VaultConfig } from "@keystead/contract/config";
import type { RetentionClasses, RetentionRules } from "./retention.ts";

/** What configuration and retention file say together; for the same tag the file counts. */
export function retentionRules({ retention, retentionFile }: VaultConfig["lifecycle"]): RetentionRules {
  const milliseconds = (classes: readonly TagClass[]) => classes.map(({ tag, keepSeconds }) => [tag, keepSeconds * 1000] as const);
  const classes = ({ defaultSeconds, tags }: Pick<RetentionFile, "defaultSeconds" | "tags">): RetentionClasses => ({
    ...(defaultSeconds === undefined ? {} : { keep: defaultSeconds * 1000 }),
    tags: new Map(milliseconds(tags)),
  });
  const { overrides = [], namespaces = {}, ...general } = retentionFile ?? { tags: [] };
  return {
    ...classes({ ...general, tags: [...retention, ...general.tags] }),
    overrides: overrides.map(({ keepSeconds, ...which }) => ({ ...which, keep: keepSeconds * 1000 })),
    namespaces: new Map(Object.entries(namespaces).map(([name, own]) => [name, classes(own)])),
  };
}
