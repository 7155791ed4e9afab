import { type FormEvent, type ReactElement, useState } from 'react';
import { RequestFailed } from '../lib/client.ts';
import { signIn } from '../lib/data.ts';
import type { Session } from '../lib/types.ts';
import { Dialog } from '../ui/dialog.tsx';
import { Icon } from '../ui/icons.tsx';

/** Instead of a view, while the agent shows its data only to those who are signed in. */
export function SignInView(): ReactElement {
  return (
    <div className="card sign-in">
      <Icon name="key" size={28} />
      <h1>Sign in</h1>
      <p className="muted">This agent shows what it knows only to those who have its token.</p>
      <SignInForm />
    </div>
  );
}

/** Signs in where that is possible; says why this page is read-only where it is not. */
export function SignInDialog({
  session,
  onClose,
}: {
  readonly session: Session | undefined;
  readonly onClose: () => void;
}): ReactElement {
  if (session?.can_sign_in) {
    return (
      <Dialog title="Sign in" onClose={onClose}>
        <p className="muted">Signed in, you can judge decisions, answer waiting restarts, snooze and ask again.</p>
        <SignInForm onDone={onClose} onCancel={onClose} />
      </Dialog>
    );
  }
  return (
    <Dialog title="This page is read-only" onClose={onClose}>
      <p>{session?.why_not ?? 'The agent has not said yet what may be done here.'}</p>
      <p className="muted">
        Set <code>HTTP_TOKEN</code> to a secret of your own and start the agent again. You can then sign in here with
        it.
      </p>
      <div className="row end">
        <button type="button" className="btn primary" onClick={onClose}>
          Close
        </button>
      </div>
    </Dialog>
  );
}

function SignInForm({
  onDone,
  onCancel,
}: {
  readonly onDone?: () => void;
  readonly onCancel?: () => void;
}): ReactElement {
  const [error, setError] = useState<string>();
  const [isBusy, setBusy] = useState(false);
  const submit = async (event: FormEvent<HTMLFormElement>): Promise<void> => {
    event.preventDefault();
    const form = event.currentTarget;
    const token = new FormData(form).get('token');
    setBusy(true);
    setError(undefined);
    try {
      await signIn(String(token ?? ''));
      onDone?.();
    } catch (failure) {
      setError(failure instanceof RequestFailed ? failure.message : 'The request failed.');
      form.querySelector('input')?.focus();
    } finally {
      setBusy(false);
    }
  };
  return (
    <form onSubmit={(event) => void submit(event)}>
      <label className="field">
        Token (the value of HTTP_TOKEN)
        <input
          className="input"
          name="token"
          type="password"
          autoComplete="current-password"
          required
          aria-describedby="sign-in-error"
        />
      </label>
      <p id="sign-in-error" className="error" role="alert">
        {error}
      </p>
      <div className="row end">
        {onCancel ? (
          <button type="button" className="btn" onClick={onCancel}>
            Cancel
          </button>
        ) : null}
        <button type="submit" className="btn primary" disabled={isBusy}>
          Sign in
        </button>
      </div>
    </form>
  );
}
