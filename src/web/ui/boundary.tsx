import { Component, type ReactNode } from 'react';
import { Failed } from './states.tsx';

/** Shows that a view failed instead of an empty page. `resetOn`: another value, such as another view, tries again. */
export class Boundary extends Component<{ readonly resetOn: string; readonly children: ReactNode }> {
  override state: { readonly error?: unknown; readonly on?: string } = {};

  static getDerivedStateFromError(error: unknown): object {
    return { error };
  }

  static getDerivedStateFromProps(props: { readonly resetOn: string }, state: { readonly on?: string }): object | null {
    return props.resetOn === state.on ? null : { on: props.resetOn, error: undefined };
  }

  override render(): ReactNode {
    const { error } = this.state;
    if (error === undefined) return this.props.children;
    return (
      <Failed
        what="This view"
        why={error instanceof Error ? error.message : 'It failed for an unknown reason.'}
        onRetry={() => window.location.reload()}
      />
    );
  }
}
