import type { ReactElement } from 'react';
import { counted } from '../lib/format.ts';
import type { Incident } from '../lib/types.ts';
import { Time } from '../ui/time.tsx';

/** What left the machine: the questions as they were sent, and their size. */
export function Question({ incident: { questions, requests } }: { readonly incident: Incident }): ReactElement | null {
  if (questions.length === 0) return null;
  return (
    <section className="card" aria-labelledby="question">
      <h2 id="question">What the model was asked</h2>
      {questions.map(({ at, model, text }) => (
        <details key={at}>
          <summary>
            {model}, <Time at={at} />: the question as it was sent, redacted
          </summary>
          {/* biome-ignore lint/a11y/noNoninteractiveTabindex: a region that scrolls must be reachable with the keyboard */}
          <pre className="log question" tabIndex={0}>
            {text}
          </pre>
        </details>
      ))}
      <p className="muted small">
        {counted(requests.length, 'request')},{' '}
        {counted(
          requests.reduce((sum, { input_tokens, cache_read_tokens }) => sum + input_tokens + cache_read_tokens, 0),
          'token',
        )}{' '}
        in,{' '}
        {counted(
          requests.reduce((sum, { output_tokens }) => sum + output_tokens, 0),
          'token',
        )}{' '}
        out
      </p>
    </section>
  );
}
