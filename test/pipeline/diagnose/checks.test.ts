import { describe, expect, it } from 'vitest';
import type { FailedCheck } from '../../../src/domain/checks.ts';
import { renderPrompt } from '../../../src/models/question/prompt.ts';
import { checkAnswer } from '../../../src/pipeline/diagnose/checks.ts';
import { applyRules } from '../../../src/pipeline/diagnose/rules.ts';
import type { Answered } from '../../../src/pipeline/diagnose/tier.ts';
import type { DiagnosisContext } from '../../../src/pipeline/ports/model.ts';
import { aDiagnosis, anAttempt } from '../../support/domain.ts';
import { sampleContext, sampleFacts, sampleIncident } from '../../support/samples.ts';

function check(rootCause: string, over: Partial<DiagnosisContext> = {}, answer: Partial<Answered> = {}) {
  const context = sampleContext(over);
  const question = renderPrompt(context, 'fence').user;
  const evidence = [{ id: 'L2', text: 'ERROR pool exhausted' }];
  const assessment = aDiagnosis({ rootCause, autoRestartSafe: false });
  return checkAnswer(
    { kind: 'answered', by: 'claude', model: 'm', assessment, confidence: 'high', evidence, question, ...answer },
    context,
  );
}

const logOf = (...logLines: string[]): Partial<DiagnosisContext> => ({ logLines, evidence: logLines });

describe('an answer', () => {
  it('whose claims agree with the question fails no check', () => {
    expect(check('The pool is exhausted: "pool exhausted: 10 of 10 connections in use".')).toEqual([]);
    expect(check('The pool of shop-web-1 leaks. See `Pool.acquire (pool.js:17:9)`.')).toEqual([]);
  });

  it('without evidence is believed only if it is unsure, or a gateway dropped the field', () => {
    expect(check('It broke.', {}, { evidence: [] })).toEqual(['no_evidence']);
    expect(check('It broke.', {}, { evidence: [], confidence: 'low' })).toEqual([]);
    expect(check('It broke.', {}, { evidence: undefined })).toEqual([]);
    expect(check('It broke.', {}, { evidence: undefined, by: 'local' })).toEqual(['no_evidence']);
  });

  it('without the field opens no restart that the rules alone would not allow', () => {
    const safe = aDiagnosis({ rootCause: 'It hangs.', severity: 'high', autoRestartSafe: true });
    const without = { evidence: undefined, assessment: safe };
    const rules = (detector: 'log' | 'crash') => applyRules({ detector, detectors: [detector], evidence: 'it broke' });
    expect(check('', { ruleMatches: rules('log') }, without)).toEqual(['no_evidence']);
    expect(check('', { ruleMatches: rules('crash') }, without)).toEqual([]);
    expect(check('', { ruleMatches: rules('log') }, { ...without, evidence: [{ id: 'L2', text: 'x' }] })).toEqual([]);
  });

  it('that is vague cannot call a restart safe that a certain rule calls unsafe', () => {
    const ruleMatches = applyRules({ detector: 'log', detectors: ['log'], evidence: 'listen EADDRINUSE :::8080' });
    const vague = (autoRestartSafe: boolean) =>
      check('', { ruleMatches }, { assessment: aDiagnosis({ rootCause: 'It needs a restart.', autoRestartSafe }) });
    expect(vague(true)).toEqual(['disagrees_with_rule']);
    expect(vague(false)).toEqual([]);
  });

  it('that cites what does not exist fails', () => {
    expect(check('It broke.', {}, { evidence: [{ id: 'L2', text: 'x' }, { id: 'L99' }] })).toEqual([
      'unknown_reference',
    ]);
  });

  const failures: readonly (readonly [string, string, Partial<DiagnosisContext>, FailedCheck])[] = [
    ['invents a quotation', 'It logged "FATAL: the replica set has no primary".', {}, 'quote_not_found'],
    ['invents a quotation in backticks', 'It logged `connection to 10.0.0.7 was refused`.', {}, 'quote_not_found'],
    ['sees a kill for memory that the engine denies', 'The kernel OOM-killed it.', {}, 'contradicts_facts'],
    ['calls it out of memory', 'The container ran out of memory.', {}, 'contradicts_facts'],
    ['sees restarts that were not', 'It was restarted several times.', {}, 'contradicts_facts'],
    ['sees a crash loop that is none', 'The container is in a crash loop.', {}, 'contradicts_facts'],
    ['invents an exit code', 'The process exited with code 139.', {}, 'contradicts_facts'],
    ['names a container that is not there', 'The container "shop-ledger-1" is down.', {}, 'unknown_container'],
    ['names one without quotation marks', 'It waits for container shop-ledger-1.', {}, 'unknown_container'],
    [
      'disagrees with a rule that is certain',
      'The connection pool is too small.',
      {
        ...logOf('write failed: No space left on device'),
        ruleMatches: applyRules({ detector: 'log', detectors: ['log'], evidence: 'write: No space left on device' }),
      },
      'disagrees_with_rule',
    ],
  ];
  it.each(failures)('that %s fails', (_, rootCause, over, failed) => {
    expect(check(rootCause, over)).toEqual([failed]);
  });

  const sound: readonly (readonly [string, string, Partial<DiagnosisContext>])[] = [
    ['memory, if the engine says so', 'It ran out of memory.', { killedForMemory: true }],
    [
      'memory, if a process in it was killed',
      'A worker was OOM-killed.',
      { incident: sampleIncident({ detectors: ['oom'] }) },
    ],
    ['memory, if the program says so', 'It ran out of memory.', logOf('FATAL: JavaScript heap out of memory')],
    [
      'memory, if it is nearly full',
      'It is about to run out of memory.',
      { facts: sampleFacts({ memoryLimit: 100 }), resources: { memory: 95 } },
    ],
    ['that it was not memory', 'It was not killed for being out of memory; the pool is full.', {}],
    ['restarts, if the engine made them', 'It was restarted 3 times.', { facts: sampleFacts({ restartCount: 3 }) }],
    ['restarts, if the agent made them', 'It was restarted before.', { restarts: [anAttempt()] }],
    ['that nobody restarted it', 'It has not been restarted since.', {}],
    ['the exit code of the crash', 'It exited with code 137.', { exitCode: 137 }],
    ['its own container', 'The container "shop-web-1" leaks connections.', {}],
    [
      'a dependency',
      'The container `shop-db-1` refuses it.',
      { dependencies: [{ container: 'shop-db-1', evidence: 'compose' }] },
    ],
    ['a container in words', 'The container is healthy, another container failed.', {}],
    ['names of settings in quotation marks', 'Set "DB_POOL_SIZE" and `max_connections` higher.', {}],
    ['a quotation with a gap', 'It logged "ERROR pool exhausted: … connections in use".', {}],
    ['a quotation in other case and white space', 'It logged "error  Pool exhausted: 10 of 10 connections".', {}],
    [
      'nothing in particular, whatever the rules say',
      'It needs a restart.',
      { ruleMatches: applyRules({ detector: 'log', detectors: ['log'], evidence: 'write: No space left on device' }) },
    ],
    ['anything, if the engine did not answer', 'It ran out of memory and was restarted.', { facts: undefined }],
  ];
  it.each(sound)('may speak of %s', (_, rootCause, over) => {
    expect(check(rootCause, over)).toEqual([]);
  });
});
