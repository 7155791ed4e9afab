import type { ReactElement } from 'react';
import { act, useHosts, useSession } from '../lib/data.ts';
import { counted } from '../lib/format.ts';
import type { Snooze } from '../lib/types.ts';
import { Icon } from '../ui/icons.tsx';
import { Ago } from '../ui/time.tsx';

/** What is held back, until when, and how much it has held back. Nothing is shown if there is no snooze. */
export function SnoozeList({ snoozes }: { readonly snoozes: readonly Snooze[] }): ReactElement | null {
  if (snoozes.length === 0) return null;
  return (
    <section className="card" aria-labelledby="snoozes">
      <h2 id="snoozes">Snoozed</h2>
      <ul className="rows">
        {snoozes.map((snooze) => (
          <li key={snooze.id}>
            <SnoozeLine snooze={snooze} />
          </li>
        ))}
      </ul>
    </section>
  );
}

export function SnoozeLine({ snooze }: { readonly snooze: Snooze }): ReactElement {
  const session = useSession();
  const hosts = useHosts();
  return (
    <div className="item">
      <span className="status plain chip">
        <Icon name="snooze" size={15} />
        snoozed
      </span>
      <span className="lines">
        <span className="title">
          {snooze.service}
          <span className="muted">{snooze.fingerprint === null ? ' · all problems' : ' · one problem'}</span>
        </span>
        <span className="sub">
          Ends <Ago at={snooze.until} /> · {counted(snooze.held_back, 'signal or alert', 'signals and alerts')} held
          back · by {snooze.by.who}
          {hosts.length > 1 && snooze.host !== null ? ` on ${snooze.host}` : ''}
        </span>
      </span>
      {session?.can_act ? (
        <button
          type="button"
          className="btn"
          onClick={() => void act(session, `/snoozes/${encodeURIComponent(snooze.id)}/end`, {})}
        >
          End the snooze of {snooze.service}
        </button>
      ) : (
        <span />
      )}
    </div>
  );
}
