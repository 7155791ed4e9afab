import { type ReactElement, type ReactNode, useState } from 'react';

/** Native `details` that renders its content once it is opened, so that long lists of closed ones stay cheap. */
export function Details({
  summary,
  className,
  isEntry = false,
  children,
}: {
  readonly summary: ReactNode;
  readonly className?: string;
  /** The keys `j` and `k` stop at it. */
  readonly isEntry?: boolean;
  readonly children: () => ReactNode;
}): ReactElement {
  const [wasOpened, setWasOpened] = useState(false);
  return (
    <details className={className} onToggle={() => setWasOpened(true)}>
      <summary data-entry={isEntry ? '' : undefined}>{summary}</summary>
      {wasOpened ? children() : null}
    </details>
  );
}
