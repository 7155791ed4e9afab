import type { ReactElement } from 'react';
import { setQuery } from '../lib/router.ts';

interface ChoiceProps {
  /** Of the query parameter. */
  readonly name: string;
  readonly label: string;
  readonly options: readonly (readonly [value: string, word: string])[];
  readonly value: string;
}

/** A choice that is kept in the address, as a list to select from. */
export function Choice({ name, label, options, value }: ChoiceProps): ReactElement {
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

/** The same for a few options, all of which are visible. */
export function ButtonChoice({ name, label, options, value }: ChoiceProps): ReactElement {
  return (
    <div className="group" role="group" aria-label={label}>
      {options.map(([each, word]) => (
        <button
          key={each}
          type="button"
          className="btn"
          aria-pressed={each === value}
          onClick={() => setQuery({ [name]: each })}
        >
          {word}
        </button>
      ))}
    </div>
  );
}
