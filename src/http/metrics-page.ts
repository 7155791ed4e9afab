/** The metrics page: rendered and compressed at most once a second, whatever the number of clients. */
import { promisify } from 'node:util';
import { gzip } from 'node:zlib';

const gzipped = promisify(gzip);

/** On the metrics page, the size is within 10 % of that with the default of 6, in a third of the time. */
const GZIP_LEVEL = 3;

/** Less than any scrape interval: a scrape gets the current values unless another client asked just before. */
const KEEP_MS = 1_000;

export interface MetricsPage {
  /** Rejects if the collection failed. */
  text(): Promise<string>;
  compressed(): Promise<Buffer>;
}

/** `render` runs again a second after it ended, also if it failed. Clients that ask before share its result. */
export function createMetricsPage(
  render: () => Promise<string>,
  monotonic: () => number = () => performance.now(),
): MetricsPage {
  let text: Promise<string> | undefined;
  let compressed: Promise<Buffer> | undefined;
  let validUntil = Number.NEGATIVE_INFINITY;

  const current = (): Promise<string> => {
    if (text !== undefined && monotonic() < validUntil) return text;
    const rendering = render();
    text = rendering;
    compressed = undefined;
    validUntil = Number.POSITIVE_INFINITY;
    const ended = (): void => {
      validUntil = monotonic() + KEEP_MS;
    };
    rendering.then(ended, ended);
    return rendering;
  };

  return {
    text: current,
    compressed() {
      const page = current();
      compressed ??= page.then((rendered) => gzipped(rendered, { level: GZIP_LEVEL }));
      return compressed;
    },
  };
}
