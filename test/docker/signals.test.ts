import { describe, expect, it } from 'vitest';
import { parseSignal } from '../../src/docker/signals.ts';

describe('a stop signal', () => {
  it.each<[string, number | undefined]>([
    ['SIGTERM', 15],
    ['TERM', 15],
    ['sigquit', 3],
    ['WINCH', 28],
    ['USR1', 10],
    ['10', 10],
    [' 3 ', 3],
    ['RTMIN', 34],
    ['SIGRTMIN+3', 37],
    ['RTMAX', 64],
    ['RTMAX-2', 62],
    ['', undefined],
    ['0', undefined],
    ['65', undefined],
    ['RTMIN+99', undefined],
    ['nonsense', undefined],
  ])('%j is %s', (text, signal) => {
    expect(parseSignal(text)).toBe(signal);
  });
});
