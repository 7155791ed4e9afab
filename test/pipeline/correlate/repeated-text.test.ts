import { describe, expect, it } from 'vitest';
import { repeats } from '../../../src/pipeline/correlate/repeated-text.ts';

describe('a client that prints the message of its server', () => {
  it.each([
    [
      '{"msg":"insert failed","err":"code: 252, message: Too many parts (3001 with average size of 8.11 KiB) in table \'ana.hits\'"}',
      "executeQuery: Code: 252. DB::Exception: Too many parts (3001 with average size of 8.11 KiB) in table 'ana.hits (5f1c)'.",
    ],
    [
      'error: GET /attendance 500 - error: canceling statement due to statement timeout',
      '2026-11-20 03:12:44.123 UTC [512] ERROR:  canceling statement due to statement timeout',
    ],
  ])('is recognised: %s', (client, server) => {
    expect(repeats([client], [server])).toBe(true);
    expect(repeats([server], [client])).toBe(true);
    expect(repeats(['another text', client], [server])).toBe(true);
  });

  it.each([
    ['the heading of a stack trace', 'Traceback (most recent call last):', 'Traceback (most recent call last):'],
    [
      'frames',
      '    at process.processTicksAndRejections (node:internal/a:95:5)',
      '    at process.processTicksAndRejections (node:internal/a:95:5)',
    ],
    ['six short words', 'it is up to me now', 'it is up to me now'],
    ['letters and numbers', 'a 172031 b 172032 c 172033 d 172034', 'a 172031 b 172032 c 172033 d 172034'],
    ['a heading of Go', 'goroutine 17 chan receive in created by main', 'goroutine 17 chan receive in created by main'],
    [
      'a Python frame',
      '  File "app.py" line four in module main loop',
      '  File "app.py" line four in module main loop',
    ],
    ['a few words', 'connection refused by the peer', 'ERROR connection refused by the peer'],
    ['times and ids', '2026-11-20 03:12:44 17 23 44', '2026-11-20 03:12:44 17 23 44'],
    [
      'another message',
      'canceling statement due to statement timeout',
      'canceling autovacuum task of table orders today',
    ],
  ])('is not taken from %s', (_, one, other) => {
    expect(repeats([one], [other])).toBe(false);
  });
});
