import { lintSource } from '@secretlint/core';
// Not a choice of ours: the profiler that @secretlint/core keeps switched on.
import { secretLintProfiler } from '@secretlint/profiler';
import { rules as recommended } from '@secretlint/secretlint-rule-preset-recommend';
import { plainText } from '../lib/text.ts';
import type { Redactor } from '../pipeline/ports.ts';
import { findSecrets } from './find.ts';
import { findLiterals } from './literals.ts';
import { createNumbers, hide, type Span } from './spans.ts';

export interface RedactorOptions {
  /** Hide card numbers, IBANs, phone numbers and IP addresses of clients too. */
  readonly personal?: boolean;
  /** Equal secrets of different calls get equal numbers, too. */
  readonly sameNumbers?: boolean;
}

/**
 * Left out of the preset:
 * - filter-comments: text in the log could switch the search off (`secretlint-disable`);
 * - the two that hide whole addresses: our own rules hide the password in them and leave the host, which a
 *   diagnosis needs.
 */
const LEFT_OUT = new Set([
  '@secretlint/secretlint-rule-filter-comments',
  '@secretlint/secretlint-rule-basicauth',
  '@secretlint/secretlint-rule-database-connection-string',
]);

/** An account number is an address, no secret; and a diagnosis may need it. */
const ALLOWED: Readonly<Record<string, string[]>> = { '@secretlint/secretlint-rule-aws': ['AWSAccountID'] };

/** A character that a backspace takes back: how terminals printed bold. */
// biome-ignore lint/suspicious/noControlCharactersInRegex: it looks for them
const OVERSTRIKE = /[^\n\u0008]\u0008/g;

/** secretlint's rules and our own; secretlint runs in this process, nothing is sent or written. */
export function createRedactor({ personal = false, sameNumbers = false }: RedactorOptions = {}): Redactor {
  // It collects a mark for every rule and call, for ever.
  secretLintProfiler.setEnabled(false);
  const config = {
    rules: recommended
      .filter((rule) => !LEFT_OUT.has(rule.meta.id))
      .map((rule) => ({ id: rule.meta.id, rule, allowMessageIds: ALLOWED[rule.meta.id] ?? [] })),
  };
  const numbers = sameNumbers ? createNumbers() : undefined;

  return {
    async redact(raw, secrets) {
      // As a person will read it: colours and invisible characters inside a secret must not hide it from us alone.
      const texts = raw.map((text) => plainText(text.replace(OVERSTRIKE, '')));
      const document = texts.join('\n');
      const linted = await lintSource({
        source: { content: document, filePath: 'log.txt', contentType: 'text' },
        options: { config, noPhysicFilePath: true },
      });
      const own = [...findSecrets(document, { personal }), ...findLiterals(document, secrets)];
      const found = linted.messages
        .map(({ range: [start, end] }) => ({ start, end }))
        // Some of its rules take the name or the host before the secret with it: ours leave those to be read.
        .filter(
          (their) => !own.some((our) => their.start <= our.start && our.start < their.end && their.end <= our.end),
        );
      return hide(document, pieces(texts), [...own, ...found], numbers);
    },
  };
}

/** Our own rules and the literal values alone: cheap enough for each record of our own log. */
export function redactText(
  text: string,
  secrets: readonly string[] = [],
  { personal = false }: Pick<RedactorOptions, 'personal'> = {},
): string {
  const spans = [...findSecrets(text, { personal }), ...findLiterals(text, secrets)];
  return spans.length === 0 ? text : (hide(text, [{ start: 0, end: text.length }], spans).texts[0] as string);
}

function pieces(texts: readonly string[]): Span[] {
  let start = 0;
  return texts.map((text) => {
    const piece = { start, end: start + text.length };
    start = piece.end + 1;
    return piece;
  });
}
