/** Three letters that stand for a number up to 17,575, for names: containers whose names end in digits are one service. */
export function letters(n: number): string {
  return [n / 676, n / 26, n].map((digit) => String.fromCharCode(97 + (Math.floor(digit) % 26))).join('');
}
