import { type ReactElement, useState } from 'react';
import { act, useHosts, useSession } from '../lib/data.ts';
import type { RestartRequest } from '../lib/types.ts';
import { Icon } from '../ui/icons.tsx';
import { Link } from '../ui/link.tsx';
import { Ago } from '../ui/time.tsx';
import { incidentPath } from './incident-row.tsx';

/** Restarts that a person must approve. Nothing is shown if none waits. */
export function WaitingRestarts({ requests }: { readonly requests: readonly RestartRequest[] }): ReactElement | null {
  const waiting = requests.filter(({ state }) => state === 'waiting');
  if (waiting.length === 0) return null;
  return (
    <section className="card waits" aria-labelledby="waits">
      <h2 id="waits">Waits for a person</h2>
      <ul className="rows">
        {waiting.map((request) => (
          <li key={request.id}>
            <Waiting request={request} />
          </li>
        ))}
      </ul>
    </section>
  );
}

function Waiting({ request }: { readonly request: RestartRequest }): ReactElement {
  const session = useSession();
  const [isBusy, setBusy] = useState(false);
  const hosts = useHosts();
  const answer = async (what: 'approve' | 'deny'): Promise<void> => {
    setBusy(true);
    await act(session, `/restart-requests/${encodeURIComponent(request.id)}/${what}`, {});
    setBusy(false);
  };
  return (
    <div className="item">
      <span className="status accent chip">
        <Icon name="waiting" size={15} />
        waiting
      </span>
      <span className="lines">
        <Link className="title" href={incidentPath(request.incident_id)} data-entry>
          Restart {request.container}?
        </Link>
        <span className="sub">
          {hosts.length > 1 && request.host !== null ? `On ${request.host}. ` : ''}Asked{' '}
          <Ago at={request.requested_at} />, expires <Ago at={request.expires_at} />. All other conditions are checked
          again when you approve.
        </span>
      </span>
      <span className="row">
        {session?.can_act ? (
          <>
            <button type="button" className="btn primary" disabled={isBusy} onClick={() => void answer('approve')}>
              Restart {request.container}
            </button>
            <button type="button" className="btn" disabled={isBusy} onClick={() => void answer('deny')}>
              Leave it
            </button>
          </>
        ) : (
          <span className="muted small">{session?.why_not}</span>
        )}
      </span>
    </div>
  );
}
