import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import type { ClaudeFailure } from '../../../src/domain/model-failures.ts';
import { checkClaude } from '../../../src/models/claude/check.ts';
import { type ClaudeOptions, createClaude } from '../../../src/models/claude/claude.ts';
import type { AnthropicRateLimit } from '../../../src/pipeline/observer.ts';
import {
  answer,
  apiError,
  type ClaudeBehaviour,
  type ClaudeServer,
  DEFAULT_ASSESSMENT,
  delay,
  drop,
  hang,
  html200,
  nonsense,
  refusal,
  respond,
  stall,
  startClaudeServer,
  status,
  truncated,
} from '../../support/claude-server.ts';
import { sampleContext } from '../../support/samples.ts';

let server: ClaudeServer;
let rateLimits: (readonly AnthropicRateLimit[])[];

beforeEach(async () => {
  server = await startClaudeServer();
  rateLimits = [];
});
afterEach(async () => {
  vi.unstubAllEnvs();
  await server.close();
});

const NEVER = new AbortController().signal;

function claude(options: Partial<ClaudeOptions> = {}) {
  return createClaude({
    apiKey: 'key-for-tests',
    baseURL: server.url,
    model: 'claude-haiku-5-5',
    strongModel: 'claude-sonnet-5-5',
    timeoutMs: 60_000,
    now: Date.now,
    onRateLimits: (all) => rateLimits.push(all),
    ...options,
  });
}

describe('an answer', () => {
  it('with only the seven required fields is accepted, with high confidence', async () => {
    server.reply([
      answer({
        root_cause: 'The pool is exhausted.',
        severity: 'high',
        suggested_fix: 'Raise it.',
        auto_restart_safe: true,
        config_suggestions: ['A=1', 'B=2'],
        likely_recurring: true,
        estimated_impact: 'All users.',
      }),
    ]);
    const given = await claude().ask(sampleContext(), 'first', NEVER);
    expect(given).toMatchObject({
      kind: 'answered',
      model: 'claude-haiku-5-5',
      confidence: 'high',
      assessment: {
        rootCause: 'The pool is exhausted.',
        severity: 'high',
        suggestedFix: 'Raise it.',
        autoRestartSafe: true,
        configSuggestions: ['A=1', 'B=2'],
        likelyRecurring: true,
        estimatedImpact: 'All users.',
      },
    });
  });

  it('keeps its stated confidence', async () => {
    server.reply([answer({ confidence: 'low' })]);
    expect(await claude().ask(sampleContext(), 'first', NEVER)).toMatchObject({ kind: 'answered', confidence: 'low' });
  });

  it('is found after a thinking block', async () => {
    server.reply([answer({ severity: 'low' }, { thinking: true })]);
    const given = await claude().ask(sampleContext(), 'first', NEVER);
    expect(given).toMatchObject({ kind: 'answered', assessment: { severity: 'low' } });
  });

  it('is read from a code fence', async () => {
    const assessment = JSON.stringify({ ...DEFAULT_ASSESSMENT, root_cause: 'it says ```' }, null, 2);
    server.reply([nonsense(`\`\`\`json\n${assessment}\n\`\`\`\n`)]);
    const given = await claude().ask(sampleContext(), 'first', NEVER);
    expect(given).toMatchObject({ kind: 'answered', assessment: { rootCause: 'it says ```' } });
  });

  it('is reported with its tokens and cost', async () => {
    const usage = {
      input_tokens: 2000,
      output_tokens: 300,
      cache_read_input_tokens: 1000,
      cache_creation_input_tokens: 400,
    };
    server.reply([answer({}, { usage })]);
    const { requests } = await claude().ask(sampleContext(), 'first', NEVER);
    expect(requests).toHaveLength(1);
    expect(requests[0]).toMatchObject({
      model: 'claude-haiku-5-5',
      outcome: 'ok',
      tokens: { input: 2000, output: 300, cacheRead: 1000, cacheWrite: 400 },
    });
    expect(requests[0]?.costUsd).toBeCloseTo((2000 * 0.1 + 300 * 0.5 + 1000 * 0.01 + 400 * 0.125) / 1e6, 12);
  });

  it('reports the rate limits in the response', async () => {
    await claude({ now: () => 7 }).ask(sampleContext(), 'first', NEVER);
    const resetAt = Date.UTC(2026, 10, 23, 12, 1);
    expect(rateLimits).toEqual([
      [
        { resource: 'requests', limit: 4000, remaining: 3999, resetAt, observedAt: 7 },
        { resource: 'input_tokens', limit: 400_000, remaining: 398_000, resetAt, observedAt: 7 },
        { resource: 'output_tokens', limit: 80_000, remaining: 80_000, resetAt, observedAt: 7 },
      ],
    ]);
  });

  it('is reduced to short plain text, even if a hostile log made the model write something else', async () => {
    server.reply([
      answer({
        root_cause: `\u001b[31mred\u001b[0m \u202Eevil\u202C zero\u200Bwidth ${'x'.repeat(50_000)}`,
        config_suggestions: Array.from({ length: 50 }, (_, i) => `A${i}=${'y'.repeat(5000)}`),
      }),
    ]);
    const given = await claude().ask(sampleContext(), 'first', NEVER);
    if (given.kind !== 'answered') throw new Error(given.reason);
    expect(given.assessment.rootCause).toMatch(/^red evil zerowidth x+…$/);
    expect(given.assessment.rootCause.length).toBeLessThanOrEqual(1200);
    expect(given.assessment.configSuggestions).toHaveLength(10);
    for (const suggestion of given.assessment.configSuggestions) expect(suggestion.length).toBeLessThanOrEqual(300);
  });
});

describe('a request', () => {
  it('is sent to the model of the requested strength', async () => {
    await claude().ask(sampleContext(), 'first', NEVER);
    await claude().ask(sampleContext(), 'strong', NEVER);
    expect(server.requests.map((request) => request.body?.model)).toEqual(['claude-haiku-5-5', 'claude-sonnet-5-5']);
  });

  it('has a schema with the seven fields, the evidence and the confidence, low effort, and enough tokens to think', async () => {
    await claude().ask(sampleContext(), 'first', NEVER);
    const body = server.requests[0]?.body as {
      max_tokens: number;
      output_config: { effort: string; format: { type: string; schema: { properties: object; required: string[] } } };
    };
    expect(body.max_tokens).toBeGreaterThanOrEqual(4096);
    expect(body.output_config.effort).toBe('low');
    expect(body.output_config.format.type).toBe('json_schema');
    const seven = [
      'root_cause',
      'severity',
      'suggested_fix',
      'auto_restart_safe',
      'config_suggestions',
      'likely_recurring',
      'estimated_impact',
    ];
    expect(Object.keys(body.output_config.format.schema.properties)).toEqual([...seven, 'evidence', 'confidence']);
    expect(body.output_config.format.schema.required).toEqual([...seven, 'evidence']);
  });

  it('takes no address, credential or header from the environment', async () => {
    vi.stubEnv('ANTHROPIC_BASE_URL', 'http://127.0.0.1:9');
    vi.stubEnv('ANTHROPIC_API_KEY', 'ambient-key');
    vi.stubEnv('ANTHROPIC_AUTH_TOKEN', 'ambient-token');
    vi.stubEnv('ANTHROPIC_CUSTOM_HEADERS', 'Authorization: Bearer ambient\nX-Api-Key: ambient\nX-Ambient: 1');
    const given = await claude().ask(sampleContext(), 'first', NEVER);
    expect(given.kind).toBe('answered');
    const headers = server.requests[0]?.headers ?? {};
    expect(headers['x-api-key']).toBe('key-for-tests');
    expect(headers.authorization).toBeUndefined();
    expect(JSON.stringify(headers)).not.toContain('ambient');
    expect(headers.traceparent).toBeUndefined();
  });

  it('never follows a redirect with the key', async () => {
    const other = await startClaudeServer();
    server.reply([respond(307, '', { location: `${other.url}/v1/messages` })]);
    const given = await claude().ask(sampleContext(), 'first', NEVER);
    expect(given).toMatchObject({ kind: 'failed', reason: 'wrong_url' });
    expect(other.requests).toEqual([]);
    await other.close();
  });
});

/** A web page. */
const page = (code: number, headers: Readonly<Record<string, string>> = {}) =>
  respond(code, '<!DOCTYPE html><title>Access denied</title>', { 'content-type': 'text/html', ...headers });

type Failure = readonly [what: string, replies: ClaudeBehaviour[], reason: ClaudeFailure, outcomes: ClaudeFailure[]];

describe('a failure', () => {
  const table: readonly Failure[] = [
    ['a refusal', [refusal()], 'refused', ['refused']],
    ['an answer cut at max_tokens', [truncated()], 'truncated', ['truncated']],
    ['prose instead of JSON', [nonsense()], 'invalid', ['invalid']],
    ['no text at all', [nonsense('')], 'invalid', ['invalid']],
    ['JSON of another shape', [nonsense('{"answer": 42}')], 'invalid', ['invalid']],
    ['a fence around line ends', [nonsense(`\`\`\`\n${'\n'.repeat(20_000)}x`)], 'invalid', ['invalid']],
    ['JSON null', [nonsense('null')], 'invalid', ['invalid']],
    ['a severity that does not exist', [answer({ severity: 'critical' })], 'invalid', ['invalid']],
    ['an empty root cause', [answer({ root_cause: ' \u200b ' })], 'invalid', ['invalid']],
    // biome-ignore lint/suspicious/noExplicitAny: wrong on purpose
    ['wrong types', [answer({ auto_restart_safe: 'yes' as any })], 'invalid', ['invalid']],
    ['an HTML page with status 200', [html200()], 'proxy_page', ['proxy_page']],
    ['an HTML page with a JSON content type', [respond(200, '<html>')], 'proxy_page', ['proxy_page']],
    ['JSON that is not a message', [respond(200, '{"models": []}')], 'wrong_url', ['wrong_url']],
    ['an endless answer', [respond(200, `"${'x'.repeat(3_000_000)}"`)], 'invalid', ['invalid']],
    ['400', [status(400)], 'rejected', ['rejected']],
    ['a question that is too long', [status(413)], 'rejected', ['rejected']],
    ['a wrong key', [status(401)], 'wrong_key', ['wrong_key']],
    ['a key without a permission', [status(403)], 'no_permission', ['no_permission']],
    ['an unknown model', [status(404)], 'unknown_model', ['unknown_model']],
    ['a billing problem', [status(402)], 'no_credit', ['no_credit']],
    [
      'an account without credit',
      [
        apiError(
          400,
          'invalid_request_error',
          'Your credit balance is too low to access the Anthropic API. Please go to Plans & Billing to upgrade or purchase credits.',
        ),
      ],
      'no_credit',
      ['no_credit'],
    ],
    [
      'a spending limit',
      [
        apiError(
          400,
          'invalid_request_error',
          'You have reached your specified API usage limits. You will regain access on 2026-12-01 at 00:00 UTC.',
        ),
      ],
      'no_credit',
      ['no_credit'],
    ],
    [
      'a forbidden region',
      [apiError(403, 'forbidden', 'Request not allowed')],
      'forbidden_region',
      ['forbidden_region'],
    ],
    ['a page of a firewall', [page(403)], 'proxy_page', ['proxy_page']],
    ['a page of another web server', [page(404)], 'proxy_page', ['proxy_page']],
    ['a path that the API does not have', [apiError(404, 'not_found_error', 'Not Found')], 'wrong_url', ['wrong_url']],
    ['an address where another service answers', [respond(404, '{"detail":"Not Found"}')], 'wrong_url', ['wrong_url']],
    [
      'a page of a gateway that fails',
      Array(3).fill(page(502, { 'retry-after-ms': '5' })),
      'error',
      ['error', 'error', 'error'],
    ],
    ['429 that requests a pause of a minute', [status(429, { 'retry-after': '60' })], 'rate_limited', ['rate_limited']],
    [
      '529 that requests a pause until a date',
      [status(529, { 'retry-after': new Date(Date.now() + 60_000).toUTCString() })],
      'overloaded',
      ['overloaded'],
    ],
    [
      '429 three times',
      Array(3).fill(status(429, { 'retry-after-ms': '5' })),
      'rate_limited',
      ['rate_limited', 'rate_limited', 'rate_limited'],
    ],
    [
      '500, then 529 twice',
      [status(500, { 'retry-after-ms': '5' }), ...Array(2).fill(status(529, { 'retry-after-ms': '5' }))],
      'overloaded',
      ['error', 'overloaded', 'overloaded'],
    ],
  ];
  it.each(table)('%s', async (_what, replies, reason, outcomes) => {
    server.reply(replies);
    const given = await claude().ask(sampleContext(), 'first', NEVER);
    expect(given).toMatchObject({ kind: 'failed', reason });
    expect(given.requests.map((request) => request.outcome)).toEqual(outcomes);
    expect(server.requests).toHaveLength(outcomes.length);
  });

  it('with a response has tokens and a cost: a refusal, a truncation, prose', async () => {
    for (const behaviour of [refusal(), truncated(), nonsense()]) {
      server.reply([behaviour]);
      const { requests } = await claude().ask(sampleContext(), 'first', NEVER);
      expect(requests[0]?.tokens).toMatchObject({ input: 1000, output: 200 });
      expect(requests[0]?.costUsd).toBeGreaterThan(0);
    }
  });

  it('without a response costs nothing', async () => {
    server.reply([status(529, { 'retry-after-ms': '5' }), answer()]);
    const { kind, requests } = await claude().ask(sampleContext(), 'first', NEVER);
    expect(kind).toBe('answered');
    expect(requests.map(({ outcome, costUsd }) => [outcome, costUsd > 0])).toEqual([
      ['overloaded', false],
      ['ok', true],
    ]);
  });

  it('of the connection is retried, then reported as such', async () => {
    server.reply(() => drop());
    const given = await claude().ask(sampleContext(), 'first', NEVER);
    expect(given).toMatchObject({ kind: 'failed', reason: 'unreachable' });
    expect(given.requests).toHaveLength(3);
  });

  it('to connect has its own reason', async () => {
    const gone = await startClaudeServer();
    await gone.close();
    const given = await claude({ baseURL: gone.url }).ask(sampleContext(), 'first', NEVER);
    expect(given).toMatchObject({ kind: 'failed', reason: 'unreachable' });
  });

  it.each([
    ['a request that is never answered', hang()],
    ['an answer that stops halfway', stall()],
    ['an answer that comes too late', delay(5000, answer())],
  ])('%s ends at the deadline of the question, as a timeout', async (_what, behaviour) => {
    server.reply(() => behaviour);
    const given = await claude({ timeoutMs: 200 }).ask(sampleContext(), 'first', NEVER);
    expect(given).toMatchObject({ kind: 'failed', reason: 'timeout' });
    expect(given.requests.map((request) => request.outcome)).toEqual(['timeout']);
  });

  it('is reported with the outcome of the last request if the deadline passes during a pause between retries', async () => {
    server.reply(() => status(529, { 'retry-after': '5' }));
    const given = await claude({ timeoutMs: 200 }).ask(sampleContext(), 'first', NEVER);
    expect(given).toMatchObject({ kind: 'failed', reason: 'overloaded' });
  });
});

describe("the caller's signal", () => {
  it('ends the question, which then rejects with the reason of the signal', async () => {
    server.reply(() => hang());
    const controller = new AbortController();
    const question = claude().ask(sampleContext(), 'first', controller.signal);
    await vi.waitFor(() => expect(server.requests).toHaveLength(1), { timeout: 5000 });
    controller.abort(new Error('shutting down'));
    await expect(question).rejects.toThrow('shutting down');
  });

  it('prevents the request if it has already aborted', async () => {
    await expect(claude().ask(sampleContext(), 'first', AbortSignal.abort(new Error('no')))).rejects.toThrow('no');
    expect(server.requests).toEqual([]);
  });
});

describe('the check', () => {
  const connection = (timeoutMs = 60_000) => ({
    apiKey: 'key-for-tests',
    baseURL: server.url,
    model: 'claude-haiku-5-5',
    timeoutMs,
  });

  it('looks up the model and asks no question, so it is free', async () => {
    expect(await checkClaude(connection())).toEqual({ ok: true });
    expect(server.modelLookups.map((lookup) => lookup.path)).toEqual(['/v1/models/claude-haiku-5-5']);
    expect(server.requests).toEqual([]);
  });

  it.each([
    ['a wrong key', status(401), /does not accept the API key.*ANTHROPIC_API_KEY/],
    ['an unknown model', status(404), /does not know the model.*CLAUDE_MODEL/],
    ['a retired model', respond(200, '{"id":"x","lifecycle":"retired"}'), /claude-haiku-5-5 is retired/],
    ['a proxy', html200(), /web page came back/],
    ['a proxy that claims to send JSON', respond(200, '<html>'), /web page came back/],
    ['another service', respond(200, '{"object":"list"}'), /not that of the Claude API.*ANTHROPIC_BASE_URL/],
    ['a forbidden region', apiError(403, 'forbidden', 'Request not allowed'), /region/],
    ['an outage', status(503), /a fault of its own/],
    ['silence', hang(), /did not answer in time/],
    ['no connection', drop(), /no connection.*firewall/],
  ])('explains the problem: %s', async (what, behaviour, why) => {
    server.replyToModelLookup(behaviour);
    const checked = await checkClaude(connection(what === 'silence' ? 300 : undefined));
    expect(checked).toMatchObject({ ok: false, why: expect.stringMatching(why) });
    expect(JSON.stringify(checked)).not.toContain('key-for-tests');
  });
});
