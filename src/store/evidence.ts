import { randomUUID } from 'node:crypto';
import type { EvidenceStore } from '../pipeline/ports/pages.ts';
import type { CurrentDatabase } from './current-database.ts';
import type { QueryRunner } from './query-runner.ts';
import { storableText } from './rows.ts';

/** A question has at most about 30,000 characters; this only bounds a mistake. */
const QUESTION_CHARS = 100_000;

export function createEvidenceStore(current: CurrentDatabase, queries: QueryRunner): EvidenceStore {
  const { agent } = current;
  return {
    async saveEvidence(incidentId, evidence) {
      const changed = { collected_at: evidence.collectedAt, evidence: JSON.stringify(evidence) };
      await queries.write('save the evidence of an incident', () =>
        current.db
          .insertInto('evidence')
          .values({ agent, incident_id: incidentId, ...changed })
          .onConflict((conflict) => conflict.column('incident_id').doUpdateSet(changed))
          .execute(),
      );
    },

    async saveQuestion({ incidentId, at, model, strength, text }) {
      const question = storableText(text.slice(0, QUESTION_CHARS));
      const id = randomUUID();
      await queries.write('save a question', () =>
        current.db
          .insertInto('questions')
          .values({ id, agent, incident_id: incidentId, asked_at: at, model, strength, question })
          .onConflict((conflict) => conflict.column('id').doNothing())
          .execute(),
      );
    },
  };
}
