/** No secret leaves the agent: containers log the corpus of test/redact, and all outputs of the agent are searched. */
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createSimulatedEngine, type SimulatedEngine } from '../../src/demo/simulated-engine.ts';
import { NEAR_MISSES, SECRETS } from '../redact/corpus.ts';
import { answer, type ClaudeServer, startClaudeServer } from '../support/claude-server.ts';
import { type Doctor, startDoctor } from '../support/doctor.ts';
import { eventually } from '../support/eventually.ts';
import { type SlackServer, startSlackServer } from '../support/slack-server.ts';
import { startCollector } from '../telemetry/collector.ts';

const API_KEY = 'sk-ant-stand-in-key-of-the-doctor';
const LITERAL = 'correct-horse-battery';
const ESC = '\u001b';

let folder: string;
let engine: SimulatedEngine;
let claude: ClaudeServer;
let slack: SlackServer;
let collector: Awaited<ReturnType<typeof startCollector>>;
let doctor: Doctor;
/** Everything that the agent sent or stored, by output. */
const outputs = new Map<string, string>();

const soon = <T>(probe: () => T | undefined | Promise<T | undefined>) =>
  eventually(probe, { deadlineMs: 90_000, everyMs: 250 });

beforeAll(async () => {
  folder = mkdtempSync(path.join(tmpdir(), 'secrets-'));
  engine = createSimulatedEngine({ socketPath: path.join(folder, 'engine.sock') });
  // The model repeats its input in its answer, so that Slack, the store and the pages get it too.
  claude = await startClaudeServer((prompt) => {
    const shown = prompt.slice(prompt.lastIndexOf('BEGIN '));
    return answer({ root_cause: shown.slice(0, 1000), suggested_fix: shown, estimated_impact: shown.slice(0, 500) });
  });
  slack = await startSlackServer();
  collector = await startCollector();
  const dataDir = path.join(folder, 'data');
  doctor = await startDoctor({
    DOCKER_HOST: await engine.listen(),
    AUTO_FIX: 'true',
    CHECK_INTERVAL: '1',
    ANTHROPIC_API_KEY: API_KEY,
    ANTHROPIC_BASE_URL: claude.url,
    SLACK_WEBHOOK_URL: slack.webhookUrl,
    MAX_DIAGNOSES_PER_HOUR: '10000',
    MAX_SPEND_PER_DAY: '10000',
    MAX_ALERTS_PER_MINUTE: '1000',
    DATA_DIR: dataDir,
    LOG_LEVEL: 'debug',
    OTEL_EXPORTER_OTLP_ENDPOINT: collector.url,
    OTEL_EXPORTER_OTLP_PROTOCOL: 'http/json',
    OTEL_METRICS_EXPORTER: 'otlp',
    OTEL_LOGS_EXPORTER: 'otlp',
    OTEL_METRIC_EXPORT_INTERVAL: '1000',
    OTEL_BSP_SCHEDULE_DELAY: '100',
    OTEL_BLRP_SCHEDULE_DELAY: '100',
  });

  for (const [i, { line, secret }] of SECRETS.entries()) {
    const container = engine.addContainer({
      name: `c${i}`,
      image: 'shop/app:1',
      labels: { 'app.note': line, 'app.token': secret, 'com.docker.compose.service': `s${i}` },
      // The secrets of the corpus are not in the environment: they must be found by patterns.
      env: [`APP_PASSWORD=${LITERAL}`],
      health: 'healthy',
    });
    container.log(`INFO request 17 ${line}`);
    container.log(`FATAL ${line}`, { stream: 'stderr' });
    if (i % 3 === 0) container.setHealth('unhealthy', `check said ${line} and ${LITERAL}`);
    if (i % 7 === 0) container.log(`ERROR coloured ${ESC}[2m${line}${ESC}[0m`, { stream: 'stderr' });
  }
  await soon(async () => {
    const decided = new Set((await doctor.history()).filter((e) => e.decision !== null).map((e) => e.container));
    return decided.size === SECRETS.length && slack.posts.length >= SECRETS.length ? true : undefined;
  });
  await soon(() => (collector.received.some(({ path }) => path === '/v1/metrics') ? true : undefined));

  outputs.set(
    'Claude',
    JSON.stringify(claude.requests.map(({ body, path, headers }) => [body, path, { ...headers, 'x-api-key': '' }])),
  );
  outputs.set('Slack', JSON.stringify(slack.posts.map(({ body, headers }) => [body, headers])));
  outputs.set('/history', JSON.stringify(await doctor.history()));
  outputs.set('/health', JSON.stringify(await doctor.health()));
  outputs.set('/metrics', await doctor.metrics());
  await doctor.stop();
  outputs.set('its own log', doctor.output());
  for (const signal of ['traces', 'metrics', 'logs']) {
    const sent = collector.received.filter(({ path }) => path === `/v1/${signal}`);
    outputs.set(`OTLP ${signal}`, sent.map(({ body }) => body.toString('utf8')).join('\n'));
  }
  const files = readdirSync(dataDir, { recursive: true, withFileTypes: true }).filter((entry) => entry.isFile());
  outputs.set('the store', files.map((file) => readFileSync(path.join(file.parentPath, file.name), 'utf8')).join('\n'));
}, 150_000);

afterAll(async () => {
  await doctor?.stop();
  await Promise.all([engine?.close(), claude?.close(), slack?.close(), collector?.close()]);
  rmSync(folder, { recursive: true });
});

const OUTPUTS = [
  'Claude',
  'Slack',
  'the store',
  '/history',
  '/health',
  '/metrics',
  'OTLP traces',
  'OTLP metrics',
  'OTLP logs',
  'its own log',
] as const;

describe('secrets in logs, labels, health checks and environments', () => {
  it('are numerous, were all part of a question, and the text around them was kept', () => {
    expect(SECRETS.length).toBeGreaterThanOrEqual(200);
    expect(NEAR_MISSES.length).toBeGreaterThanOrEqual(200);
    for (const output of OUTPUTS) expect(outputs.get(output)?.length, output).toBeGreaterThan(300);
    for (const output of ['Claude', 'Slack', 'the store', '/history'])
      expect(outputs.get(output)).toContain('‹secret:1›');
    for (const { keeps } of SECRETS.filter((one) => /^[\w.@/-]{6,}$/.test(one.keeps ?? ''))) {
      expect(outputs.get('Claude')).toContain(keeps);
    }
  });

  it.each(OUTPUTS)('do not leave through %s', (output) => {
    const text = outputs.get(output) ?? '';
    const found = [...SECRETS.map(({ secret }) => secret), LITERAL, API_KEY, 'T000/B000'].filter(
      (secret) => text.includes(secret) || text.includes(JSON.stringify(secret).slice(1, -1)),
    );
    expect(found).toEqual([]);
  });
});

describe('a secret in the environment of a container', () => {
  it('is recognised even if the container is gone or the engine does not answer', async () => {
    const folder = mkdtempSync(path.join(tmpdir(), 'secrets-gone-'));
    const engine = createSimulatedEngine({ socketPath: path.join(folder, 'engine.sock') });
    const claude = await startClaudeServer();
    const env = [`APP_PASSWORD=${LITERAL}`];
    const steady = engine.addContainer({ name: 'steady', env });
    const agent = await startDoctor({
      DOCKER_HOST: await engine.listen(),
      CHECK_INTERVAL: '1',
      ANTHROPIC_API_KEY: API_KEY,
      ANTHROPIC_BASE_URL: claude.url,
      DATA_DIR: path.join(folder, 'data'),
    });
    try {
      const job = engine.addContainer({ name: 'job', env });
      await soon(() => (engine.count('inspect', 'steady') + engine.count('inspect', 'job') >= 2 ? true : undefined));
      job.log(`ERROR job failed for ${LITERAL}`, { stream: 'stderr' });
      await soon(async () => ((await agent.metric('container_doctor_log_lines_total')) > 0 ? true : undefined));
      job.exit(1);
      job.remove();
      engine.faults.respond('inspect', 500);
      steady.log(`ERROR cannot serve ${LITERAL}`, { stream: 'stderr' });
      await soon(async () => {
        const decided = (await agent.history()).filter((e) => e.decision !== null).map((e) => e.container);
        return ['steady', 'job'].every((name) => decided.includes(name)) ? true : undefined;
      });
      const asked = JSON.stringify(claude.requests.map(({ body }) => body));
      expect(asked).toContain('cannot serve ‹secret:1›');
      expect(asked).toContain('job failed for ‹secret:1›');
      expect(asked).not.toContain(LITERAL);
      expect(agent.output()).not.toContain(LITERAL);
    } finally {
      await agent.stop();
      await Promise.all([engine.close(), claude.close()]);
      rmSync(folder, { recursive: true });
    }
    // Longer than all waits in it, so that the agent is stopped even if the test fails.
  }, 240_000);
});
