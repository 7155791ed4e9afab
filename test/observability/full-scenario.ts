/**
 * A scenario that changes every metric, for the real agent on the simulated engine: all detectors, tiers, decisions and
 * restart outcomes, and failures of Claude, Slack and the collector.
 */
import type { SimulatedContainer } from '../../src/demo/engine/simulated-container.ts';
import type { SimulatedEngine } from '../../src/demo/simulated-engine.ts';
import { answer, refusal, status } from '../support/claude-server.ts';
import type { Doctor } from '../support/doctor.ts';
import { eventually } from '../support/eventually.ts';
import { SAFE, startWorld, type World } from '../support/world.ts';

export function createWorld(): Promise<World> {
  return startWorld((prompt) => {
    if (prompt.includes('"gateway"')) return answer({ severity: 'low' });
    if (prompt.includes('"busy"')) return status(429, { 'retry-after': '600' });
    if (prompt.includes('"shy"')) return refusal();
    return answer(SAFE);
  });
}

/** Resolves when every alert was delivered. */
export async function runFullScenario({ engine, slack }: World, doctor: Doctor): Promise<void> {
  const add = (name: string, options: Partial<Parameters<SimulatedEngine['addContainer']>[0]> = {}) =>
    engine.addContainer({ name, ...options });
  const fail = (container: SimulatedContainer, text: string) => container.log(text, { stream: 'stderr' });
  const handled = (container: string, outcome?: string) =>
    soon(async () =>
      (await doctor.history()).find(
        (e) => e.container === container && e.decision !== null && (!outcome || e.outcome === outcome),
      ),
    );
  const metric = (name: string, labels: Record<string, string>, atLeast = 1) =>
    soon(async () => ((await doctor.metric(`container_doctor_${name}`, labels)) >= atLeast ? true : undefined));

  const worker = add('worker');
  const api = add('api');
  const gateway = add('gateway');
  const db = add('db');
  const busy = add('busy');
  const shy = add('shy');
  const probed = add('probed', { health: 'healthy' });
  const chatty = add('chatty');
  // No restart helps: it exits again after each.
  const hopeless = add('hopeless', { onStart: (c) => void (c.starts > 1 && setTimeout(() => c.exit(1), 400)) });
  await soon(async () => ((await doctor.health()).monitoring.length >= 9 ? true : undefined));

  // Slack fails for the first alert and rejects a later one for good.
  slack.reply([{ status: 500 }, { status: 404, body: 'no_service' }]);
  worker.oom();
  await handled('worker', 'recovered');
  for (let i = 0; i < 40; i++) fail(api, `ERROR request ${i} failed: QueuePool limit of size 5 overflow 10 reached`);
  await handled('api', 'recovered');
  fail(gateway, 'ERROR upstream request to pricing timed out after 3000 ms, retrying');
  fail(db, 'PANIC:  could not write to file "pg_wal/xlogtemp.29": No space left on device');
  fail(busy, 'ERROR cannot serve: deadlock detected');
  fail(shy, 'FATAL: sorry, too many clients already');
  probed.setHealth('unhealthy', 'connection refused');
  fail(hopeless, 'ERROR cannot serve: the license has expired');
  for (const name of ['gateway', 'db', 'busy', 'shy', 'probed', 'hopeless']) await handled(name);

  // The engine rejects a restart.
  engine.faults.respond('restart', 500, 'simulated fault', 1);
  const refusing = add('refusing');
  fail(refusing, 'ERROR cannot serve: out of file descriptors');
  await handled('refusing');
  await metric('restarts_total', { container_name: 'refusing', outcome: 'error' });
  await metric('restarts_total', { container_name: 'hopeless', outcome: 'failed' });

  const looping = add('looping', { restartPolicy: 'always', restartDelayMs: 50 });
  for (let exits = 0; exits < 4; exits++) {
    await soon(() => (looping.running ? true : undefined));
    looping.exit(1);
  }
  await metric('errors_detected_total', { container_name: 'looping', detector: 'crash_loop' });
  await handled('looping');

  // More kinds of errors at once than can be grouped.
  for (let i = 0; i < 400; i++) fail(chatty, `ERROR ${uniqueWords(i)} exploded`);
  chatty.log(Array.from({ length: 200 }, (_, i) => `INFO request ${i} served`).join('\n'));
  engine.faults.cutLogStreams(100, 3);
  chatty.log('INFO cut here, or a little later');
  engine.faults.clear();
  for (const page of ['/health', '/history', '/nowhere']) await fetch(`${doctor.url}${page}`);
  await soon(async () => ((await doctor.health()).outbox_pending === 0 ? true : undefined));
}

const soon = <T>(probe: () => T | undefined | Promise<T | undefined>) =>
  eventually(probe, { deadlineMs: 60_000, everyMs: 50 });

/** Without digits, because numbers are masked and the errors would be the same problem. */
function uniqueWords(i: number): string {
  const letter = (n: number) => String.fromCharCode('a'.charCodeAt(0) + (n % 26));
  return `${letter(i)}${letter(i / 26)}${letter(i * 7)}bert ${letter(i * 3)}${letter(i / 5)}olf`;
}
