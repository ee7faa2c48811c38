/** Option values that are whole numbers within limits. */
import { usageError } from "./usage-error.ts";

/** A parser for commander; says the option and the limits when the text is something else. */
export const wholeNumber =
  (option: string, min: number, max: number) =>
  (text: string): number => {
    const value = /^[0-9]{1,16}$/.test(text) ? Number(text) : Number.NaN;
    if (!(value >= min && value <= max)) throw usageError(`${option}: '${text}' is not a whole number from ${min} to ${max}`);
    return value;
  };
