import { describe, expect, it, vi } from 'vitest';
import { redactSummary } from '../../../src/pipeline/diagnose/collect.ts';
import { createKnownSecrets } from '../../../src/pipeline/diagnose/known-secrets.ts';
import { createRedactor } from '../../../src/redact/redactor.ts';
import { anIncident, someFacts } from '../../support/domain.ts';

const SECRET = 'hunter2-swordfish';
const incident = anIncident({ summary: `ERROR cannot log in with ${SECRET}` });
const { id } = incident.container;
const hang = () => new Promise<never>(() => {});

describe('the summary of an incident', () => {
  it('is redacted at once with the known secrets of its container, although the engine hangs', async () => {
    const control = { inspect: vi.fn(async () => someFacts({ secretValues: [SECRET] })) };
    const known = createKnownSecrets(control);
    await known.learn([id]);
    const before = performance.now();
    const { summary } = await redactSummary(incident, {
      control: { inspect: hang, tailLogs: hang },
      redactor: createRedactor(),
      secretsOf: known.secretsOf,
    });
    expect(summary).not.toContain(SECRET);
    expect(performance.now() - before).toBeLessThan(2_000);
  });

  it('waits for the engine if the secrets of its container are not known yet', async () => {
    const { summary } = await redactSummary(incident, {
      control: { inspect: async () => someFacts({ secretValues: [SECRET] }), tailLogs: hang },
      redactor: createRedactor(),
      secretsOf: () => undefined,
    });
    expect(summary).not.toContain(SECRET);
  });
});
