import { type FormEvent, type ReactElement, useState } from 'react';
import { act, useSession } from '../lib/data.ts';
import { useKeys } from '../lib/keys.ts';
import type { Incident, Session } from '../lib/types.ts';
import { Dialog } from '../ui/dialog.tsx';
import { Icon } from '../ui/icons.tsx';

type Open = 'right' | 'wrong' | 'snooze' | undefined;

/** Judge, snooze, ask again; or why that is not possible here. */
export function IncidentActions({ incident }: { readonly incident: Incident }): ReactElement {
  const session = useSession();
  const [open, setOpen] = useState<Open>();
  const canAct = session?.can_act === true;
  const path = `/incidents/${encodeURIComponent(incident.id)}`;
  const askAgain = () => void act(session, `${path}/ask-again`, {});
  const canAsk = incident.state === 'open' && incident.cause?.kind !== 'incident';
  useKeys(
    canAct
      ? [
          { key: 'r', what: 'this decision was right', run: () => setOpen('right') },
          { key: 'w', what: 'this decision was wrong', run: () => setOpen('wrong') },
          { key: 'z', what: 'snooze this problem', run: () => setOpen('snooze') },
          ...(canAsk ? [{ key: 'a', what: 'ask the model again', run: askAgain }] : []),
        ]
      : [],
  );
  return (
    <div className="row actions">
      <VerdictButtons verdict={incident.verdict} canAct={canAct && incident.decision !== null} onGive={setOpen} />
      <button type="button" className="btn" disabled={!canAct} onClick={() => setOpen('snooze')}>
        <Icon name="snooze" size={16} /> Snooze
      </button>
      <button type="button" className="btn" disabled={!canAct || !canAsk} onClick={askAgain}>
        <Icon name="unknown" size={16} /> Ask again
      </button>
      {canAct ? null : <WhyNot session={session} />}
      {incident.note === null ? null : <p className="muted small wrap-any note">Note: {incident.note}</p>}
      {open === 'right' || open === 'wrong' ? (
        <VerdictDialog
          incidentId={incident.id}
          verdict={open}
          note={incident.note}
          onClose={() => setOpen(undefined)}
        />
      ) : null}
      {open === 'snooze' ? (
        <SnoozeDialog
          title={`Snooze this problem of ${incident.service}`}
          what={{ incident_id: incident.id }}
          onClose={() => setOpen(undefined)}
        />
      ) : null}
    </div>
  );
}

/** Why nothing can be done here. */
export function WhyNot({ session }: { readonly session: Session | undefined }): ReactElement | null {
  if (!session || session.can_act) return null;
  return <span className="muted small">{session.why_not}</span>;
}

export function VerdictButtons({
  verdict,
  canAct,
  onGive,
  about,
}: {
  readonly verdict: Incident['verdict'];
  readonly canAct: boolean;
  readonly onGive: (verdict: 'right' | 'wrong') => void;
  /** Which case the buttons belong to, where a page has several. */
  readonly about?: string;
}): ReactElement {
  return (
    <span
      className="row"
      role="group"
      aria-label={about === undefined ? 'Was the decision right?' : `Was it right: ${about}`}
    >
      {(['right', 'wrong'] as const).map((each) => (
        <button
          key={each}
          type="button"
          className="btn"
          aria-pressed={verdict === each}
          disabled={!canAct}
          onClick={() => onGive(each)}
        >
          <Icon name={each === 'right' ? 'good' : 'bad'} size={16} /> {each === 'right' ? 'Right' : 'Wrong'}
        </button>
      ))}
    </span>
  );
}

export function VerdictDialog({
  incidentId,
  verdict,
  note,
  onClose,
}: {
  readonly incidentId: string;
  readonly verdict: 'right' | 'wrong';
  readonly note: string | null;
  readonly onClose: () => void;
}): ReactElement {
  const session = useSession();
  const submit = (event: FormEvent<HTMLFormElement>): void => {
    event.preventDefault();
    const given = String(new FormData(event.currentTarget).get('note') ?? '').trim();
    void act(session, `/incidents/${encodeURIComponent(incidentId)}/verdict`, {
      verdict,
      ...(given === '' ? {} : { note: given }),
    });
    onClose();
  };
  return (
    <Dialog title={verdict === 'right' ? 'The decision was right' : 'The decision was wrong'} onClose={onClose}>
      <form onSubmit={submit}>
        <label className="field">
          Note (optional)
          <textarea className="input" name="note" rows={3} maxLength={1000} defaultValue={note ?? ''} />
        </label>
        <div className="row end">
          <button type="button" className="btn" onClick={onClose}>
            Cancel
          </button>
          <button type="submit" className="btn primary">
            Save the verdict
          </button>
        </div>
      </form>
    </Dialog>
  );
}

const TIMES = [
  [3_600, '1 hour'],
  [8 * 3_600, '8 hours'],
  [24 * 3_600, '24 hours'],
  [7 * 24 * 3_600, '7 days'],
] as const;

export function SnoozeDialog({
  title,
  what,
  onClose,
}: {
  readonly title: string;
  readonly what: { readonly incident_id: string } | { readonly service: string; readonly project?: string };
  readonly onClose: () => void;
}): ReactElement {
  const session = useSession();
  const submit = (event: FormEvent<HTMLFormElement>): void => {
    event.preventDefault();
    const seconds = Number(new FormData(event.currentTarget).get('for'));
    void act(session, '/snoozes', { ...what, for_seconds: seconds });
    onClose();
  };
  return (
    <Dialog title={title} onClose={onClose}>
      <p className="muted">
        Alerts and questions are held back and counted. The snooze ends by itself, and everybody sees it here.
      </p>
      <form onSubmit={submit}>
        <label className="field">
          For
          <select className="input" name="for" defaultValue={TIMES[0][0]}>
            {TIMES.map(([seconds, name]) => (
              <option key={seconds} value={seconds}>
                {name}
              </option>
            ))}
          </select>
        </label>
        <div className="row end">
          <button type="button" className="btn" onClick={onClose}>
            Cancel
          </button>
          <button type="submit" className="btn primary">
            Snooze
          </button>
        </div>
      </form>
    </Dialog>
  );
}
