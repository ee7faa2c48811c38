/**
 * What a program that a test starts has of the environment: the search path, and the folder where `npm test` lets Node keep
 * compiled code (tools/test.ts). Nothing else of whoever runs the tests.
 *
 * The vault and its neighbours have neither: the launcher gives them environments of their own.
 */
const KEPT = ["PATH", "NODE_COMPILE_CACHE"] as const;

export const ENVIRONMENT: Readonly<Record<string, string>> = Object.freeze(
  Object.fromEntries(KEPT.flatMap((name) => (process.env[name] === undefined ? [] : [[name, process.env[name]]]))),
);
