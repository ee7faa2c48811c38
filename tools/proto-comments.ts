/**
 * The comments of proto/hsm, by full name: descriptors at run time carry none, and the OpenAPI document wants them.
 */

interface Location {
  readonly path?: readonly number[];
  readonly leadingComments?: string;
}
interface Named {
  readonly name: string;
}
interface Message extends Named {
  readonly field?: readonly Named[];
  readonly nestedType?: readonly Message[];
}
interface Enum extends Named {
  readonly value?: readonly Named[];
}
interface Service extends Named {
  readonly method?: readonly Named[];
}
interface File {
  readonly name: string;
  readonly package: string;
  readonly messageType?: readonly Message[];
  readonly enumType?: readonly Enum[];
  readonly service?: readonly Service[];
  readonly sourceCodeInfo?: { readonly location?: readonly Location[] };
}

/** Field numbers of FileDescriptorProto and its parts (descriptor.proto). */
const MESSAGE = 4;
const ENUM = 5;
const SERVICE = 6;
const MEMBER = 2;

function nameAt(file: File, path: readonly number[]): string | undefined {
  const [kind, index = -1, member, memberIndex = -1, ...rest] = path;
  if (rest.length > 0) return undefined;
  const owner =
    kind === MESSAGE
      ? file.messageType?.[index]
      : kind === ENUM
        ? file.enumType?.[index]
        : kind === SERVICE
          ? file.service?.[index]
          : undefined;
  if (owner === undefined) return undefined;
  const name = `${file.package}.${owner.name}`;
  if (member === undefined) return name;
  if (member !== MEMBER) return undefined;
  const members = (owner as Message).field ?? (owner as Enum).value ?? (owner as Service).method;
  const found = members?.[memberIndex];
  return found === undefined ? undefined : `${name}.${found.name}`;
}

/** `{fullName: comment}` out of a buf image in JSON form, sorted by name. */
export function commentsOf(imageJson: string): Record<string, string> {
  const image = JSON.parse(imageJson) as { readonly file: readonly File[] };
  const found: [string, string][] = [];
  for (const file of image.file.filter(({ package: name }) => name === "hsm")) {
    for (const { path, leadingComments } of file.sourceCodeInfo?.location ?? []) {
      const name = leadingComments === undefined || path === undefined ? undefined : nameAt(file, path);
      if (name !== undefined && leadingComments !== undefined) found.push([name, leadingComments.trim().replaceAll(/\n ?/g, " ")]);
    }
  }
  return Object.fromEntries(found.sort(([a], [b]) => (a < b ? -1 : 1)));
}
