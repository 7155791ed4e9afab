import type { ReactElement } from 'react';
import { percent } from '../lib/format.ts';
import type { FixCounts } from '../lib/types.ts';

/** A success rate as a point on a line from 0 to 100 %, with the range in which the true rate is at 95 %. */
export function Interval({ recovered, failed, success }: FixCounts): ReactElement {
  const { rate, low, high } = success;
  if (rate === null) return <span className="muted">no verified restart</span>;
  return (
    <span className="interval">
      <svg viewBox="-4 0 128 16" width="128" height="16" aria-hidden="true">
        <line className="grid" x1="2" x2="118" y1="8" y2="8" />
        <line className="range" x1={2 + low * 116} x2={2 + high * 116} y1="8" y2="8" />
        <circle className="point" cx={2 + rate * 116} cy="8" r="4.5" />
      </svg>
      <span>
        <strong>{percent(rate)}</strong>{' '}
        <span className="muted small">
          {recovered} of {recovered + failed}; likely {percent(low)} to {percent(high)}
        </span>
      </span>
    </span>
  );
}
