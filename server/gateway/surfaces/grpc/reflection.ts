/**
 * gRPC server reflection, v1 and v1alpha: tools learn the contract from the server.
 *
 * It answers from the generated descriptors, the same that everything else is made of.
 *
 * @see https://github.com/grpc/grpc/blob/master/doc/server-reflection.md
 */
import { create, fromBinary, toBinary, type DescFile } from "@bufbuild/protobuf";
import { FileDescriptorProtoSchema } from "@bufbuild/protobuf/wkt";
import { HsmError } from "@keystead/contract/errors";
import { Health, file_grpc_health_v1_health } from "@keystead/contract/generated/grpc/health/v1/health_pb";
import * as v1 from "@keystead/contract/generated/grpc/reflection/v1/reflection_pb";
import * as v1alpha from "@keystead/contract/generated/grpc/reflection/v1alpha/reflection_pb";
import { HsmService, file_hsm_hsm } from "@keystead/contract/generated/hsm/hsm_pb";
import type { StreamingMethod } from "./streaming-method.ts";

/** google.rpc.Code */
const INVALID_ARGUMENT = 3;
const NOT_FOUND = 5;
const UNIMPLEMENTED = 12;

const SERVICES = [HsmService.typeName, Health.typeName, v1.ServerReflection.typeName, v1alpha.ServerReflection.typeName];

/** Every file that the services reach, by name and by the symbols it declares. */
class Catalogue {
  readonly #byName = new Map<string, DescFile>();
  readonly #bySymbol = new Map<string, DescFile>();
  readonly #extensions = new Map<string, Map<number, DescFile>>();

  constructor(roots: readonly DescFile[]) {
    for (const root of roots) this.#add(root);
  }

  file(name: string): DescFile | undefined {
    return this.#byName.get(name);
  }

  declaring(symbol: string): DescFile | undefined {
    return this.#bySymbol.get(symbol);
  }

  extending(type: string): ReadonlyMap<number, DescFile> | undefined {
    return this.#extensions.get(type) ?? (this.#bySymbol.has(type) ? new Map() : undefined);
  }

  /** A file and everything it imports, each once, the file itself first. */
  closure(file: DescFile): readonly Uint8Array[] {
    const found = new Set<DescFile>();
    const visit = (at: DescFile): void => {
      if (found.has(at)) return;
      found.add(at);
      for (const dependency of at.dependencies) visit(dependency);
    };
    visit(file);
    return [...found].map((at) => toBinary(FileDescriptorProtoSchema, at.proto));
  }

  #add(file: DescFile): void {
    const name = file.proto.name;
    if (this.#byName.has(name)) return;
    this.#byName.set(name, file);
    const prefix = file.proto.package === "" ? "" : `${file.proto.package}.`;
    const message = (scope: string, proto: (typeof file.proto.messageType)[number]): void => {
      const full = scope + proto.name;
      this.#bySymbol.set(full, file);
      for (const field of [...proto.field, ...proto.oneofDecl, ...proto.extension]) this.#bySymbol.set(`${full}.${field.name}`, file);
      for (const inner of proto.enumType) this.#enum(`${full}.`, inner, file);
      for (const extension of proto.extension) this.#extension(extension, file);
      for (const inner of proto.nestedType) message(`${full}.`, inner);
    };
    for (const proto of file.proto.messageType) message(prefix, proto);
    for (const proto of file.proto.enumType) this.#enum(prefix, proto, file);
    for (const service of file.proto.service) {
      this.#bySymbol.set(prefix + service.name, file);
      for (const method of service.method) this.#bySymbol.set(`${prefix}${service.name}.${method.name}`, file);
    }
    for (const extension of file.proto.extension) {
      this.#bySymbol.set(prefix + extension.name, file);
      this.#extension(extension, file);
    }
    for (const dependency of file.dependencies) this.#add(dependency);
  }

  /** Enum values are siblings of their enum (C++ scoping). */
  #enum(scope: string, proto: { readonly name: string; readonly value: readonly { readonly name: string }[] }, file: DescFile): void {
    this.#bySymbol.set(scope + proto.name, file);
    for (const value of proto.value) this.#bySymbol.set(scope + value.name, file);
  }

  #extension(extension: { readonly extendee: string; readonly number: number }, file: DescFile): void {
    const type = extension.extendee.replace(/^\./, "");
    const numbers = this.#extensions.get(type) ?? new Map<number, DescFile>();
    numbers.set(extension.number, file);
    this.#extensions.set(type, numbers);
  }
}

type Answer = Pick<v1.ServerReflectionResponse, "messageResponse">["messageResponse"];

const refusal = (errorCode: number, errorMessage: string): Answer => ({
  case: "errorResponse",
  value: create(v1.ErrorResponseSchema, { errorCode, errorMessage }),
});

function answerTo(catalogue: Catalogue, { case: question, value }: v1.ServerReflectionRequest["messageRequest"]): Answer {
  const files = (file: DescFile | undefined): Answer =>
    file === undefined
      ? refusal(NOT_FOUND, "there is no such file or symbol")
      : {
          case: "fileDescriptorResponse",
          value: create(v1.FileDescriptorResponseSchema, { fileDescriptorProto: [...catalogue.closure(file)] }),
        };
  switch (question) {
    case "fileByFilename":
      return files(catalogue.file(value));
    case "fileContainingSymbol":
      return files(catalogue.declaring(value.replace(/^\./, "")));
    case "fileContainingExtension":
      return files(catalogue.extending(value.containingType)?.get(value.extensionNumber));
    case "allExtensionNumbersOfType": {
      const numbers = catalogue.extending(value);
      if (numbers === undefined) return refusal(NOT_FOUND, "there is no such type");
      return {
        case: "allExtensionNumbersResponse",
        value: create(v1.ExtensionNumberResponseSchema, {
          baseTypeName: value,
          extensionNumber: [...numbers.keys()].sort((a, b) => a - b),
        }),
      };
    }
    case "listServices":
      return { case: "listServicesResponse", value: create(v1.ListServiceResponseSchema, { service: SERVICES.map((name) => ({ name })) }) };
    case undefined:
      return refusal(INVALID_ARGUMENT, "the request asks nothing");
    default:
      return refusal(UNIMPLEMENTED, "the question is not known");
  }
}

const catalogue = new Catalogue([
  file_hsm_hsm,
  file_grpc_health_v1_health,
  v1.file_grpc_reflection_v1_reflection,
  v1alpha.file_grpc_reflection_v1alpha_reflection,
]);

/** grpc.reflection.v1.ServerReflection/ServerReflectionInfo. */
export const reflectV1: StreamingMethod = async function* reflect(requests) {
  for await (const bytes of requests) {
    let originalRequest: v1.ServerReflectionRequest;
    try {
      originalRequest = fromBinary(v1.ServerReflectionRequestSchema, bytes);
    } catch {
      throw new HsmError("INVALID_REQUEST", "the message cannot be read");
    }
    yield toBinary(
      v1.ServerReflectionResponseSchema,
      create(v1.ServerReflectionResponseSchema, {
        validHost: originalRequest.host,
        originalRequest,
        messageResponse: answerTo(catalogue, originalRequest.messageRequest),
      }),
    );
  }
};

/** v1alpha has the same messages under another package name; a test compares their descriptors. */
export const reflectV1Alpha = reflectV1;
