/**
 * A process for kill.test.ts. Arguments: a data directory and, optionally, a number of steps after which it kills
 * itself. It writes cases to the store step by step and prints the number of acknowledged steps.
 */
import { writeSync } from 'node:fs';
import { openStore, type Store } from '../../src/store/store.ts';
import { alert, attempt, diagnosis, incident, NOON, request } from './support-values.ts';

/** The steps of a case, one durable write each. */
export const STEPS: readonly ((store: Store, id: string) => Promise<unknown>)[] = [
  (store, id) => store.saveIncident(incident({ id, fingerprint: id })),
  (store, id) => store.recordAsk({ at: NOON, incidentId: id }),
  (store, id) => store.recordRequests([request({ incidentId: id }), request({ incidentId: id })]),
  (store, id) => store.saveDiagnosis(id, diagnosis()),
  (store, id) => store.saveDecision(id, { kind: 'restart', reason: 'restart_allowed' }),
  (store, id) => store.beginAttempt(attempt({ id, incidentId: id })),
  (store, id) => store.finishAttempt(id, { outcome: 'recovered', detail: 'healthy', finishedAt: NOON }),
  (store, id) => store.enqueue(alert({ id }), ['slack', 'console']),
  (store, id) => store.saveSettled(id, NOON),
  (store, id) => store.saveCursors(new Map([[id, { at: id, seen: 1 }]])),
];

const nothing = () => {};

async function main(dataDir: string, stopAfter: number): Promise<void> {
  const logger = { debug: nothing, info: nothing, warn: nothing, error: nothing };
  const store = await openStore({ where: { dataDir }, receivers: ['slack'], now: () => NOON, logger });
  for (let done = 0; done < stopAfter; done++) {
    const step = STEPS[done % STEPS.length];
    await step?.(store, `case-${String(Math.floor(done / STEPS.length)).padStart(5, '0')}`);
    writeSync(1, `${done + 1}\n`);
  }
  process.kill(process.pid, 'SIGKILL');
}

if (import.meta.main) {
  const [dataDir = '', stopAfter = 'Infinity'] = process.argv.slice(2);
  await main(dataDir, Number(stopAfter));
}
