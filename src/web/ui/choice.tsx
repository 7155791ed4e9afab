import type { ReactElement } from 'react';
import { setQuery } from '../lib/router.ts';

/** A filter in the address. */
export function Choice({
  name,
  label,
  options,
  value,
}: {
  readonly name: string;
  readonly label: string;
  readonly options: readonly (readonly [value: string, word: string])[];
  readonly value: string;
}): ReactElement {
  return (
    <select
      className="input"
      aria-label={label}
      value={value}
      onChange={({ target }) => setQuery({ [name]: target.value })}
    >
      {options.map(([each, word]) => (
        <option key={each} value={each}>
          {word}
        </option>
      ))}
      {options.some(([each]) => each === value) ? null : <option value={value}>{value}</option>}
    </select>
  );
}
