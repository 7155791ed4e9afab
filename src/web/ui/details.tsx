import { type ReactElement, type ReactNode, useState } from 'react';

/** Native `details` whose content is drawn when it is opened first: a closed one costs its summary. */
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
