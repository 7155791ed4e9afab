import { describe, expect, it } from 'vitest';
import { buildHealth, type HealthInputs } from '../../src/http/health.ts';

const failure = { since: Date.UTC(2026, 10, 23, 3, 50, 0), why: 'it answered 500' };

const well: HealthInputs = {
  now: Date.UTC(2026, 10, 23, 4, 0, 0),
  startedAt: Date.UTC(2026, 10, 23, 3, 0, 0),
  version: '1.2.3',
  mode: 'auto_fix',
  dockerConnected: true,
  loopStalled: false,
  monitoring: ['db', 'web'],
  missingTargets: [],
  totalDiagnoses: 7,
  restartsByContainer: new Map([['web', 2]]),
  rateLimit: { remaining: 13, limit: 20 },
  spend: { today: 0.25, limit: 1 },
  lastEventAt: Date.UTC(2026, 10, 23, 3, 59, 0),
  lastReconcileAt: Date.UTC(2026, 10, 23, 3, 59, 55),
  lateLogs: [],
  openIncidents: 1,
  storeHealthy: true,
  claude: { configured: true, model: 'claude-haiku-5-5' },
  receivers: [{ name: 'slack', title: 'Slack', pending: 0 }],
};

describe('health', () => {
  it('has the fields of the first version and those that help', () => {
    expect(buildHealth(well)).toEqual({
      status: 'healthy',
      httpStatus: 200,
      body: {
        status: 'healthy',
        problems: [],
        docker_connected: true,
        monitoring: ['db', 'web'],
        total_diagnoses: 7,
        fixes_applied: { web: 2 },
        rate_limit_remaining: 13,
        rate_limit_limit: 20,
        uptime_check: '2026-11-23T04:00:00.000Z',
        version: '1.2.3',
        mode: 'auto_fix',
        started_at: '2026-11-23T03:00:00.000Z',
        uptime_seconds: 3600,
        missing_targets: [],
        last_event_at: '2026-11-23T03:59:00.000Z',
        last_reconcile_at: '2026-11-23T03:59:55.000Z',
        loop_stalled: false,
        spend_today_usd: 0.25,
        spend_limit_usd: 1,
        open_incidents: 1,
        outbox_pending: 0,
        store_healthy: true,
        claude: {
          configured: true,
          model: 'claude-haiku-5-5',
          last_error: null,
          circuit: 'closed',
          retry_at: null,
          over_share: [],
        },
        slack: { configured: true, failing_since: null, last_error: null },
        receivers: [{ name: 'slack', pending: 0, failing_since: null, last_error: null }],
      },
    });
  });

  it.each<[string, Partial<HealthInputs>, 'healthy' | 'degraded', number, RegExp?]>([
    ['the engine does not answer', { dockerConnected: false }, 'degraded', 503, /Docker engine/],
    ['the loop stands still', { loopStalled: true }, 'degraded', 503, /loop/],
    [
      'a target does not exist',
      { missingTargets: ['api', 'job-*'] },
      'degraded',
      200,
      /TARGET_CONTAINERS.*api, job-\*/,
    ],
    [
      'a log is read late',
      { lateLogs: [{ container: 'web', ms: 93_400 }] },
      'degraded',
      200,
      /read late: web \(93 s\)/,
    ],
    ['the store is broken', { storeHealthy: false }, 'degraded', 200, /store/],
    ['the budget is spent', { spend: { today: 1.004, limit: 1 } }, 'degraded', 200, /\$1\.00 of \$1\.00/],
    ['a small budget is spent', { spend: { today: 0.012, limit: 0.01 } }, 'degraded', 200, /\$0\.012 of \$0\.01\)/],
    ['the hour is used up', { rateLimit: { remaining: 0, limit: 20 } }, 'degraded', 200, /20 diagnoses/],
    ['Claude fails', { claude: { ...well.claude, lastError: 'timeout' } }, 'degraded', 200, /Claude.*timeout/],
    [
      'Claude is left alone',
      { claude: { ...well.claude, circuit: 'open', retryAt: well.now + 60_000 } },
      'degraded',
      200,
      /left alone until 2026-11-23T04:01:00.000Z: the rules answer alone/,
    ],
    [
      'Claude was left alone long enough, and nothing happened since',
      { claude: { ...well.claude, circuit: 'open', retryAt: well.now - 60_000 } },
      'degraded',
      200,
      /it is asked again with the next problem/,
    ],
    [
      'there is no key',
      { claude: { configured: false, model: 'x' }, rateLimit: { remaining: 0, limit: 0 } },
      'healthy',
      200,
    ],
    [
      'Slack fails',
      { receivers: [{ name: 'slack', title: 'Slack', pending: 3, failure }] },
      'degraded',
      200,
      /^Slack has accepted no messages since 2026-11-23T03:50:00.000Z \(it answered 500\); alerts waiting: 3$/,
    ],
    ['there is no Slack', { receivers: [{ name: 'console', title: 'Console', pending: 0 }] }, 'healthy', 200],
    ['nothing ever happened', { lastEventAt: undefined, monitoring: [] }, 'healthy', 200],
  ])('where %s', (_case, change, status, httpStatus, problem) => {
    const health = buildHealth({ ...well, ...change });
    expect(health).toMatchObject({ status, httpStatus });
    if (problem === undefined) expect(health.body.problems).toEqual([]);
    else expect(health.body.problems).toEqual([expect.stringMatching(problem)]);
  });

  it('reports each receiver by itself, and Slack under its own name too', () => {
    const { body } = buildHealth({
      ...well,
      receivers: [
        { name: 'slack', title: 'Slack', pending: 1 },
        { name: 'pager', title: 'Pager', pending: 2, failure },
      ],
    });
    expect(body).toMatchObject({
      status: 'degraded',
      outbox_pending: 3,
      problems: [expect.stringMatching(/^Pager has accepted no messages since .*; alerts waiting: 2$/)],
      slack: { configured: true, failing_since: null, last_error: null },
      receivers: [
        { name: 'slack', pending: 1, failing_since: null, last_error: null },
        { name: 'pager', pending: 2, failing_since: '2026-11-23T03:50:00.000Z', last_error: 'it answered 500' },
      ],
    });
  });

  it('says that Slack is not configured if it is not a receiver', () => {
    const { slack } = buildHealth({ ...well, receivers: [] }).body;
    expect(slack).toEqual({ configured: false, failing_since: null, last_error: null });
  });
});
