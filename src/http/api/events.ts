import type { Request, Response } from 'express';
import type { ChangeFeed, Frame } from './changes.ts';

/** Shorter than the idle time-outs of usual proxies. */
const PING_MS = 15_000;
/** A frame has at most 3 KB. A reader that is this far behind gets disconnected; it reconnects and resumes. */
const MAX_UNSENT_BYTES = 64 * 1024;
/** Open pages at once. Each costs a socket. */
const MAX_READERS = 64;
/** After a lost connection, the browser waits this long. */
const RETRY_MS = 2_000;

export interface EventStreams {
  serve(request: Request, response: Response): void;
  /** Ends all of them. */
  close(): void;
}

/** Server-Sent Events: what has changed, for the pages that are open. */
export function createEventStreams(changes: ChangeFeed, pingMs = PING_MS): EventStreams {
  const open = new Set<Response>();
  return {
    serve(request, response) {
      if (open.size >= MAX_READERS) {
        response
          .status(503)
          .set('Retry-After', '30')
          .json({ error: `more than ${MAX_READERS} pages are open` });
        return;
      }
      response.writeHead(200, {
        'Content-Type': 'text/event-stream; charset=utf-8',
        'Cache-Control': 'no-store, no-transform',
        // Asks nginx not to buffer.
        'X-Accel-Buffering': 'no',
      });
      if (request.method === 'HEAD') {
        response.end();
        return;
      }
      open.add(response);
      const write = (text: string): void => {
        if (response.writableLength > MAX_UNSENT_BYTES) response.destroy();
        else response.write(text);
      };
      write(`retry: ${RETRY_MS}\n\n`);
      const lastId = request.get('last-event-id') || undefined;
      const unsubscribe = changes.subscribe(lastId, (frame) => write(render(frame)));
      const ping = setInterval(() => write(': ping\n\n'), pingMs).unref();
      response.on('close', () => {
        clearInterval(ping);
        unsubscribe();
        open.delete(response);
      });
      response.on('error', () => response.destroy());
    },

    close() {
      for (const response of open) response.end();
    },
  };
}

/** JSON has no line breaks outside of strings, and escapes those inside. */
function render({ id, event, data }: Frame): string {
  return `id: ${id}\nevent: ${event}\ndata: ${JSON.stringify(data)}\n\n`;
}
