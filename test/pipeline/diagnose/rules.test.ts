import { describe, expect, it } from 'vitest';
import type { RuleInput } from '../../../src/pipeline/diagnose/rule.ts';
import { applyRules } from '../../../src/pipeline/diagnose/rules.ts';
import { someFacts } from '../../support/domain.ts';

const logged = (evidence: string): RuleInput => ({ detector: 'log', detectors: ['log'], evidence });
const dead = (over: Partial<RuleInput> = {}): RuleInput => ({
  detector: 'crash',
  detectors: ['crash'],
  evidence: 'exited with code 1',
  exitCode: 1,
  facts: someFacts({ status: 'exited', exitCode: 1, startedAt: 1_000, finishedAt: 3_600_000 }),
  ...over,
});
const atStart = someFacts({ status: 'exited', exitCode: 1, startedAt: 1_000, finishedAt: 2_000 });

describe('the built-in rules', () => {
  it.each<[string, RuleInput, string]>([
    ['a full disk', logged('ERROR: could not extend file "base/1": No space left on device'), 'no_space_left'],
    ['a kill for memory', dead({ exitCode: 137, detectors: ['oom', 'crash'], killedForMemory: true }), 'out_of_memory'],
    [
      'a child process that is killed for memory',
      { ...logged(''), detector: 'oom', detectors: ['oom'] },
      'child_out_of_memory',
    ],
    [
      'a crash after a child process was killed for memory',
      dead({ exitCode: 64, detectors: ['oom', 'crash'] }),
      'crash',
    ],
    ['an exhausted heap', logged('java.lang.OutOfMemoryError: Java heap space'), 'heap_exhausted'],
    ['another architecture', dead({ evidence: 'exec /app: exec format error' }), 'exec_format_error'],
    ['a port in use', logged('Error: listen EADDRINUSE: address already in use :::3000'), 'port_in_use'],
    ['an expired certificate', logged('x509: certificate has expired or is not yet valid'), 'certificate_expired'],
    [
      'a bind mount of another user',
      logged("PermissionError: [Errno 13] Permission denied: '/data'"),
      'permission_denied',
    ],
    [
      'an exhausted pool',
      logged('TimeoutError: QueuePool limit of size 5 overflow 10 reached'),
      'connection_pool_exhausted',
    ],
    ['too many clients', logged('FATAL: sorry, too many clients already'), 'connection_pool_exhausted'],
    ['an unknown host', logged('getaddrinfo ENOTFOUND db'), 'name_not_resolved'],
    ['a missing variable', dead({ evidence: "KeyError: 'DATABASE_URL'", facts: atStart }), 'missing_file_or_variable'],
    ['a single timeout', logged('ERROR upstream timed out while reading response'), 'transient_timeout'],
    ['a refused connection', logged('connect ECONNREFUSED 10.0.0.4:5432'), 'connection_refused'],
    ['a failing health check', { ...logged(''), detector: 'health', detectors: ['health'] }, 'unhealthy'],
    ['a crash at start', dead({ facts: atStart }), 'crash_at_start'],
    ['a crash', dead(), 'crash'],
    ['a fatal error', logged('FATAL something odd'), 'fatal_error'],
    ['anything else', logged('ERROR frobnication failed'), 'error_logged'],
  ])('recognize %s', (_, input, rule) => {
    expect(applyRules(input)[0]?.rule).toBe(rule);
  });

  it('forbid a restart if the disk is full, whatever else matches', () => {
    const matches = applyRules(dead({ evidence: 'PANIC: No space left on device' }));
    expect(matches.some((found) => found.vetoesRestart)).toBe(true);
    expect(matches[0]?.assessment.autoRestartSafe).toBe(false);
  });

  it.each<[string, Partial<RuleInput>]>([
    ['exit code 137', { exitCode: 137, evidence: 'exited with code 137' }],
    [
      'the flag that the engine keeps after a child process was killed',
      { exitCode: 64, facts: someFacts({ status: 'exited', exitCode: 64, oomKilled: true }) },
    ],
  ])('do not take %s for out of memory', (_, over) => {
    const rules = applyRules(dead(over)).map((found) => found.rule);
    expect(rules.filter((rule) => rule.endsWith('out_of_memory'))).toEqual([]);
  });

  it('do not advise a restart if only a child process was killed', () => {
    const [found] = applyRules({ ...logged(''), detector: 'oom', detectors: ['oom'] });
    expect(found?.assessment).toMatchObject({ severity: 'medium', autoRestartSafe: false });
  });

  it('rate a single timeout as low severity', () => {
    expect(applyRules(logged('read timeout'))[0]?.assessment.severity).toBe('low');
  });

  it('do not advise a restart if the container fails at its start', () => {
    expect(applyRules(dead({ facts: atStart }))[0]?.assessment.autoRestartSafe).toBe(false);
  });

  it('name the memory limit', () => {
    const facts = someFacts({ memoryLimit: 256 * 1024 * 1024 });
    expect(applyRules(dead({ facts, killedForMemory: true }))[0]?.assessment.rootCause).toContain('256 MiB');
  });
});
