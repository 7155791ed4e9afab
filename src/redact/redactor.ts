import { lintSource } from '@secretlint/core';
// Imported only to switch it off: @secretlint/core enables it.
import { secretLintProfiler } from '@secretlint/profiler';
import { rules as recommended } from '@secretlint/secretlint-rule-preset-recommend';
import { plainText } from '../lib/text.ts';
import type { Redactor } from '../pipeline/ports/model.ts';
import { findSecrets } from './find.ts';
import { findLiterals } from './literals.ts';
import { createNumbers, hide, type Span } from './spans.ts';

interface RedactorOptions {
  /** Also hide card numbers, IBANs, phone numbers and IP addresses of clients. */
  readonly personal?: boolean;
  /** Equal secrets get equal numbers in different calls, too. */
  readonly sameNumbers?: boolean;
}

/**
 * Rules of the preset that are not used:
 * - filter-comments: text in the log could switch the search off (`secretlint-disable`).
 * - basicauth and database-connection-string: they hide a whole URL. Our own rules hide only the password and keep the
 *   host, which a diagnosis needs.
 */
const LEFT_OUT = new Set([
  '@secretlint/secretlint-rule-filter-comments',
  '@secretlint/secretlint-rule-basicauth',
  '@secretlint/secretlint-rule-database-connection-string',
]);

/** An account number is not secret, and a diagnosis may need it. */
const ALLOWED: Readonly<Record<string, string[]>> = { '@secretlint/secretlint-rule-aws': ['AWSAccountID'] };

/** A character and the backspace that deletes it. Some programs print bold text by overprinting. */
// biome-ignore lint/suspicious/noControlCharactersInRegex: it must match them
const OVERSTRIKE = /[^\n\u0008]\u0008/g;

/** Applies secretlint's rules and our own. secretlint runs in this process, and sends and writes nothing. */
export function createRedactor({ personal = false, sameNumbers = false }: RedactorOptions = {}): Redactor {
  // The profiler would keep a mark of every rule and call until the process ends.
  secretLintProfiler.setEnabled(false);
  const config = {
    rules: recommended
      .filter((rule) => !LEFT_OUT.has(rule.meta.id))
      .map((rule) => ({ id: rule.meta.id, rule, allowMessageIds: ALLOWED[rule.meta.id] ?? [] })),
  };
  const numbers = sameNumbers ? createNumbers() : undefined;

  return {
    async redact(raw, secrets) {
      // The text as a reader sees it: colours and invisible characters in a secret must not hide it from the search.
      const texts = raw.map((text) => plainText(text.replace(OVERSTRIKE, '')));
      const document = texts.join('\n');
      const linted = await lintSource({
        source: { content: document, filePath: 'log.txt', contentType: 'text' },
        options: { config, noPhysicFilePath: true },
      });
      const own = [...findSecrets(document, { personal }), ...findLiterals(document, secrets)];
      const found = linted.messages
        .map(({ range: [start, end] }) => ({ start, end }))
        // Some of secretlint's rules also hide the name or the host before the secret. Ours keep those readable.
        .filter(
          (their) => !own.some((our) => their.start <= our.start && our.start < their.end && their.end <= our.end),
        );
      return hide(document, pieces(texts), [...own, ...found], numbers);
    },
  };
}

/** Applies only our own rules and the literal values: cheap enough for every record of the agent's own log. */
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
