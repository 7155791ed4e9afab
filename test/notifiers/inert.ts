import { expect } from 'vitest';

/** What chats, mails and pagers would interpret: mentions, links, formatting, templates. */
const ACTIVE: readonly RegExp[] = [
  /[<>&`*~|[\]\\]/,
  /:\/\//,
  /\bwww\./i,
  /\b(mailto|tel|javascript|data):/i,
  /(^|[^\p{L}\p{N}])@/u,
  /(^|[^\p{L}\p{N}])_|_($|[^\p{L}\p{N}_])/u,
  /^\s*#/m,
  /\{\{|\}\}|\{%|%\}/,
  // Invisible characters.
  /[\p{Cf}\p{Co}\p{Cs}]/u,
];

export function expectInert(text: string): void {
  for (const active of ACTIVE) expect(text).not.toMatch(active);
}
