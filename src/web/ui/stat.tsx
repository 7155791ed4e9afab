import type { ReactElement, ReactNode } from 'react';

/** A number, and what it counts. */
export function Stat({
  value,
  of,
  label,
}: {
  readonly value: ReactNode;
  /** What the value is a part of, as in "of 12". */
  readonly of?: ReactNode;
  readonly label: string;
}): ReactElement {
  return (
    <div className="stat">
      <dt>{label}</dt>
      <dd>
        <span>{value}</span> {of === undefined ? null : <small>{of}</small>}
      </dd>
    </div>
  );
}
