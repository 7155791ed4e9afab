import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import type { LocalFailure } from '../../../src/domain/model-failures.ts';
import { checkLocalModel } from '../../../src/models/local/check.ts';
import { createLocalModel, type LocalOptions } from '../../../src/models/local/local.ts';
import { SYSTEM_PROMPT } from '../../../src/models/question/system-prompt.ts';
import { eventually } from '../../support/eventually.ts';
import {
  LOCAL_MODEL,
  type LocalBehaviour,
  type LocalModelServer,
  localAnswer,
  SERVER_ERRORS,
  says,
  startLocalModelServer,
} from '../../support/local-model-server.ts';
import { NOON, sampleAttempt, sampleContext, sampleFacts } from '../../support/samples.ts';

let server: LocalModelServer;

beforeEach(async () => {
  server = await startLocalModelServer();
});
afterEach(async () => {
  vi.unstubAllEnvs();
  await server.close();
});

const NEVER = new AbortController().signal;
const APIS = ['ollama', 'openai'] as const;

function local(api: (typeof APIS)[number] = 'ollama', options: Partial<LocalOptions> = {}) {
  return createLocalModel({
    url: server.url,
    api,
    model: LOCAL_MODEL,
    timeoutMs: 60_000,
    loadingMs: 0,
    now: Date.now,
    ...options,
  });
}

const ask = (api?: (typeof APIS)[number], options?: Partial<LocalOptions>) =>
  local(api, options).ask(sampleContext(), 'first', NEVER);

describe.each(APIS)('an answer over the API of %s', (api) => {
  it.each([false, true])('is read, streamed: %s', async (streamed) => {
    server.reply([says(localAnswer({ severity: 'high', confidence: 'medium' }), { streamed })]);
    expect(await ask(api)).toMatchObject({
      kind: 'answered',
      model: LOCAL_MODEL,
      confidence: 'medium',
      assessment: { severity: 'high', rootCause: 'The connection pool is exhausted.' },
      requests: [{ outcome: 'ok', model: LOCAL_MODEL, tokens: { input: 1800, output: 210 } }],
    });
  });

  it.each([
    ['apart from the text', { thinking: 'Let me see: {"root_cause"' }, ''],
    ['in the text', {}, '<think>\nLet me see: {"root_cause"\n</think>\n\n'],
    ['in the text, with only its end', {}, 'Let me see.\n</think>\n'],
  ])('is found after thinking %s', async (_, options, before) => {
    for (const streamed of [false, true]) {
      server.reply([says(before + localAnswer(), { ...options, streamed })]);
      expect((await ask(api)).kind).toBe('answered');
    }
  });

  it('is found in a code fence, and may itself mention thinking', async () => {
    server.reply([says(`\`\`\`json\n${localAnswer({ root_cause: 'It printed </think> and died.' })}\n\`\`\``)]);
    expect((await ask(api)).kind).toBe('answered');
    server.reply([says(localAnswer({ root_cause: 'It printed </think> and died.' }))]);
    expect(await ask(api)).toMatchObject({ assessment: { rootCause: 'It printed </think> and died.' } });
  });

  const failures: readonly (readonly [string, LocalBehaviour, LocalFailure])[] = [
    ['is cut at the most tokens', says(localAnswer().slice(0, 50), { end: 'length' }), 'truncated'],
    ['is cut at the most tokens, streamed', says('{"root', { end: 'length', streamed: true }), 'truncated'],
    ['breaks off', says(localAnswer(), { end: 'broken' }), 'truncated'],
    ['breaks off, streamed', says(localAnswer(), { end: 'broken', streamed: true }), 'truncated'],
    ['is empty', says(''), 'empty'],
    ['is empty, streamed', says('', { streamed: true }), 'empty'],
    ['has nothing after the thinking', says('<think>Hm.</think>\n'), 'empty'],
    ['never ends thinking', says('<think>Hm. Hm. Hm.'), 'empty'],
    ['is prose', says('I would say: it depends.'), 'invalid'],
    ['is JSON that ends early', says('{"root_cause": "The pool'), 'invalid'],
    ['is JSON of another shape', says('{"diagnosis": "restart it"}'), 'invalid'],
    ['has a wrong type', says(localAnswer({ auto_restart_safe: 'yes' })), 'invalid'],
    // Gemma 3 270M answered like this.
    ['repeats the names of the fields', says(localAnswer({ root_cause: ' Root_cause. ' })), 'invalid'],
    ['has an unknown severity', says(localAnswer({ severity: 'critical' })), 'invalid'],
    ['is a web page', SERVER_ERRORS.page, 'wrong_url'],
    ['is JSON of another service', { kind: 'error', status: 200, body: '{"status":"ok"}' }, 'wrong_url'],
    ['is endless', says('x'.repeat(2_000_000)), 'invalid'],
    ['is 404 without a word of the model', SERVER_ERRORS.notFound, 'wrong_url'],
    ['is 404 for the model, as Ollama says it', SERVER_ERRORS.ollamaNoModel, 'model_missing'],
    ['is 404 for the model, as vLLM says it', SERVER_ERRORS.openaiNoModel, 'model_missing'],
    ['is 503 while the model loads', SERVER_ERRORS.llamaLoading, 'loading'],
    ['is 503 because of other questions', SERVER_ERRORS.ollamaBusy, 'busy'],
    ['is 500 for lack of memory', SERVER_ERRORS.ollamaMemory, 'out_of_memory'],
    ['is 500', SERVER_ERRORS.fault, 'error'],
    ['is 400 because the question is too long', SERVER_ERRORS.llamaContext, 'too_long'],
    ['is 400', { kind: 'error', status: 400, body: '{"error":"invalid format"}' }, 'rejected'],
    ['is 401', SERVER_ERRORS.unauthorized, 'wrong_key'],
    ['is a redirect', { kind: 'error', status: 302, body: '' }, 'wrong_url'],
  ];
  it.each(failures)('that %s has its own failure', async (_, behaviour, reason) => {
    server.reply([behaviour]);
    const answer = await ask(api);
    expect(answer).toMatchObject({ kind: 'failed', reason });
    expect(answer.requests.map(({ outcome }) => outcome)).toEqual([reason]);
  });

  it('that comes too late is a timeout', async () => {
    server.reply(() => ({ kind: 'hang' }));
    expect(await ask(api, { timeoutMs: 150 })).toMatchObject({ kind: 'failed', reason: 'timeout' });
  });
});

it('a server that loads the model is asked again', async () => {
  server.reply([SERVER_ERRORS.llamaLoading, says()]);
  const answer = await ask('openai', { loadingMs: 10_000 });
  expect(answer.requests.map(({ outcome }) => outcome)).toEqual(['loading', 'ok']);
});

it('an error in the middle of a stream is reported', async () => {
  const body =
    '{"message":{"content":"{"},"done":false}\n{"error":"an error was encountered while running the model"}\n';
  server.reply([{ kind: 'error', status: 200, body }]);
  expect(await ask('ollama')).toMatchObject({ kind: 'failed', reason: 'error' });
});

it('a server that is not there is unreachable', async () => {
  await server.refuse();
  expect(await ask()).toMatchObject({ kind: 'failed', reason: 'unreachable' });
});

describe('a question', () => {
  it('gives Ollama the schema, and a context that holds the question', async () => {
    await ask('ollama');
    expect(server.requests[0]).toMatchObject({
      path: '/api/chat',
      body: {
        model: LOCAL_MODEL,
        stream: false,
        format: { type: 'object', required: expect.arrayContaining(['root_cause', 'confidence']) },
        options: { temperature: 0, num_ctx: 8192 },
      },
    });
    expect(server.requests[0]?.headers.authorization).toBeUndefined();
  });

  it('gives OpenAI-compatible servers a strict schema: every property is required, and no other is allowed', async () => {
    await ask('openai', { key: 'local-key' });
    const [request] = server.requests;
    expect(request).toMatchObject({
      path: '/v1/chat/completions',
      headers: { authorization: 'Bearer local-key' },
      body: { response_format: { type: 'json_schema', json_schema: { strict: true } } },
    });
    const format = request?.body.response_format as { json_schema: { schema: Record<string, object> } } | undefined;
    const schema = format?.json_schema.schema ?? {};
    expect(schema.required).toEqual(Object.keys(schema.properties ?? {}));
    expect(schema.additionalProperties).toBe(false);
  });

  it.each([
    ['ollama', '/', '/api/chat'],
    ['ollama', '/api', '/api/chat'],
    ['ollama', '/v1/', '/api/chat'],
    ['openai', '', '/v1/chat/completions'],
    ['openai', '/v1', '/v1/chat/completions'],
    ['openai', '/v1/chat/completions', '/v1/chat/completions'],
  ] as const)('%s with an address that ends in "%s" is sent to %s', async (api, end, path) => {
    await ask(api, { url: `${server.url}${end}` });
    expect(server.requests[0]?.path).toBe(path);
  });

  it('is short enough for a small context, whatever the log holds', async () => {
    const logLines = Array.from({ length: 1000 }, (_, i) => `ERROR ${i} ${'refused '.repeat(40)}`);
    const output = 'x'.repeat(4_000);
    const facts = sampleFacts({ healthLog: Array.from({ length: 5 }, () => ({ at: NOON, exitCode: 1, output })) });
    const earlier = Array.from({ length: 3 }, () => ({
      at: NOON,
      container: 'shop-web-1',
      rootCause: 'y'.repeat(1_200),
      suggestedFix: 'z'.repeat(2_000),
      result: 'it was restarted and recovered',
    }));
    const restarts = Array.from({ length: 50 }, () => sampleAttempt());
    const context = sampleContext({ logLines, evidence: logLines.slice(0, 100), facts, earlier, restarts });
    await local().ask(context, 'first', NEVER);
    const prompt = server.requests[0]?.prompt ?? '';
    expect(prompt.length / 3 + 1536).toBeLessThan(8192);
    expect(prompt).toContain(SYSTEM_PROMPT);
  });

  it('waits for its turn: the server answers one at a time', async () => {
    const model = local();
    const answers = await Promise.all([1, 2, 3, 4].map(() => model.ask(sampleContext(), 'first', NEVER)));
    expect(answers.map(({ kind }) => kind)).toEqual(Array(4).fill('answered'));
    expect(server.mostAtOnce()).toBe(1);
  });

  it('does not wait if too many others do', async () => {
    let release = () => {};
    const after = new Promise<void>((resolve) => {
      release = resolve;
    });
    server.reply(() => says(localAnswer(), { after }));
    const model = local();
    const asked = Array.from({ length: 8 }, () => model.ask(sampleContext(), 'first', NEVER));
    await eventually(() => (server.requests.length === 1 ? true : undefined));
    release();
    const kinds = (await Promise.all(asked)).map((answer) => (answer.kind === 'failed' ? answer.reason : 'ok'));
    expect(kinds.filter((kind) => kind === 'busy')).toHaveLength(4);
    expect(kinds.filter((kind) => kind === 'ok')).toHaveLength(4);
  });

  it('does not wait for its turn longer than for an answer', async () => {
    server.reply(() => ({ kind: 'hang' }));
    const model = local('ollama', { timeoutMs: 1_500 });
    const [first, second] = await Promise.all([1, 2].map(() => model.ask(sampleContext(), 'first', NEVER)));
    expect(first).toMatchObject({ reason: 'timeout' });
    expect(['busy', 'timeout']).toContain(second?.kind === 'failed' ? second.reason : 'ok');
    server.reply(() => says());
    expect((await model.ask(sampleContext(), 'first', NEVER)).kind).toBe('answered');
  });

  it('ends with the signal of the caller, also while it waits, and lets the next one pass', async () => {
    server.reply(() => ({ kind: 'hang' }));
    const model = local();
    const stop = new AbortController();
    const asked = [1, 2].map(() => model.ask(sampleContext(), 'first', stop.signal));
    await eventually(() => (server.requests.length === 1 ? true : undefined));
    stop.abort(new Error('shutting down'));
    for (const one of asked) await expect(one).rejects.toThrow('shutting down');
    server.reply(() => says());
    expect((await model.ask(sampleContext(), 'first', NEVER)).kind).toBe('answered');
  });
});

describe('the check', () => {
  const check = (over: Partial<Parameters<typeof checkLocalModel>[0]> = {}) =>
    checkLocalModel({ url: server.url, api: 'ollama', model: LOCAL_MODEL, timeoutMs: 60_000, ...over });

  it.each(APIS)('finds the model over the API of %s and asks it nothing', async (api) => {
    expect(await check({ api })).toEqual({ ok: true });
    expect(server.requests).toEqual([]);
  });

  it('says which models there are if this one is missing', async () => {
    expect(await check({ model: 'llama3.2' })).toMatchObject({
      ok: false,
      why: expect.stringMatching(/does not have the model.*LOCAL_MODEL.*qwen3:4b/),
    });
  });

  it('says that nothing answers, or something else', async () => {
    const other = await startLocalModelServer();
    expect(await check({ api: 'openai', url: `${server.url}/other/v1` })).toMatchObject({ why: /LOCAL_MODEL_URL/ });
    await other.refuse();
    expect(await check({ url: other.url })).toMatchObject({ ok: false, why: expect.stringMatching(/no connection/) });
    await other.close();
  });
});
