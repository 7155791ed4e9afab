import { type ReactElement, useState } from 'react';
import { activeShortcuts, keysAreOff, turnKeys } from '../lib/keys.ts';
import { Dialog } from '../ui/dialog.tsx';

/** The list of keys that work now. */
export function KeysDialog({ onClose }: { readonly onClose: () => void }): ReactElement {
  const [shortcuts] = useState(activeShortcuts);
  const [on, setOn] = useState(!keysAreOff());
  return (
    <Dialog title="Keys" onClose={onClose}>
      <table>
        <thead className="sr">
          <tr>
            <th>Key</th>
            <th>What it does</th>
          </tr>
        </thead>
        <tbody>
          {shortcuts.map(({ key, what }) => (
            <tr key={key}>
              <th scope="row">
                <kbd>{key}</kbd>
              </th>
              <td>{what}</td>
            </tr>
          ))}
        </tbody>
      </table>
      <label className="row">
        <input
          type="checkbox"
          checked={on}
          onChange={({ target }) => {
            setOn(target.checked);
            turnKeys(target.checked);
          }}
        />
        Single keys are shortcuts
      </label>
      <div className="row end">
        <button type="button" className="btn primary" onClick={onClose}>
          Close
        </button>
      </div>
    </Dialog>
  );
}
