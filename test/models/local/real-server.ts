/**
 * By hand, not part of the tests: the client for local models against a real server.
 *
 *     node test/models/local/real-server.ts URL MODEL [openai|ollama]
 *
 * Prints what `check` says, how an answer comes out, streamed and not, and what an unknown model and path lead to.
 */
import { checkLocalModel } from '../../../src/models/local/check.ts';
import { createLocalModel, LOCAL_APIS } from '../../../src/models/local/local.ts';
import { sampleContext } from '../../support/samples.ts';

const [url = '', model = '', api = 'openai'] = process.argv.slice(2);
if (url === '' || model === '' || !(api in LOCAL_APIS)) {
  console.error('usage: node test/models/local/real-server.ts URL MODEL [openai|ollama]');
  process.exit(64);
}
const kind = api as keyof typeof LOCAL_APIS;
/** The most that LOCAL_MODEL_TIMEOUT_SECONDS allows: the HTTP client of Node waits no longer than 300 s for headers. */
const TIMEOUT_MS = 280_000;

console.log('check:', JSON.stringify(await checkLocalModel({ url, model, api: kind })));
console.log(
  'check of a model that it does not have:',
  JSON.stringify(await checkLocalModel({ url, model: 'none', api: kind })),
);
console.log(
  'check of another path:',
  JSON.stringify(await checkLocalModel({ url: `${url}/nothing/v1`, model, api: kind })),
);

const ask = (options: { readonly model?: string; readonly timeoutMs?: number } = {}) =>
  createLocalModel({ api: kind, url, model, timeoutMs: TIMEOUT_MS, now: Date.now, ...options }).ask(
    sampleContext(),
    'first',
    new AbortController().signal,
  );

const answer = await ask();
console.log('answer:', answer.kind, JSON.stringify(answer.requests));
if (answer.kind === 'answered') {
  const { assessment, confidence, evidence } = answer;
  console.log(JSON.stringify({ assessment, confidence, evidence }, undefined, 2));
}
console.log('with a time-out of 50 ms:', JSON.stringify((await ask({ timeoutMs: 50 })).requests));

const { chatUrl, body, read } = LOCAL_APIS[kind];
const schema = {
  type: 'object',
  properties: { ok: { type: 'boolean' } },
  required: ['ok'],
  additionalProperties: false,
};
const streamed = await fetch(chatUrl(url), {
  method: 'POST',
  headers: { 'content-type': 'application/json' },
  body: JSON.stringify({ ...body({ model, system: 'Answer in JSON.', user: 'Is 1 = 1?', schema }), stream: true }),
});
console.log('streamed:', streamed.status, JSON.stringify(read(await streamed.text())));
