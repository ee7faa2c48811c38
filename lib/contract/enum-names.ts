/**
 * How enum values are spelled for people: REST, command line, configuration, audit log.
 *
 * Algorithms and digests have a table of their own with aliases; every other enum is spelled as its value name
 * without the enum's prefix, in lower case (KEY_STATE_ACTIVE is `active`). Parsing accepts these spellings, the
 * proto's own names, and any case; key states have the aliases of lifecycle.ts besides (`staged`).
 */
import type { DescEnum } from "@bufbuild/protobuf";
import { ALGORITHMS, DIGESTS, findAlgorithm, findDigest, type AlgorithmName, type DigestName } from "./algorithms.ts";
import { Algorithm, AlgorithmSchema, Digest, DigestSchema, KeyState, KeyStateSchema } from "./generated/hsm/hsm_pb.ts";
import { STATES, STATE_NAMES } from "./lifecycle.ts";

const algorithmByNumber = new Map<number, AlgorithmName>();
const numberByAlgorithm = new Map<AlgorithmName, Algorithm>();
for (const name of Object.keys(ALGORITHMS) as AlgorithmName[]) {
  const number = Algorithm[ALGORITHMS[name].proto as keyof typeof Algorithm];
  algorithmByNumber.set(number, name);
  numberByAlgorithm.set(name, number);
}
const digestByNumber = new Map<number, DigestName>();
const numberByDigest = new Map<DigestName, Digest>();
for (const name of Object.keys(DIGESTS) as DigestName[]) {
  const number = Digest[DIGESTS[name].proto as keyof typeof Digest];
  digestByNumber.set(number, name);
  numberByDigest.set(name, number);
}

/** Canonical name of an Algorithm enum number; undefined for ALGORITHM_UNSPECIFIED and unknown numbers. */
export const algorithmName = (number: number): AlgorithmName | undefined => algorithmByNumber.get(number);
export const algorithmNumber = (name: AlgorithmName): Algorithm => numberByAlgorithm.get(name) as Algorithm;
export const digestName = (number: number): DigestName | undefined => digestByNumber.get(number);
export const digestNumber = (name: DigestName): Digest => numberByDigest.get(name) as Digest;

function prefixOf(desc: DescEnum): string {
  return desc.sharedPrefix === undefined ? "" : desc.sharedPrefix.toUpperCase();
}

/** The people's spelling of an enum number, or undefined when the number is zero or unknown. */
export function enumSpelling(desc: DescEnum, number: number): string | undefined {
  if (number === 0) return undefined;
  if (desc.typeName === AlgorithmSchema.typeName) return algorithmByNumber.get(number);
  if (desc.typeName === DigestSchema.typeName) return digestByNumber.get(number);
  const value = desc.value[number];
  return value?.name.slice(prefixOf(desc).length).toLowerCase();
}

/** The number behind any accepted spelling, or undefined. */
export function enumNumber(desc: DescEnum, spelling: string): number | undefined {
  if (desc.typeName === AlgorithmSchema.typeName) {
    const name = findAlgorithm(spelling);
    return name === undefined ? undefined : numberByAlgorithm.get(name);
  }
  if (desc.typeName === DigestSchema.typeName) {
    const name = findDigest(spelling);
    return name === undefined ? undefined : numberByDigest.get(name);
  }
  if (desc.typeName === KeyStateSchema.typeName) {
    const state = STATE_NAMES.find((name) => (STATES[name].aliases as readonly string[]).includes(spelling.toLowerCase()));
    if (state !== undefined) return KeyState[STATES[state].proto.slice("KEY_STATE_".length) as keyof typeof KeyState];
  }
  const wanted = spelling.toUpperCase().replaceAll("-", "_");
  const prefix = prefixOf(desc);
  return desc.values.find((value) => value.number !== 0 && (value.name === wanted || value.name === prefix + wanted))?.number;
}

/** Every spelling people see, for messages and documentation. */
export const enumSpellings = (desc: DescEnum): readonly string[] => desc.values.flatMap((value) => enumSpelling(desc, value.number) ?? []);
