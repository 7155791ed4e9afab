import { describe, expect, it } from 'vitest';
import {
  failureIn,
  isNameServerFailure,
  readablePart,
  statedCause,
} from '../../../src/pipeline/correlate/failure-texts.ts';
import { canBeExternal, hostsIn, namesOnlyItself } from '../../../src/pipeline/correlate/named-hosts.ts';
import { growth, LINEAR } from '../../support/growth.ts';
import { CLIENT_ERRORS, OTHER_ERRORS } from './client-errors.ts';

const named = (text: string) => hostsIn(text).map(({ host }) => host);

describe('an error of a client', () => {
  it.each(CLIENT_ERRORS)('reports a failing dependency: $client: $text', ({ text }) => {
    expect(failureIn(text)).toBeDefined();
  });

  it.each(CLIENT_ERRORS.filter(({ host }) => host !== undefined))('names $host: $text', ({ text, host }) => {
    expect(named(text)).toContain(host);
  });

  it.each(CLIENT_ERRORS)('names no host outside the engine: $client: $text', ({ text }) => {
    expect(
      hostsIn(text)
        .filter(canBeExternal)
        .map(({ host }) => host)
        .filter((host) => !host.startsWith('172.')),
    ).toEqual([]);
  });
});

describe('an error that no dependency explains', () => {
  it.each(OTHER_ERRORS)('is not taken for a failing dependency: %s', (text) => {
    expect(failureIn(text)).toBeUndefined();
  });
});

it.each([
  'dial tcp 172.18.0.2:80: connect: cannot assign requested address',
  'Error: connect EADDRNOTAVAIL 172.18.0.2:5432 - Local (0.0.0.0:0): connection failed',
  'Failed to connect: listen tcp 0.0.0.0:80: bind: address already in use',
  'service unavailable: bind() to 0.0.0.0:80 failed (13: Permission denied)',
  'service unavailable: binding 0.0.0.0:80: permission denied',
])('an error about a port of its own is no failing dependency: %s', (text) => {
  expect(failureIn(text)).toBeUndefined();
});

describe('the hosts in an error', () => {
  it('do not include peers with a port that only clients have', () => {
    expect(named('read tcp 172.18.0.2:8080->172.18.0.9:51234: read: connection reset by peer')).toEqual([]);
  });

  it('do not include the local machine', () => {
    const text = 'Error: connect ECONNREFUSED 127.0.0.1:6379';
    expect(named(text)).toEqual([]);
    expect(namesOnlyItself(text)).toBe(true);
    expect(namesOnlyItself('connect ECONNREFUSED ::1:5432')).toBe(true);
    expect(namesOnlyItself('localhost: connect ECONNREFUSED 172.18.0.2:5432')).toBe(false);
  });

  it('do not include links to explanations, positions in code or stack frames', () => {
    const text = [
      'ERROR connection refused, see https://docs.example.com/errors#42',
      'TimeoutError: QueuePool limit reached (Background on this error at: https://sqlalche.me/e/20/3o7r)',
      '    at com.example.net.Client.open(Client.java:88)',
      '  File "/app/db.py", line 12, in connect',
    ].join('\n');
    expect(hostsIn(text).filter(canBeExternal)).toEqual([]);
    expect(hostsIn('main.go:12 dial failed').filter(canBeExternal)).toEqual([]);
  });

  it.each([
    ['Error: connect ETIMEDOUT 203.0.113.9:443', '203.0.113.9'],
    ['HttpRequestException: Connection refused (api.example.com:443)', 'api.example.com'],
    ['could not reach api.example.com: timeout', 'api.example.com'],
    ['Post "https://hooks.example.org/x": dial tcp: lookup hooks.example.org: no such host', 'hooks.example.org'],
    ["HTTPSConnectionPool(host='api.example.com', port=443): Max retries exceeded", 'api.example.com'],
  ])('can be outside the engine: %s', (text, host) => {
    expect(
      hostsIn(text)
        .filter(canBeExternal)
        .map((one) => one.host),
    ).toContain(host);
  });
});

describe('a stated cause', () => {
  it.each([
    ['PANIC:  could not write to file "pg_wal/xlogtemp.29": No space left on device', 'disk full'],
    ['OSError: [Errno 28] No space left on device', 'disk full'],
    ['ERROR:  cannot execute INSERT in a read-only transaction', 'read-only'],
    ['OOM command not allowed when used memory > maxmemory', 'memory'],
    ['FATAL:  sorry, too many clients already', 'limit'],
    ['x509: certificate has expired or is not yet valid', 'certificate'],
    ['database disk image is malformed', 'corruption'],
    ['database or disk is full', 'disk full'],
    ['ERROR 1021 (HY000): Disk full (/tmp/#sql)', 'disk full'],
    ['write /data/x: disk quota exceeded', 'disk full'],
    ['psycopg.errors.DiskFull: DISK_FULL', 'disk full'],
    ['flood stage disk watermark exceeded on node', 'disk full'],
    ['open /data/x: Read-only filesystem', 'read-only'],
    ['OSError: [Errno 30] Read-only file system', 'read-only'],
    ['FORBIDDEN/12/index read-only / allow delete (api)', 'read-only'],
    ['the index file is corrupt', 'corruption'],
    ['Error: certificate has expired: CERT_HAS_EXPIRED', 'certificate'],
    ['Error: CERT_HAS_EXPIRED', 'certificate'],
    ['tls: certificate expired', 'certificate'],
    ["PermissionError: [Errno 13] Permission denied: '/data'", 'permission'],
    ['Segmentation fault (core dumped)', 'crash'],
    ["KeyError: 'x'", undefined],
    ['connection refused', undefined],
  ])('%s: %s', (text, kind) => {
    expect(statedCause([text])).toBe(kind);
  });
});

it('distinguishes a failing name server from a name that does not exist', () => {
  expect(isNameServerFailure('getaddrinfo EAI_AGAIN db')).toBe(true);
  expect(isNameServerFailure('lookup db on 127.0.0.11:53: server misbehaving')).toBe(true);
  expect(isNameServerFailure('getaddrinfo ENOTFOUND db')).toBe(false);
});

it('searches the start and the end of a long record', () => {
  const text = `ERROR request failed\n${'    at frame\n'.repeat(5_000)}Caused by: java.net.ConnectException: Connection refused`;
  expect(readablePart(text).length).toBeLessThan(9_000);
  const longest = 'x'.repeat(8_192);
  expect(readablePart(longest)).toBe(longest);
  expect(readablePart(`${longest}y`)).toBe(`${'x'.repeat(6_144)}\n${'x'.repeat(2_047)}y`);
  expect(failureIn(text)).toBe('unreachable');
});

describe('hostile text', () => {
  const fill = (unit: string) => unit.repeat(Math.ceil(65_536 / unit.length)).slice(0, 65_536);
  it.each([
    'a',
    '.',
    'a.',
    'a-',
    '1.',
    '1.1.1.1:',
    'http://',
    'http://a@',
    'host=',
    'host="',
    'connection to ',
    'connect to a.',
    'lookup ',
    'server a/',
    'a:1 ',
    '::',
    "('1.1.1.1', ",
    'see http://',
    'at ',
    'bind ',
    'client ',
    '\n    at ',
    ', upstream: "',
    '_',
    'a/1.1.1.1:',
  ])('is read in linear time: %j', (unit) => {
    const read = (size: number) => {
      const text = fill(unit).slice(0, size);
      failureIn(text);
      statedCause([text]);
      hostsIn(text);
      namesOnlyItself(text);
    };
    expect(growth(65_536, read)).toBeLessThan(LINEAR);
  });
});
