/** Option values that are points in time or lengths of time. */
import { usageError } from "./usage-error.ts";

/** A parser for commander: `2030-01-31`, `2030-01-31T12:00:00Z`. */
export const pointInTime =
  (option: string) =>
  (text: string): Date => {
    const time = /^\d{4}-\d{2}-\d{2}(T\d{2}:\d{2}(:\d{2}(\.\d{1,3})?)?(Z|[+-]\d{2}:\d{2}))?$/.test(text) ? new Date(text) : undefined;
    if (time === undefined || Number.isNaN(time.getTime()))
      throw usageError(`${option}: '${text}' is not a time such as 2030-01-31 or 2030-01-31T12:00:00Z`);
    return time;
  };

const UNIT_SECONDS: Readonly<Record<string, number>> = { "": 1, s: 1, m: 60, h: 3600, d: 86_400 };

/** A parser for commander: `90s`, `30m`, `12h`, `7d`, or seconds without a unit. In seconds. */
export const lengthOfTime =
  (option: string) =>
  (text: string): number => {
    const [, digits = "", unit = ""] = /^(\d{1,9})([smhd]?)$/.exec(text) ?? [];
    if (digits === "") throw usageError(`${option}: '${text}' is not a length of time such as 30m, 12h or 7d`);
    return Number(digits) * (UNIT_SECONDS[unit] as number);
  };
