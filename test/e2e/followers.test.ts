/** A receiver that follows incidents, in the running agent. */
import { expect, it, onTestFinished } from 'vitest';
import type { SettingTable } from '../../src/config/setting.ts';
import type { Alert } from '../../src/domain/alert.ts';
import type { IncidentMemory, ReceiverModule } from '../../src/notifiers/receiver-module.ts';
import { answer } from '../support/claude-server.ts';
import { eventually } from '../support/eventually.ts';
import { startFastWorld } from '../support/fast-world.ts';
import { SAFE } from '../support/world.ts';

function createFollower() {
  const alerts: Alert[] = [];
  const memories: IncidentMemory[] = [];
  const module: ReceiverModule<SettingTable> = {
    name: 'follower',
    title: 'Follower',
    follows: true,
    settings: {},
    configure: () => ({ minSeverity: 'low' }),
    create: (_settings, { memory }) => {
      memories.push(memory);
      return {
        paceMs: 0,
        async send(alert) {
          alerts.push(alert);
          await memory.remember(alert.incident, `${alert.kind} ${alert.incident.id}`);
          return { kind: 'sent' };
        },
        sendNotice: async () => ({ kind: 'sent' }),
      };
    },
    check: async () => ({ ok: true, detail: '' }),
  };
  return { module, alerts, memory: () => memories.at(-1) as IncidentMemory };
}

it('sees a restart begin, its outcome and the end; Slack gets its one message as before', async () => {
  const follower = createFollower();
  const { engine, slack, close } = await startFastWorld({
    speed: 20,
    containers: ['web'],
    claude: () => answer(SAFE),
    moreReceivers: [follower.module],
  });
  onTestFinished(close);
  engine.container('web')?.exit(1);
  await eventually(() => (follower.alerts.at(-1)?.kind === 'resolved' ? true : undefined), { deadlineMs: 60_000 });
  expect(follower.alerts.map(({ kind, attempt }) => [kind, attempt?.outcome])).toEqual([
    ['restarting', undefined],
    ['outcome', 'recovered'],
    ['resolved', 'recovered'],
  ]);
  const [{ incident }] = follower.alerts as [Alert];
  expect(new Set(follower.alerts.map((alert) => alert.incident.id))).toEqual(new Set([incident.id]));
  await eventually(() => (slack.posts.length > 0 ? true : undefined));
  expect(slack.posts).toHaveLength(1);
  await eventually(async () =>
    (await follower.memory().recall(incident.id)) === `resolved ${incident.id}` ? true : undefined,
  );
  expect(await follower.memory().recallEarlier({ ...incident, id: 'later' }, 0)).toMatchObject({
    incidentId: incident.id,
  });
});
