import { globSync, readFileSync } from 'node:fs';
import { stripTypeScriptTypes } from 'node:module';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { type Token, tokenizer, tokTypes } from 'acorn';
import { analyse, type Report } from 'scslre';
import { describe, expect, it, vi } from 'vitest';

const SRC = fileURLToPath(new URL('../src', import.meta.url));
const files = globSync('**/*.ts', { cwd: SRC });

/** Reports of texts for which each additional character doubles the time of matching. */
function exponential(source: string, flags: string): readonly Report[] {
  return analyse({ source, flags }, { reportTypes: { Move: false } }).reports.filter((report) => report.exponential);
}

/** A container can print anything, but no line may block the agent. */
describe('no text takes exponential time in', () => {
  it('a regular expression literal', () => {
    let seen = 0;
    const found: string[] = [];
    for (const file of files) {
      const code = stripTypeScriptTypes(readFileSync(path.join(SRC, file), 'utf8'));
      for (const token of tokenizer(code, { ecmaVersion: 'latest', sourceType: 'module' })) {
        if (token.type !== tokTypes.regexp) continue;
        seen += 1;
        // acorn's types lack the value.
        const { pattern, flags } = (token as Token & { value: { pattern: string; flags: string } }).value;
        if (exponential(pattern, flags).length > 0) found.push(`${file}: /${pattern}/`);
      }
    }
    expect(seen).toBeGreaterThan(300);
    expect(found).toEqual([]);
  });

  it('a pattern that is built when a module is loaded', async () => {
    const built: RegExp[] = [];
    vi.stubGlobal(
      'RegExp',
      new Proxy(RegExp, {
        construct(target, args: [string, string?]) {
          const pattern = new target(...args);
          built.push(pattern);
          return pattern;
        },
      }),
    );
    // main.ts starts the agent.
    for (const file of files.filter((name) => name !== 'main.ts')) await import(path.join(SRC, file));
    vi.unstubAllGlobals();
    expect(built.length).toBeGreaterThan(30);
    expect(built.filter(({ source, flags }) => exponential(source, flags).length > 0).map(String)).toEqual([]);
  }, 60_000);
});
