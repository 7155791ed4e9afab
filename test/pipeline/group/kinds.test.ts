import { describe, expect, it } from 'vitest';
import { createGrouper, type Merge } from '../../../src/pipeline/group/grouper.ts';
import { aContainer, errorOf } from '../../support/detect.ts';

const MINUTE = 60_000;

function groups(
  texts: readonly string[],
  apartMs = MINUTE,
): { readonly kinds: string[]; readonly merges: Merge[]; readonly groups: number } {
  const merges: Merge[] = [];
  const grouper = createGrouper({ onMerge: (merge) => merges.push(merge) });
  const assigned = texts.map((text, at) => {
    const error = errorOf(...text.split('\n'));
    return grouper.assign(aContainer(), { ...error, record: { ...error.record, time: 0 } }, at * apartMs);
  });
  return {
    kinds: assigned.map(({ kind }) => kind),
    merges,
    groups: new Set(assigned.map(({ fingerprint }) => fingerprint)).size,
  };
}

describe('logfmt', () => {
  it('is one problem whatever its other fields and their order', () => {
    expect(
      groups([
        'ts=2024-01-05T19:00:00Z level=error caller=flush.go:143 msg="failed to flush" err="no space left" org=1',
        'level=error err="no space left" org=2 ts=2024-01-05T19:05:00Z msg="failed to flush" caller=flush.go:143 took=5s',
      ]).groups,
    ).toBe(1);
  });

  it('is two problems if the cause differs', () => {
    expect(
      groups([
        'level=error caller=flush.go:143 msg="failed to flush" err="no space left"',
        'level=error caller=flush.go:143 msg="failed to flush" err="connection refused by peer"',
      ]).groups,
    ).toBe(2);
  });
});

describe('one stack with several causes', () => {
  const node = (message: string, code: string) =>
    `Error: ${message}\n    at handle (/app/src/handler.js:10:5) {\n  code: '${code}'\n}`;

  it('is one problem per cause if the type is a general one', () => {
    expect(
      groups([
        node('database is locked', 'SQLITE_BUSY'),
        node('certificate has expired', 'CERT_HAS_EXPIRED'),
        node('write failed', 'ENOSPC'),
        node('database is locked', 'SQLITE_BUSY'),
      ]).groups,
    ).toBe(3);
  });

  it('is one problem if only values differ', () => {
    expect(groups([node('order 17 rejected', 'E_ORDER'), node('order 4711 rejected', 'E_ORDER')]).groups).toBe(1);
  });
});

describe('words that vary', () => {
  const overLimit = (user: string) => `ERROR mailbox of user ${user} is over its limit by 12 MB`;

  it('are learned from a few values: further ones are not new problems', () => {
    const { kinds, merges } = groups(['webmaster', 'chen', 'oracle', 'alice', 'bob', 'carol', 'dave'].map(overLimit));
    expect(kinds.filter((kind) => kind === 'new').length).toBeLessThanOrEqual(3);
    expect(kinds.slice(3)).not.toContain('new');
    expect(merges.length).toBeGreaterThan(0);
  });

  it('do not include words that change the meaning', () => {
    const causes = ['refused', 'reset', 'aborted', 'closed', 'lost', 'timeout', 'denied'];
    expect(groups(causes.map((cause) => `ERROR the connection was ${cause} by peer`)).groups).toBe(causes.length);
    const signals = ['SIGKILL', 'SIGSEGV', 'SIGABRT', 'SIGBUS', 'SIGILL'];
    expect(groups(signals.map((signal) => `ERROR worker ended by signal ${signal}`)).groups).toBe(signals.length);
  });

  it('are learned in bounded memory', () => {
    const grouper = createGrouper({ maxGroups: 50, newGroupsPerMinute: 1_000_000 });
    const letters = (n: number) => n.toString().replace(/\d/g, (digit) => 'qwzxkvjyph'[Number(digit)] as string);
    for (let n = 0; n < 5_000; n++) {
      grouper.assign(aContainer(), errorOf(`ERROR ${letters(n)} ${letters(n * 7)} ${letters(n * 13)} went away`), n);
    }
    expect(grouper.groups).toBeLessThanOrEqual(50);
  });
});

describe('an error that follows a failure', () => {
  const cause = 'ERROR [a.B] job failed: TypeError: handler is not a function';
  const consequence = 'ERROR [c.D] TypeError: handler is not a function';

  it('counts as the same problem shortly afterwards, and as a separate one later', () => {
    expect(groups([cause, consequence], 500).kinds).toEqual(['new', 'repeat']);
    expect(groups([cause, consequence], MINUTE).kinds).toEqual(['new', 'new']);
  });

  it('is not an unrelated failure at the same moment', () => {
    expect(groups(['ERROR [a.B] disk sda lost', 'ERROR [c.D] mail queue stuck'], 10).kinds).toEqual(['new', 'new']);
  });
});

describe('an error', () => {
  it('is the same problem at an IPv4 and an IPv6 address', () => {
    expect(
      groups([
        '(98)Address already in use: AH00072: make_sock: could not bind to address [::]:80',
        '(98)Address already in use: AH00072: make_sock: could not bind to address 0.0.0.0:80',
      ]).groups,
    ).toBe(1);
  });

  it('does not follow from another one whose time is unknown', () => {
    expect(
      groups(
        [
          '[1] [ERR] JetStream resource limits exceeded for server',
          "[1] [FTL] error opening store directory '/data/jetstream': permission denied",
        ],
        1_000,
      ).groups,
    ).toBe(2);
  });
});
