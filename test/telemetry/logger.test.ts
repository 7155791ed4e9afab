import { PassThrough } from 'node:stream';
import { describe, expect, it } from 'vitest';
import { StoreError } from '../../src/errors.ts';
import { createLogger, type LogLevel } from '../../src/telemetry/logger.ts';
import { createTracing } from '../../src/telemetry/tracing.ts';
import { eventually } from '../support/eventually.ts';
import { FAST, startCollector, telemetryWith } from './collector.ts';
import { incident } from './samples.ts';

function logTo(options: { level?: LogLevel; pretty?: boolean; host?: () => string | undefined } = {}) {
  const stream = new PassThrough();
  const text = () => String(stream.read() ?? '');
  const redact = (given: string) => given.replaceAll('hunter2', '‹secret›');
  const logger = createLogger({ level: 'info', stream, redact, ...options });
  const records = () =>
    text()
      .split('\n')
      .filter((line) => line !== '')
      .map((line) => JSON.parse(line));
  return { logger, text, records };
}

describe('our own log', () => {
  it('is one JSON object per line with time, level name and message', () => {
    const { logger, records } = logTo();
    logger.info('watching', { containers: 3 });
    logger.warn('lost the engine');
    const [first, second] = records();
    expect(first).toMatchObject({ level: 'info', msg: 'watching', containers: 3 });
    expect(first.time).toMatch(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/);
    expect(second).toMatchObject({ level: 'warn', msg: 'lost the engine' });
    expect(second).not.toHaveProperty('trace_id');
  });

  it('names the host in every record once it is known, and not in readable text', () => {
    let host: string | undefined;
    const { logger, records } = logTo({ host: () => host });
    logger.info('starting');
    host = 'web-1';
    logger.info('running', { host_name: 'something else' });
    const [first, second] = records();
    expect(first).not.toHaveProperty('host_name');
    expect(second).toMatchObject({ host_name: 'web-1', host_name_: 'something else' });
    const readable = logTo({ host: () => host, pretty: true });
    readable.logger.info('running');
    expect(readable.text()).not.toContain('web-1');
  });

  it('redacts every string: message, nested fields, errors and their causes', () => {
    const { logger, text } = logTo();
    const error = new StoreError('cannot open db?password=hunter2', 'unavailable', new Error('hunter2 again'));
    logger.error('failed with hunter2', { error, deep: { list: ['hunter2', { token: 'hunter2' }] } });
    const line = text();
    expect(line).not.toContain('hunter2');
    expect(JSON.parse(line)).toMatchObject({
      msg: 'failed with ‹secret›',
      error: { type: 'StoreError', reason: 'unavailable', message: 'cannot open db?password=‹secret›' },
      deep: { list: ['‹secret›', { token: '‹secret›' }] },
    });
  });

  it('accepts cycles, big integers, dates and fields with reserved names', () => {
    const { logger, records } = logTo();
    const circle: Record<string, unknown> = { big: 12n, at: new Date(0) };
    circle.self = circle;
    logger.info('odd', { circle, level: 'mine', time: 5 });
    expect(records()[0]).toMatchObject({
      level: 'info',
      level_: 'mine',
      time_: 5,
      circle: { big: '12', at: '1970-01-01T00:00:00.000Z' },
    });
  });

  it('omits records below its level', () => {
    const { logger, text } = logTo({ level: 'warn' });
    logger.debug('a');
    logger.info('b');
    expect(text()).toBe('');
  });

  it('is readable text on a terminal, without control characters from containers', async () => {
    const { logger, text } = logTo({ pretty: true });
    logger.warn('from the log: \u001b[2Jgone');
    const shown = await eventually(() => {
      const given = text();
      expect(given).not.toBe('');
      return given;
    });
    expect(shown).toContain('WARN');
    expect(shown).toContain('from the log: [2Jgone');
    expect(shown).not.toContain('\u001b[2J');
  });

  it('has the ids of the active trace, on standard output and over OTLP', async () => {
    const collector = await startCollector();
    const telemetry = telemetryWith({
      ...FAST,
      OTEL_EXPORTER_OTLP_ENDPOINT: collector.url,
      OTEL_LOGS_EXPORTER: 'otlp',
      OTEL_EXPORTER_OTLP_PROTOCOL: 'http/json',
    });
    try {
      const { logger, records } = logTo();
      const link = await createTracing(telemetry.tracer).incident(incident, undefined, async (given) => {
        logger.info('diagnosed with hunter2', { tier: 'rules' });
        return given;
      });
      expect(records()[0]).toMatchObject({ trace_id: link?.traceId, span_id: link?.spanId });
      const sent = await eventually(() => {
        const request = collector.received.find(({ path }) => path === '/v1/logs');
        expect(request).toBeDefined();
        return JSON.parse(String(request?.body));
      });
      const [record] = sent.resourceLogs[0].scopeLogs[0].logRecords;
      expect(record).toMatchObject({
        traceId: link?.traceId,
        spanId: link?.spanId,
        severityText: 'info',
        body: { stringValue: 'diagnosed with ‹secret›' },
      });
    } finally {
      await telemetry.end();
      await collector.close();
    }
  });
});
