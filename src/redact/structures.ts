/**
 * Finds secrets whose name is not next to them: `{"name":"DB_PASSWORD","value":"…"}`, Kubernetes Secrets, JSON Web
 * Keys, and columns of tables.
 */
import { isSecretValue } from './judge.ts';
import { isMask } from './masks.ts';
import { isSecretName, secrecyOf } from './names.ts';
import type { Span } from './spans.ts';
import { readValues } from './values.ts';

/** A field that holds the name of a variable or header. */
const NAME_FIELD =
  /(?<![\w-])["']?(?:name|key|Name|Key|NAME|KEY|variable|header|field|param(?:eter)?)["']?[^\S\n]{0,8}[:=][^\S\n]{0,8}["']?([\p{L}_][\p{L}\p{N}_.-]{1,80})(?=["'\s,}>/])/gu;
/** The field with its value, before or after it in the same object. */
const VALUE_FIELD = /(?<![\w-])["']?(?:value|Value|VALUE|val|content|string_?value)["']?[^\S\n]{0,8}[:=][^\S\n]{0,8}/g;
/** Most characters between the two fields. */
const APART = 300;

/** In a Kubernetes Secret, every value is secret, whatever its name. */
const SECRET_KIND = /\bkind["']?[^\S\n]{0,4}:[^\S\n]{0,4}["']?Secret\b/g;
const DATA_FIELD = /(?<![\w.])["']?(?:data|stringData)["']?[^\S\n]{0,4}:[^\S\n]{0,4}/g;
const LARGEST_OBJECT = 8192;

/** The private members of JSON Web Keys. */
const JWK = /["']kty["'][^\S\n]{0,4}:/;
const JWK_PART = /["'](?:k|d|p|q|dp|dq|qi)["'][^\S\n]{0,4}:[^\S\n]{0,4}["']([A-Za-z0-9_-]{16,1400})["']/g;

/** The name of a secret column in the header of a table with commas, semicolons or tabs. */
const COLUMN = /(?:password|passwd|pass|pwd|secret|token|key)["']?[^\S\n]?[,;\t\n]/gi;
const HEAD = /^(?:["']?[A-Za-z_][\w ]{0,40}["']?[^\S\n]?[,;\t]){1,30}["']?[A-Za-z_][\w ]{0,40}["']?[^\S\n]{0,4}$/;

export function findStructures(text: string): Span[] {
  return [...findApart(text), ...findKubernetesSecrets(text), ...findJsonWebKeys(text), ...findColumns(text)];
}

function findApart(text: string): Span[] {
  const spans: Span[] = [];
  for (const match of text.matchAll(NAME_FIELD)) {
    const name = match[1] as string;
    const secrecy = secrecyOf(name);
    if (secrecy === undefined) continue;
    const end = match.index + match[0].length;
    const after = text.slice(end, end + APART).split(/[}\]]|\n\s*-|<\/?[a-z]{2,}/, 1)[0] as string;
    const before = text
      .slice(Math.max(0, match.index - APART), match.index)
      .split(/[{[]|\n\s*-\s/)
      .at(-1) as string;
    for (const [window, from] of [
      [after, end],
      [before, match.index - before.length],
    ] as const) {
      const [field] = window.matchAll(VALUE_FIELD);
      if (field === undefined) continue;
      const at = from + field.index + field[0].length;
      for (const value of readValues(text, at, { query: false, json: /^["']/.test(field[0]) })) {
        const shown = text.slice(value.start, value.end);
        if (isSecretValue({ value: shown, quoted: value.quoted, secrecy, separator: '=', after: '' }))
          spans.push({ start: value.start, end: value.end });
      }
    }
  }
  return spans;
}

function findKubernetesSecrets(text: string): Span[] {
  const spans: Span[] = [];
  const kinds = [...text.matchAll(SECRET_KIND)].map((match) => match.index);
  if (kinds.length === 0) return spans;
  let readUpTo = 0;
  for (const match of text.matchAll(DATA_FIELD)) {
    if (!kinds.some((kind) => Math.abs(kind - match.index) < LARGEST_OBJECT)) continue;
    const at = match.index + match[0].length;
    if (at < readUpTo) continue;
    if (text[at] === '{' || text.startsWith('map[', at)) {
      const open = text[at] === '{' ? at : at + 3;
      for (const { start, end } of readValues(text, open, { query: false, json: true, longest: LARGEST_OBJECT })) {
        if (end - start >= 6 && !isMask(text.slice(start, end))) spans.push({ start, end });
        readUpTo = end;
      }
      readUpTo = Math.max(readUpTo, at + 64);
    } else spans.push(...inIndentedBlock(text, match.index, at));
  }
  return spans;
}

/** The values of the following `key: value` lines that are indented deeper than the line at `field`. */
function inIndentedBlock(text: string, field: number, from: number): Span[] {
  const spans: Span[] = [];
  const lineStart = text.lastIndexOf('\n', field) + 1;
  const indent = /^[^\S\n]*/.exec(text.slice(lineStart, field + 1))?.[0].length ?? 0;
  let at = text.indexOf('\n', from) + 1;
  if (at === 0) return spans;
  while (at < text.length && at - from < LARGEST_OBJECT) {
    const next = text.indexOf('\n', at);
    const end = next === -1 ? text.length : next;
    const line = text.slice(at, end);
    const pair = /^([^\S\n]+)["']?[\w.-]{1,253}["']?:[^\S\n]+["']?(?=\S)/.exec(line);
    if (pair === null || (pair[1] as string).length <= indent) break;
    const value = line.slice(pair[0].length).replace(/["']?[^\S\n]*$/, '');
    if (value.length >= 6 && !isMask(value) && !/^[|>]/.test(value))
      spans.push({ start: at + pair[0].length, end: at + pair[0].length + value.length });
    at = end + 1;
  }
  return spans;
}

function findJsonWebKeys(text: string): Span[] {
  if (!JWK.test(text)) return [];
  return [...text.matchAll(JWK_PART)]
    .filter((match) => JWK.test(text.slice(Math.max(0, match.index - 2000), match.index + 4000)))
    .map((match) => {
      const end = match.index + match[0].length - 1;
      return { start: end - (match[1] as string).length, end };
    });
}

/** The cells of secret columns, in tables with commas, semicolons or tabs. */
function findColumns(text: string): Span[] {
  const spans: Span[] = [];
  let seen = -1;
  for (const match of text.matchAll(COLUMN)) {
    const lineStart = text.lastIndexOf('\n', match.index) + 1;
    const next = text.indexOf('\n', match.index);
    if (next === -1 || lineStart <= seen || next - lineStart > 1500) continue;
    seen = lineStart;
    // A log prefix is not part of the header.
    const head = text
      .slice(lineStart, next)
      .replace(/^.*[:\]] (?=[^:\]]*$)/, '')
      .trim();
    if (!HEAD.test(head)) continue;
    const separator = /[,;\t]/.exec(head)?.[0] as string;
    const names = head.split(separator).map((name) => name.trim().replace(/["']/g, ''));
    const columns = names.flatMap((name, i) => (isSecretName(name) ? [i] : []));
    if (columns.length === 0) continue;
    let at = next + 1;
    for (let row = 0; row < 200 && at < text.length; row++) {
      const after = text.indexOf('\n', at);
      const end = after === -1 ? text.length : after;
      const cells = text.slice(at, Math.min(end, at + 2000)).split(separator);
      if (cells.length !== names.length) break;
      let from = at;
      cells.forEach((cell, i) => {
        const value = cell.trim().replace(/^["']|["']$/g, '');
        if (columns.includes(i) && value.length >= 4 && !isMask(value)) {
          const start = from + cell.indexOf(value);
          spans.push({ start, end: start + value.length });
        }
        from += cell.length + 1;
      });
      at = end + 1;
    }
    seen = at - 1;
  }
  return spans;
}
