import type { ReactElement } from 'react';
import { sentence } from '../lib/format.ts';
import type { Gate, Incident } from '../lib/types.ts';
import { Status } from '../ui/status.tsx';
import { Time } from '../ui/time.tsx';

const LOOK = {
  open: { word: 'allows it', icon: 'good', tone: 'good' },
  closed: { word: 'prevents it', icon: 'bad', tone: 'bad' },
  unknown: { word: 'not known', icon: 'unknown', tone: 'plain' },
} as const;

/** Why it was restarted, or not: every condition with the value that it was decided on. */
export function Gates({ decisions }: { readonly decisions: Incident['decisions'] }): ReactElement | null {
  const last = decisions.at(-1);
  if (!last) return null;
  const deciding = last.gates.find(({ state }) => state === 'closed');
  return (
    <section className="card" aria-labelledby="gates">
      <div className="head">
        <h2 id="gates">{last.kind === 'restart' ? 'Why it was restarted' : 'Why it was not restarted'}</h2>
        <span className="muted small">
          decided <Time at={last.at} />
        </span>
      </div>
      <p className="answer wrap-any">
        {sentence(last.explanation)}
        {last.detail === null ? '' : ` (${last.detail})`}.
      </p>
      {last.gates.length === 0 ? (
        <p className="muted small">No individual conditions were recorded for this decision.</p>
      ) : (
        <details open={last.gates.length <= 40}>
          <summary>
            {last.gates.filter(({ state }) => state === 'open').length} of {last.gates.length} conditions allow a
            restart
          </summary>
          <ul className="gates">
            {last.gates.map((gate) => (
              <GateLine key={gate.name} gate={gate} isDeciding={gate === deciding} />
            ))}
          </ul>
        </details>
      )}
      {decisions.length > 1 ? (
        <details>
          <summary>{decisions.length - 1} earlier</summary>
          <ul className="rows">
            {decisions.slice(0, -1).map(({ at, kind, explanation }) => (
              <li key={at} className="small">
                <Time at={at} />: {kind}, {explanation}
              </li>
            ))}
          </ul>
        </details>
      ) : null}
    </section>
  );
}

function GateLine({ gate, isDeciding }: { readonly gate: Gate; readonly isDeciding: boolean }): ReactElement {
  return (
    <li className={isDeciding ? 'deciding' : undefined}>
      <Status look={LOOK[gate.state]} />
      <span className="wrap-any">
        {sentence(gate.asks)}
        <span className="muted"> · {gate.value}</span>
        {isDeciding ? <strong> · this decided</strong> : null}
      </span>
    </li>
  );
}
