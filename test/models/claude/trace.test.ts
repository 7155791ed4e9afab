import { propagation, SpanKind, trace } from '@opentelemetry/api';
import { W3CTraceContextPropagator } from '@opentelemetry/core';
import { InMemorySpanExporter, SimpleSpanProcessor, TracerProvider } from '@opentelemetry/sdk-trace';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { createClaude } from '../../../src/models/claude/claude.ts';
import { answer, type ClaudeServer, startClaudeServer } from '../../support/claude-server.ts';
import { sampleContext } from '../../support/samples.ts';

const spans = new InMemorySpanExporter();
let server: ClaudeServer;

beforeAll(async () => {
  trace.setGlobalTracerProvider(new TracerProvider({ spanProcessors: [new SimpleSpanProcessor({ exporter: spans })] }));
  propagation.setGlobalPropagator(new W3CTraceContextPropagator());
  server = await startClaudeServer(() => answer({ root_cause: 'telltale answer' }));
});
afterAll(() => server.close());

it('a question creates one client span of the SDK, without its content, and sends no trace context', async () => {
  const claude = createClaude({
    apiKey: 'key-for-tests',
    baseURL: server.url,
    model: 'claude-haiku-5-5',
    strongModel: 'claude-sonnet-5-5',
    now: Date.now,
  });
  const question = sampleContext({ logLines: ['telltale line'] });
  const given = await claude.ask(question, 'first', new AbortController().signal);
  expect(given.kind).toBe('answered');

  const [span, ...more] = spans.getFinishedSpans();
  expect(more).toEqual([]);
  expect(span).toMatchObject({ name: 'anthropic.messages.create', kind: SpanKind.CLIENT });
  expect(JSON.stringify(span?.attributes)).not.toContain('telltale');
  expect(JSON.stringify(span?.events)).not.toContain('telltale');
  expect(server.requests[0]?.headers.traceparent).toBeUndefined();
});
