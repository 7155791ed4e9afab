import { describe, expect, it, vi } from 'vitest';
import type { ContainerFacts } from '../../../src/domain/containers.ts';
import { systemClock } from '../../../src/lib/time.ts';
import { createCollector } from '../../../src/pipeline/diagnose/collect.ts';
import { createKnownSecrets } from '../../../src/pipeline/diagnose/known-secrets.ts';
import { createRedactor } from '../../../src/redact/redactor.ts';
import { anIncident, someFacts } from '../../support/domain.ts';

const SECRET = 'hunter2-swordfish';
const incident = anIncident({ summary: `ERROR cannot log in with ${SECRET}` });
const { id } = incident.container;
const hang = () => new Promise<never>(() => {});

function collectorWith({
  inspect,
  secretsOf,
}: {
  inspect: () => Promise<ContainerFacts | undefined>;
  secretsOf: (id: string) => readonly string[] | undefined;
}) {
  return createCollector({
    control: { inspect, tailLogs: hang },
    redactor: createRedactor(),
    secretsOf,
    attempts: { attemptsSince: async () => [] },
    clock: systemClock,
    logLinesOf: () => 50,
  });
}

describe('the summary of an incident', () => {
  it('is redacted at once with the known secrets of its container, although the engine hangs', async () => {
    const control = { inspect: vi.fn(async () => someFacts({ secretValues: [SECRET] })) };
    const known = createKnownSecrets(control);
    await known.learn([id]);
    const summary = await collectorWith({ inspect: hang, secretsOf: known.secretsOf }).summary(incident);
    expect(summary).not.toContain(SECRET);
  });

  it('waits for the engine if the secrets of its container are not known yet', async () => {
    const inspect = async () => someFacts({ secretValues: [SECRET] });
    const summary = await collectorWith({ inspect, secretsOf: () => undefined }).summary(incident);
    expect(summary).not.toContain(SECRET);
  });
});
