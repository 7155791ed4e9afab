import type { AnchorHTMLAttributes, ReactElement } from 'react';
import { isPlainClick, navigate } from '../lib/router.ts';

/** A link to another view of the page. */
export function Link({ href, ...rest }: AnchorHTMLAttributes<HTMLAnchorElement> & { href: string }): ReactElement {
  return (
    <a
      href={href}
      {...rest}
      onClick={(event) => {
        if (!isPlainClick(event)) return;
        event.preventDefault();
        navigate(href);
      }}
    />
  );
}
