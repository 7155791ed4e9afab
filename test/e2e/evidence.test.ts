/** The whole agent with answers that the log does not support. */
import { afterEach, beforeEach, expect, it } from 'vitest';
import { answer } from '../support/claude-server.ts';
import { runCommand } from '../support/doctor.ts';
import { SAFE, soon, startWorld, type World } from '../support/world.ts';

let world: World;

beforeEach(async () => {
  world = await startWorld();
});
afterEach(() => world.close());

it('a diagnosis that quotes what was not logged restarts nothing; the alert, /history and the metric say so', async () => {
  world.claude.reply(() =>
    answer({ ...SAFE, root_cause: 'It logged "the replica set has no primary".', evidence: ['L1'] }),
  );
  const web = world.engine.addContainer({ name: 'web' });
  const agent = await world.start();
  web.log('ERROR cannot serve: lost the leader election', { stream: 'stderr' });
  const post = await soon(() => world.slack.posts[0]);
  const text = JSON.stringify(post.body);
  expect(text).toContain('Not supported by the log');
  expect(text).toContain('it quotes a text that does not occur');
  expect(world.claude.requests.map(({ body }) => body?.model)).toEqual(['claude-haiku-5-5', 'claude-sonnet-5-5']);
  const [entry] = await agent.history();
  expect(entry).toMatchObject({
    decision: 'notify',
    reason: 'diagnosis_unsupported',
    diagnosis: {
      severity: 'high',
      evidence: [{ id: 'L1', text: expect.stringContaining('lost the leader election') }],
      failed_checks: ['quote_not_found'],
    },
  });
  expect(world.engine.count('restart', 'web')).toBe(0);
  const failed = { check: 'evidence', outcome: 'failed' };
  await expect.poll(() => agent.metric('container_doctor_diagnosis_checks_total', failed)).toBe(2);
});

it('a diagnosis whose evidence holds leads to a restart, and its alert shows the line', async () => {
  world.claude.reply(() => answer({ ...SAFE, evidence: ['L1'] }));
  const web = world.engine.addContainer({ name: 'web' });
  await world.start();
  web.log('ERROR cannot serve: lost the leader election', { stream: 'stderr' });
  const post = await soon(() => world.slack.posts[0]);
  expect(JSON.stringify(post.body)).toMatch(/Evidence.*cannot serve: lost the leader election/);
  expect(world.engine.count('restart', 'web')).toBe(1);
  expect(world.claude.requests).toHaveLength(1);
});

it('a diagnosis that a person calls wrong is asked for again, with the verdict', async () => {
  const settings = { AUTO_FIX: 'false' };
  const web = world.engine.addContainer({ name: 'web' });
  world.claude.reply(() => answer({ ...SAFE, root_cause: 'A stale lock.', evidence: ['L1'] }));
  const agent = await world.start(settings);
  web.log('ERROR cannot serve: lost the leader election', { stream: 'stderr' });
  const [first] = await soon(async () => {
    const entries = (await agent.history()).filter((e) => e.decision !== null);
    return entries.length > 0 ? entries : undefined;
  });
  const verdict = ['review', first?.id ?? '', 'wrong', 'it was the database'];
  expect((await runCommand(verdict, world.environment(settings))).code).toBe(0);
  await agent.stop();
  web.log('ERROR another thing broke', { stream: 'stderr' });
  await world.start(settings);
  const prompt = await soon(() => world.claude.requests[1]?.prompt);
  expect(prompt).toMatch(/A stale lock.*a person called this case wrong: "it was the database"/s);
});
