import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { SimulatedEngine } from '../../src/demo/simulated-engine.ts';
import { answer, type ClaudeServer, status } from '../support/claude-server.ts';
import { type Doctor, runCommand } from '../support/doctor.ts';
import type { SlackServer } from '../support/slack-server.ts';
import { soon, startWorld, type World } from '../support/world.ts';

let world: World;
let engine: SimulatedEngine;
let claude: ClaudeServer;
let slack: SlackServer;

beforeEach(async () => {
  world = await startWorld(() => answer());
  ({ engine, claude, slack } = world);
});

afterEach(() => world.close());

const start = (env?: Record<string, string>) => world.start({ AUTO_FIX: 'false', ...env });

/** Handles one incident, from its line to its decision. */
async function fails(agent: Doctor, container: string, line: string) {
  const before = new Set((await agent.history()).map((e) => e.id));
  engine.container(container)?.log(line, { stream: 'stderr' });
  return soon(async () =>
    (await agent.history()).find((e) => e.container === container && !before.has(e.id) && e.decision !== null),
  );
}

/** Different kinds of errors, so that each is a separate problem. */
const KINDS = [
  'cannot parse invoice',
  'lost the leader election',
  'refused by billing',
  'index is corrupt',
  'queue overflow',
];

describe('the use of Claude', () => {
  it('is shared: a quarter of the hourly cap is reserved for other services, and /health names the noisy one', async () => {
    for (const name of ['noisy', 'quiet']) engine.addContainer({ name });
    const agent = await start({ MAX_DIAGNOSES_PER_HOUR: '4' });
    const fallbacks = [];
    for (const kind of KINDS) fallbacks.push((await fails(agent, 'noisy', `ERROR ${kind}`)).diagnosis?.fallback);
    expect(fallbacks).toEqual([undefined, undefined, undefined, 'fair_share', 'fair_share']);
    expect((await fails(agent, 'quiet', 'ERROR cannot parse invoice')).diagnosis?.tier).toBe('claude');

    const health = await agent.health();
    expect(health.problems.join()).toMatch(/used up their share of the diagnoses: noisy/);
    expect(health.claude.over_share).toEqual(['noisy']);
    await expect.poll(() => agent.metric('container_doctor_diagnoses_skipped_total', { reason: 'fair_share' })).toBe(2);
    await soon(() => (slack.posts.some(({ text }) => text.includes('has used its share')) ? true : undefined));
  });

  it('is paused after five failures, and /health reports it', async () => {
    claude.reply(() => status(401));
    for (let i = 0; i < 7; i++) engine.addContainer({ name: `c${i}` });
    const agent = await start();
    const fallbacks = [];
    for (let i = 0; i < 7; i++) fallbacks.push((await fails(agent, `c${i}`, 'ERROR it broke')).diagnosis?.fallback);
    expect(fallbacks).toEqual([...Array(5).fill('wrong_key'), 'circuit_open', 'circuit_open']);
    expect(claude.requests).toHaveLength(5);

    const health = await agent.health();
    expect(health.status).toBe('degraded');
    expect(health.claude).toMatchObject({
      circuit: 'open',
      last_error: 'wrong_key',
      retry_at: expect.stringMatching(/Z$/),
    });
    expect(health.problems.join()).toMatch(/failed several times in a row: requests are paused until/);
    await expect.poll(() => agent.metric('container_doctor_claude_circuit_open')).toBe(1);
    await expect
      .poll(() => agent.metric('container_doctor_diagnoses_skipped_total', { reason: 'circuit_open' }))
      .toBe(2);
    await soon(() =>
      slack.posts.some(({ text }) => text.includes('several requests to Claude failed in a row')) ? true : undefined,
    );
  });

  it('is unnecessary with DIAGNOSE_WITH=rules-first if a rule is unambiguous', async () => {
    engine.addContainer({ name: 'web' });
    const agent = await start({ DIAGNOSE_WITH: 'rules-first' });
    const free = await fails(agent, 'web', 'Error: listen EADDRINUSE: address already in use :::3000');
    expect(free).toMatchObject({
      diagnosis: { tier: 'rules', root_cause: expect.stringContaining('(3000)') },
      cost_usd: 0,
    });
    expect(free.diagnosis?.fallback).toBeUndefined();
    expect(claude.requests).toHaveLength(0);
    expect((await fails(agent, 'web', 'ERROR cannot parse invoice')).diagnosis?.tier).toBe('claude');
  });

  it('is off with DIAGNOSE_WITH=rules-only', async () => {
    engine.addContainer({ name: 'web' });
    const agent = await start({ DIAGNOSE_WITH: 'rules-only' });
    expect((await fails(agent, 'web', 'ERROR cannot parse invoice')).diagnosis?.tier).toBe('rules');
    expect(claude.requests).toHaveLength(0);
    expect(await agent.health()).toMatchObject({ status: 'healthy', claude: { configured: false } });
    await soon(() => (slack.posts.some(({ text }) => text.includes('as DIAGNOSE_WITH requires')) ? true : undefined));
  });

  it('is not checked and needs no API key with DIAGNOSE_WITH=rules-only', async () => {
    const env = world.environment({ DIAGNOSE_WITH: 'rules-only' });
    const { code, stdout } = await runCommand(['check'], env);
    expect(code).toBe(0);
    expect(stdout).toMatch(/ok +Claude +never asked \(DIAGNOSE_WITH=rules-only\)/);
    expect([claude.requests, claude.modelLookups]).toEqual([[], []]);

    const agent = await start({ DIAGNOSE_WITH: 'rules-only', ANTHROPIC_API_KEY: '' });
    expect(agent.output()).not.toContain('ANTHROPIC_API_KEY');
  });
});
