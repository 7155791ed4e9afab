/** The definition of a setting. Receivers define their settings in the same way. */
import { z } from 'zod';

export interface Setting {
  /** Parses the text of the environment variable. */
  readonly schema: z.ZodType<unknown, string>;
  /** In the form that a user would write. Absent: the setting is unset by default. */
  readonly default?: string;
  /** Completes the sentence "must be …". */
  readonly allowed: string;
  /** One line, for `--help` and docs/settings.md. */
  readonly about: string;
  /** Additional sentences for docs/settings.md. */
  readonly details?: string;
  /** The value is never printed, and can also be read from the file whose path is in NAME_FILE. */
  readonly secret?: true;
}

export type SettingTable = Readonly<Record<string, Setting>>;

/** The parsed values of a table. A setting without a default may be undefined. */
export type ValuesOf<T extends SettingTable> = {
  readonly [Name in keyof T]: z.output<T[Name]['schema']> | (T[Name] extends { default: string } ? never : undefined);
};

/** A heading of docs/settings.md and the settings below it. */
export interface SettingGroup {
  readonly title: string;
  readonly settings: SettingTable;
}

export const text = () => z.string().trim();

/** Printable ASCII without spaces, so that the value can be sent in an HTTP header. */
export const token = () => text().regex(/^[\x21-\x7e]+$/);

export const integer = (min: number, max: number) => numeric(/^\d+$/, min, max);

export const decimal = (min: number, max: number) => numeric(/^\d+(\.\d+)?$/, min, max);

const numeric = (form: RegExp, min: number, max: number) =>
  text()
    .regex(form)
    .transform(Number)
    .refine((n) => n >= min && n <= max);

const TRUE = ['true', '1', 'yes', 'on'];
const FALSE = ['false', '0', 'no', 'off'];

export const flag = () =>
  text()
    .toLowerCase()
    .refine((s) => TRUE.includes(s) || FALSE.includes(s))
    .transform((s) => TRUE.includes(s));

/** A flag, or `word`. */
export const flagOr = <const T extends string>(word: T) =>
  z.union([text().toLowerCase().pipe(z.literal(word)), flag()]);

export const oneOf = <const T extends readonly string[]>(values: T) => text().toLowerCase().pipe(z.enum(values));

export const url = (...protocols: readonly string[]) =>
  text().refine((s) => URL.canParse(s) && protocols.includes(new URL(s).protocol));

export const httpUrl = () => url('http:', 'https:');

/** `a, b or c` */
export function either(values: readonly string[]): string {
  return values.length < 2 ? values.join() : `${values.slice(0, -1).join(', ')} or ${values.at(-1)}`;
}
