import type { ServerResponse } from 'node:http';

export function sendJson(response: ServerResponse, status: number, body: unknown): void {
  if (response.headersSent) return;
  response.writeHead(status, { 'Content-Type': 'application/json' });
  response.end(JSON.stringify(body));
}

/** Sends the headers at once, so that the client knows that its subscription was accepted. */
export function openStream(response: ServerResponse, contentType: string | undefined): void {
  if (contentType !== undefined) response.setHeader('Content-Type', contentType);
  response.writeHead(200);
  response.flushHeaders();
}

export function endEmpty(response: ServerResponse, status: number): void {
  response.writeHead(status);
  response.end();
}
