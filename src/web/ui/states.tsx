/** What a view shows while it has nothing to show. */
import type { ReactElement, ReactNode } from 'react';
import { sentence } from '../lib/format.ts';
import { Icon, type IconName } from './icons.tsx';

export function Loading({ what }: { readonly what: string }): ReactElement {
  return (
    <div className="stack" role="status" aria-busy="true">
      <span className="sr">Loading {what}</span>
      <div className="bone" />
      <div className="bone" />
      <div className="bone" />
    </div>
  );
}

export function Empty({
  title,
  icon = 'good',
  children,
}: {
  readonly title: string;
  readonly icon?: IconName;
  readonly children?: ReactNode;
}): ReactElement {
  return (
    <div className={`state ${icon === 'good' ? 'good' : 'plain'}`}>
      <Icon name={icon} size={34} />
      <h2>{title}</h2>
      <div>{children}</div>
    </div>
  );
}

export function Failed({
  what,
  why,
  onRetry,
}: {
  readonly what: string;
  readonly why: string;
  readonly onRetry: () => void;
}): ReactElement {
  return (
    <div className="state bad" role="alert">
      <Icon name="bad" size={34} />
      <h2>{what} could not be loaded</h2>
      <p className="wrap-any">{sentence(why)}</p>
      <button type="button" className="btn" onClick={onRetry}>
        Try again
      </button>
    </div>
  );
}
