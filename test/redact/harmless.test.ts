import { describe, expect, it } from 'vitest';
import { createRedactor } from '../../src/redact/redactor.ts';
import { HARMLESS } from './corpus-harmless.ts';

const { redact } = createRedactor();

describe.each(Object.entries(HARMLESS))('%s stay readable', (_, lines) => {
  it.each(lines)('%s', async (line) => {
    expect((await redact([line], [])).texts[0]).toBe(line);
  });
});
