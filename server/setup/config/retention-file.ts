/**
 * The file of `lifecycle.retention_file`: how long revoked keys are kept, in whole days.
 *
 *      default_days: 365
 *      tags: { compliance.sox: 2557 }
 *      overrides:
 *        - { key_id: root-2020, days: 3650 }
 *        - { key_id: root-2020, namespace: payments, version: 3, days: 30 }
 *      namespaces:
 *        payments: { default_days: 730, tags: { test.ephemeral: 7 } }
 *
 * YAML or JSON, read once at the start. What the members mean is said in server/vault/objects/retention.ts; every mistake
 * in the file is named with its line.
 */
import { z } from "zod";
import type { RetentionFile } from "@keystead/contract/config";
import { type Mistake, dotted } from "./mistake.ts";
import type { KeyPath } from "./schema-walk.ts";
import { readYamlLayer } from "./yaml-layer.ts";

/** A hundred years. */
const days = z.int().min(0).max(36_525);
const tags = z.record(z.string().min(1).max(128), days);
const classes = { default_days: days.optional(), tags: tags.optional() };
const namespace = z.string().regex(/^[a-z0-9][a-z0-9-]{0,62}$/);
const override = z.strictObject({
  namespace: namespace.optional(),
  key_id: z.string().regex(/^[A-Za-z0-9._-]{1,128}$/),
  version: z.int().min(1).optional(),
  days,
});
const file = z.strictObject({
  ...classes,
  overrides: z.array(override).optional(),
  namespaces: z.record(namespace, z.strictObject(classes)).optional(),
});

const SECONDS = 86_400;

const classesOf = (
  read: { default_days?: number | undefined; tags?: Record<string, number> | undefined } = {},
): Pick<RetentionFile, "defaultSeconds" | "tags"> => ({
  ...(read.default_days === undefined ? {} : { defaultSeconds: read.default_days * SECONDS }),
  tags: Object.entries(read.tags ?? {}).map(([tag, keep]) => ({ tag, keepSeconds: keep * SECONDS })),
});

/** What the file says, or every mistake in it. */
export function readRetentionFile(path: string): { readonly file: RetentionFile | undefined; readonly mistakes: readonly Mistake[] } {
  const { layer, mistakes } = readYamlLayer(path);
  if (layer === undefined || mistakes.length > 0) return { file: undefined, mistakes };
  const read = file.safeParse(layer.tree);
  if (!read.success)
    return {
      file: undefined,
      mistakes: read.error.issues.map((issue) => ({
        place: layer.placeOf(issue.path as KeyPath) ?? { source: path },
        key: dotted(issue.path as KeyPath),
        problem: issue.code === "unrecognized_keys" ? `no such member: ${issue.keys.join(", ")}` : issue.message,
        remedy: "whole days, as the page of configuration shows",
      })),
    };
  const { overrides = [], namespaces = {}, ...general } = read.data;
  return {
    mistakes: [],
    file: {
      ...classesOf(general),
      overrides: overrides.map(({ namespace: at, key_id: keyId, version, days: keep }) => ({
        ...(at === undefined ? {} : { namespace: at }),
        keyId,
        ...(version === undefined ? {} : { version }),
        keepSeconds: keep * SECONDS,
      })),
      namespaces: Object.fromEntries(Object.entries(namespaces).map(([name, own]) => [name, classesOf(own)])),
    },
  };
}
