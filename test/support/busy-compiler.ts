/** Preloaded into a program: when it prints something, V8 gets many functions to compile in the background. */
const statements = Array.from(
  { length: 60 },
  (_, k) => `if (x % ${k + 2} === 1) { sum += x * ${k}; kept.push({ sum }); }`,
);

function compileFor(ms: number): void {
  const until = performance.now() + ms;
  for (let n = 0; performance.now() < until; n++) {
    const hot = new Function('x', `let sum = ${n}; const kept = []; ${statements.join('\n')} return kept.length;`);
    for (let call = 0; call < 600; call++) hot(call);
  }
}

const { stdout } = process;
const write = stdout.write.bind(stdout) as (text: string) => boolean;
stdout.write = (text: unknown): boolean => {
  const written = write(String(text));
  compileFor(100 + Math.random() * 300);
  return written;
};
