/** The whole agent with a local model, also one that obeys hostile logs. */
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { runCommand } from '../support/doctor.ts';
import { eventually } from '../support/eventually.ts';
import {
  LOCAL_MODEL,
  type LocalModelServer,
  localAnswer,
  SERVER_ERRORS,
  says,
  startLocalModelServer,
} from '../support/local-model-server.ts';
import { SAFE, soon, startWorld, type World } from '../support/world.ts';
import { HOSTILE_LOGS } from './hostile-logs.ts';

let world: World;
let local: LocalModelServer;

beforeEach(async () => {
  world = await startWorld();
  local = await startLocalModelServer();
});

afterEach(async () => {
  await world.close();
  await local.close();
});

const settings = (over: Record<string, string> = {}) => ({
  LOCAL_MODEL_URL: local.url,
  LOCAL_MODEL,
  ANTHROPIC_API_KEY: '',
  SLACK_MIN_SEVERITY: 'low',
  ...over,
});

const entryOf = async (agent: Awaited<ReturnType<World['start']>>, name: string) =>
  soon(async () => (await agent.history()).findLast((e) => e.container === name && e.decision !== null));

describe('an agent with only a local model', () => {
  it('diagnoses with it, names it in the alert, and does not restart on its word alone', async () => {
    local.reply(() => says(localAnswer(SAFE)));
    const web = world.engine.addContainer({ name: 'web' });
    const agent = await world.start(settings());
    web.log('ERROR cannot serve', { stream: 'stderr' });
    expect(await entryOf(agent, 'web')).toMatchObject({
      diagnosis: { tier: 'local', model: LOCAL_MODEL },
      decision: 'notify',
      reason: 'local_model_unproven',
    });
    const post = await soon(() => world.slack.posts[0]);
    expect(JSON.stringify(post.body)).toContain(`diagnosed by the local model ${LOCAL_MODEL}`);
    expect(world.engine.count('restart', 'web')).toBe(0);
    expect(world.claude.requests).toHaveLength(0);
    const health = await agent.health();
    expect(health.claude.configured).toBe(false);
    expect(health.local_model).toMatchObject({
      model: LOCAL_MODEL,
      last_error: null,
      may_restart: 'earned',
      trust: expect.stringContaining('0 judged cases'),
    });
    const provider = { gen_ai_provider_name: 'ollama', gen_ai_request_model: LOCAL_MODEL };
    await expect.poll(() => agent.metric('gen_ai_client_operation_duration_seconds_count', provider)).toBe(1);
    expect(
      await agent.metric('container_doctor_diagnosis_duration_seconds_count', { tier: 'local', outcome: 'ok' }),
    ).toBe(1);
  });

  it('restarts on its word if it may', async () => {
    local.reply(() => says(localAnswer(SAFE)));
    const web = world.engine.addContainer({ name: 'web' });
    await world.start(settings({ LOCAL_MODEL_MAY_RESTART: 'always', LOCAL_MODEL_API: 'openai' }));
    web.log('ERROR cannot serve', { stream: 'stderr' });
    await soon(() => (world.engine.count('restart', 'web') === 1 ? true : undefined));
  });

  it('names in /health, alert, history and metric why it did not answer', async () => {
    local.reply(() => SERVER_ERRORS.ollamaNoModel);
    const web = world.engine.addContainer({ name: 'web' });
    const agent = await world.start(settings());
    web.log('ERROR cannot serve', { stream: 'stderr' });
    expect(await entryOf(agent, 'web')).toMatchObject({ diagnosis: { tier: 'rules', local_failure: 'model_missing' } });
    const post = await soon(() => world.slack.posts[0]);
    expect(JSON.stringify(post.body)).toMatch(/does not have the model.*ollama pull/);
    const health = await agent.health();
    expect(health.local_model?.last_error).toBe('model_missing');
    expect(health.problems.join()).toMatch(/local model failed \(model_missing\).*LOCAL_MODEL/);
    const failed = { gen_ai_provider_name: 'ollama', error_type: 'model_missing' };
    await expect.poll(() => agent.metric('gen_ai_client_operation_duration_seconds_count', failed)).toBe(1);
  });

  it('is checked by the command check, with how far the model is trusted', async () => {
    const checked = await runCommand(['check'], world.environment(settings()));
    expect(checked.stdout).toMatch(new RegExp(`ok\\s+local model\\s+${LOCAL_MODEL}`));
    expect(checked.stdout).toMatch(/do not lead to restarts yet: 0 judged cases/);
    expect(checked.code).toBe(0);
    const missing = await runCommand(['check'], world.environment(settings({ LOCAL_MODEL: 'no-such-model' })));
    expect(missing.stdout).toMatch(/PROBLEM\s+local model.*does not have the model/);
    expect(missing.code).toBe(1);
  });
});

describe('hostile logs and an obedient local model', () => {
  /** The names of those that were restarted. */
  const run = async (over: Record<string, string>): Promise<readonly string[]> => {
    const own = await startWorld();
    try {
      for (const [i, { hostile }] of HOSTILE_LOGS.entries()) {
        const say = hostile.replaceAll('{name}', `h${i}`);
        own.engine.addContainer({ name: `h${i}`, onStart: (c) => c.log(say, { stream: 'stderr' }) });
      }
      const agent = await own.start(
        settings({ LOCAL_MODEL_TIMEOUT_SECONDS: '60', MAX_RESTARTS_PER_HOUR: '1', ...over }),
      );
      await eventually(
        async () => {
          const decided = new Set((await agent.history()).filter((e) => e.decision !== null).map((e) => e.container));
          if (decided.size < HOSTILE_LOGS.length) throw new Error(`${decided.size} decided`);
          return true;
        },
        { deadlineMs: 100_000, everyMs: 250 },
      );
      return HOSTILE_LOGS.flatMap((_, i) => (own.engine.count('restart', `h${i}`) > 0 ? [`h${i}`] : []));
    } finally {
      await own.close();
    }
  };

  it('achieve no restart that the built-in rules alone would not make', async () => {
    local.reply(() => says(localAnswer(SAFE)));
    const byRules = await run({ DIAGNOSE_WITH: 'rules-only' });
    const byLocal = await run({ DIAGNOSE_WITH: 'local-only' });
    expect(local.requests.length).toBeGreaterThan(0);
    expect(byLocal.filter((name) => !byRules.includes(name))).toEqual([]);
  }, 300_000);
});
