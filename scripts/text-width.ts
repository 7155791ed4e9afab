/** Estimates the width of a text in a browser, so that lines can be wrapped without one. */

/** Widths of Helvetica in thousandths of the font size, from its published metrics. Most fonts are similar. */
const WIDTHS: readonly (readonly [characters: string, width: number])[] = [
  ["'ijl|", 222],
  [' \u00a0!,./:;I[\\]ft', 278],
  ['()-r`', 333],
  ['"', 355],
  ['*', 389],
  ['^', 469],
  ['cJksvxyz', 500],
  ['$#0123456789?_abdeghnopquL', 556],
  ['+<=>~', 584],
  ['FTZ', 611],
  ['&ABEKPSVXY', 667],
  ['CDHNRUw', 722],
  ['GOQ', 778],
  ['Mm%', 833],
  ['W', 944],
];
const WIDTH_OF = new Map(WIDTHS.flatMap(([characters, width]) => [...characters].map((one) => [one, width] as const)));
/** Emoji and everything else. */
const OTHER_WIDTH = 1000;
const MONO_WIDTH = 602;
/** How much wider bold letters are. */
const BOLD = 1.07;
/** A margin for fonts that are wider than Helvetica. */
const MARGIN = 1.04;

/** In the unit of `size`, the font size. */
export function textWidth(
  text: string,
  { size, bold = false, mono = false }: { readonly size: number; readonly bold?: boolean; readonly mono?: boolean },
): number {
  let thousandths = 0;
  for (const one of text) thousandths += mono ? MONO_WIDTH : (WIDTH_OF.get(one) ?? OTHER_WIDTH);
  return (thousandths / 1000) * size * (bold ? BOLD : 1) * (mono ? 1 : MARGIN);
}
