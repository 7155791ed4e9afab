import type { Incident } from '../../domain/incident.ts';
import type { Logger } from '../../lib/log.ts';
import type { EvidenceStore, StoredQuestion } from '../ports/pages.ts';

export interface QuestionKeeper {
  readonly questions: Pick<EvidenceStore, 'saveQuestion'>;
  readonly logger: Logger;
}

/** Stores a question as it was sent, for the pages. Never rejects. */
export async function keepQuestion(
  { questions, logger }: QuestionKeeper,
  { id }: Incident,
  asked: Pick<StoredQuestion, 'at' | 'model' | 'strength'> & { readonly text: string | undefined },
): Promise<void> {
  const { text } = asked;
  if (text === undefined) return;
  await questions.saveQuestion({ ...asked, text, incidentId: id }).catch((error: unknown) => {
    logger.error('a question could not be stored', { error: String(error) });
  });
}
