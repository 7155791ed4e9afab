/** The hosts whose agents share the database with this one. Nothing is shown if there is no other. */
import type { ReactElement } from 'react';
import { useApi } from '../lib/data.ts';
import { usePlace } from '../lib/router.ts';
import { Choice } from '../ui/choice.tsx';
import { Icon } from '../ui/icons.tsx';
import { Ago } from '../ui/time.tsx';

/** `unset`: what is shown without a choice. */
export function HostChoice({ unset }: { readonly unset: string }): ReactElement | null {
  const { query } = usePlace();
  const agents = useApi('status', '/status').data?.agents ?? [];
  if (agents.length < 2) return null;
  const others = agents.filter(({ host }) => host !== unset);
  const options = others.map(({ host, state }) => [host, state === 'silent' ? `${host} (silent)` : host] as const);
  return <Choice name="host" options={[['', unset], ...options]} value={query.get('host') ?? ''} label="Host" />;
}

/** What is shown of a silent host is old. `host`: only this one. */
export function SilentHosts({ host }: { readonly host: string | null }): ReactElement | null {
  const agents = useApi('status', '/status').data?.agents ?? [];
  const silent = agents.filter((agent) => agent.state === 'silent' && (host === null || agent.host === host));
  if (silent.length === 0) return null;
  return (
    <ul className="plain">
      {silent.map(({ host: name, last_seen_at }) => (
        <li key={name}>
          <span className="status warn">
            <Icon name="medium" size={15} />
            The agent on {name} is silent. What is shown of it is as of <Ago at={last_seen_at} />.
          </span>
        </li>
      ))}
    </ul>
  );
}
