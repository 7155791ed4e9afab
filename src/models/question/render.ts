/** What the renderers of the prompt have in common. */

/** Quotes untrusted text for one line: visible characters only, and quotation marks escaped. */
export type Quote = (text: string) => string;

export function iso(time: number): string {
  return Number.isFinite(time) && Math.abs(time) <= 8.64e15 ? new Date(time).toISOString() : 'unknown';
}
