/**
 * What every message of OTLP/JSON is made of.
 *
 * JSON, because it is the proto's own mapping and needs no code of anybody else: 64-bit numbers are strings, ids are
 * hexadecimal, enums are numbers.
 *
 * @see https://opentelemetry.io/docs/specs/otlp/#json-protobuf-encoding
 */
import { VERSION } from "./version.ts";

export interface OtlpAttribute {
  readonly key: string;
  readonly value: { readonly stringValue: string } | { readonly intValue: string };
}

export const otlpText = (key: string, value: string): OtlpAttribute => ({ key, value: { stringValue: value } });
export const otlpNumber = (key: string, value: number): OtlpAttribute => ({ key, value: { intValue: String(value) } });

/** @param ms milliseconds since the epoch, with fractions to the microsecond */
export const otlpTime = (ms: number): string => String(BigInt(Math.round(ms * 1000)) * 1000n);

/** Who sent it. @param more what tells one sender of this service from the other */
export const otlpResource = (...more: readonly OtlpAttribute[]): object => ({
  attributes: [otlpText("service.name", "keystead"), otlpText("service.version", VERSION), ...more],
});

export const OTLP_SCOPE = Object.freeze({ name: "keystead", version: VERSION });
