/**
 * Formats US dollars with two decimals, or up to five below one dollar, since a diagnosis costs about a tenth of a
 * cent.
 */
export function formatUsd(amount: number): string {
  return `$${amount >= 1 ? amount.toFixed(2) : amount.toFixed(5).replace(/0{1,3}$/, '')}`;
}
