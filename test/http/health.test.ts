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
  skippedLogs: [],
  sources: [
    { source: 'list', kind: 'ok' },
    { source: 'logs', kind: 'refused', status: 403, since: Date.UTC(2026, 10, 23, 3, 30, 0) },
  ],
  sourceProblems: [],
  openIncidents: 1,
  storeHealthy: true,
  claude: { configured: true, model: 'claude-haiku-5-5' },
  receivers: [{ name: 'slack', title: 'Slack', pending: 0 }],
};

describe('health', () => {
  it('has all documented fields', () => {
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
        sources: {
          list: { state: 'ok', status: null, since: null },
          logs: { state: 'refused', status: 403, since: '2026-11-23T03:30:00.000Z' },
        },
        skipped_logs: [],
        last_event_at: '2026-11-23T03:59:00.000Z',
        last_reconcile_at: '2026-11-23T03:59:55.000Z',
        loop_stalled: false,
        spend_today_usd: 0.25,
        spend_limit_usd: 1,
        open_incidents: 1,
        waiting_requests: 0,
        snoozes: 0,
        outbox_pending: 0,
        store_healthy: true,
        database_away_since: null,
        claude: {
          configured: true,
          model: 'claude-haiku-5-5',
          last_error: null,
          circuit: 'closed',
          retry_at: null,
          over_share: [],
        },
        local_model: null,
        slack: { configured: true, failing_since: null, last_error: null },
        receivers: [{ name: 'slack', pending: 0, failing_since: null, last_error: null }],
      },
    });
  });

  it.each<[string, Partial<HealthInputs>, 'healthy' | 'degraded', number, RegExp?]>([
    [
      'the engine refuses a request',
      { sourceProblems: ['the engine refuses GET /containers/{id}/logs (HTTP 403): errors in logs are missed'] },
      'degraded',
      200,
      /^the engine refuses GET .containers.{id}.logs \(HTTP 403\)/,
    ],
    ['the engine does not answer', { dockerConnected: false }, 'degraded', 503, /Docker engine/],
    ['the agent has stalled', { loopStalled: true }, 'degraded', 503, /stalled/],
    [
      'a target matches no container',
      { missingTargets: ['api', 'job-*'] },
      'degraded',
      200,
      /TARGET_CONTAINERS.*api, job-\*/,
    ],
    [
      'log lines were skipped after an absence',
      { skippedLogs: [{ container: 'web', before: Date.UTC(2026, 10, 23, 2, 30, 0) }] },
      'degraded',
      200,
      /the older ones were skipped: web \(before 2026-11-23T02:30:00.000Z\)/,
    ],
    [
      'log lines are read late',
      { lateLogs: [{ container: 'web', ms: 93_400 }] },
      'degraded',
      200,
      /read late: web \(93 s\)/,
    ],
    ['the store fails', { storeHealthy: false }, 'degraded', 200, /store/],
    [
      'the database is away',
      { databaseAway: { since: Date.UTC(2026, 10, 23), why: 'refused' } },
      'degraded',
      200,
      /away since 2026-11-23T00:00:00.000Z \(refused\): the agent goes on from its standby file/,
    ],
    ['the budget is spent', { spend: { today: 1.004, limit: 1 } }, 'degraded', 200, /\$1\.00 of \$1\.00/],
    ['a small budget is spent', { spend: { today: 0.012, limit: 0.01 } }, 'degraded', 200, /\$0\.012 of \$0\.01\)/],
    ['the hourly limit is reached', { rateLimit: { remaining: 0, limit: 20 } }, 'degraded', 200, /20 diagnoses/],
    ['Claude fails', { claude: { ...well.claude, lastError: 'timeout' } }, 'degraded', 200, /Claude.*timeout/],
    [
      'the key for Claude is wrong',
      { claude: { ...well.claude, lastError: 'wrong_key' } },
      'degraded',
      200,
      /failed: wrong_key: .*Replace ANTHROPIC_API_KEY/,
    ],
    [
      'requests to Claude are paused',
      { claude: { ...well.claude, circuit: 'open', retryAt: well.now + 60_000 } },
      'degraded',
      200,
      /paused until 2026-11-23T04:01:00.000Z, and only the built-in rules diagnose/,
    ],
    [
      'the pause is over and Claude has not been needed since',
      { claude: { ...well.claude, circuit: 'open', retryAt: well.now - 60_000 } },
      'degraded',
      200,
      /it is asked again about the next problem/,
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
    ['nothing has happened yet', { lastEventAt: undefined, monitoring: [] }, 'healthy', 200],
  ])('if %s', (_case, change, status, httpStatus, problem) => {
    const health = buildHealth({ ...well, ...change });
    expect(health).toMatchObject({ status, httpStatus });
    if (problem === undefined) expect(health.body.problems).toEqual([]);
    else expect(health.body.problems).toEqual([expect.stringMatching(problem)]);
  });

  it('reports each receiver separately, and Slack also under `slack`', () => {
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
