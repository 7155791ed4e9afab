import { expect, it } from 'vitest';
import { createLocalTrust, createModels } from '../../src/app/models.ts';
import type { Config } from '../../src/config/config.ts';
import { loadConfig } from '../../src/config/load.ts';
import { noopObserver } from '../../src/pipeline/observer.ts';
import { noTracing } from '../../src/pipeline/tracing.ts';
import { createTracing } from '../../src/telemetry/tracing.ts';
import { eventually } from '../support/eventually.ts';
import { LOCAL_MODEL, SERVER_ERRORS, says, startLocalModelServer } from '../support/local-model-server.ts';
import { sampleContext } from '../support/samples.ts';
import { FAST, startCollector, telemetryWith } from '../telemetry/collector.ts';

const never = new AbortController().signal;

function configOf(env: Record<string, string>): Config {
  const loaded = loadConfig(env);
  if (!loaded.ok) throw new Error(JSON.stringify(loaded.problems));
  return loaded.config;
}

const LOCAL = { LOCAL_MODEL_URL: 'http://127.0.0.1:1', LOCAL_MODEL };
const KEY = { ANTHROPIC_API_KEY: 'sk-ant-x' };

it.each([
  [{}, []],
  [KEY, ['claude']],
  [LOCAL, ['local']],
  [{ ...LOCAL, ...KEY }, ['claude', 'local']],
  [{ ...LOCAL, ...KEY, DIAGNOSE_WITH: 'local-only' }, ['local']],
  [{ ...LOCAL, ...KEY, DIAGNOSE_WITH: 'rules-only' }, []],
])('the settings %o need the models %o', (env, names) => {
  const models = createModels(configOf(env), { observer: noopObserver, tracing: noTracing, now: Date.now });
  expect(Object.keys(models).sort()).toEqual(names);
});

it('a question to the local model is a span as the GenAI conventions define it', async () => {
  const server = await startLocalModelServer();
  const collector = await startCollector();
  const telemetry = telemetryWith({
    ...FAST,
    OTEL_EXPORTER_OTLP_ENDPOINT: collector.url,
    OTEL_EXPORTER_OTLP_PROTOCOL: 'http/json',
  });
  try {
    const config = configOf({ LOCAL_MODEL_URL: server.url, LOCAL_MODEL });
    const { local } = createModels(config, {
      observer: noopObserver,
      tracing: createTracing(telemetry.tracer),
      now: Date.now,
    });
    server.reply([says(), SERVER_ERRORS.ollamaNoModel]);
    await local?.ask(sampleContext(), 'first', never);
    await local?.ask(sampleContext(), 'first', never);
    const spans = await eventually(() => (collector.spans().length === 2 ? collector.spans() : undefined));
    for (const span of spans) expect(span).toMatchObject({ name: `chat ${LOCAL_MODEL}`, kind: 3 });
    expect(spans.map(({ attributes }) => attributes['error.type'])).toEqual([undefined, 'model_missing']);
    expect(spans[0]?.attributes).toMatchObject({
      'gen_ai.operation.name': 'chat',
      'gen_ai.provider.name': 'ollama',
      'gen_ai.request.model': LOCAL_MODEL,
    });
    expect(JSON.stringify(spans)).not.toContain('pool');
  } finally {
    await telemetry.end();
    await Promise.all([collector.close(), server.close()]);
  }
});

it('a store that cannot be read earns nothing', async () => {
  const judgedDiagnoses = async () => Promise.reject(new Error('the disk is gone'));
  const trust = createLocalTrust(configOf(LOCAL), { judgedDiagnoses });
  expect(await trust.mayRestart(LOCAL_MODEL)).toBe(false);
  expect(await trust.describe()).toMatch(/0 judged cases/);
});
