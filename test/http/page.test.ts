import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import path from 'node:path';
import express from 'express';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createPage, pageRoute } from '../../src/http/page.ts';

const folder = mkdtempSync(path.join(tmpdir(), 'doctor-page-'));
let url: string;
let close: () => void;

beforeAll(async () => {
  mkdirSync(path.join(folder, 'assets'));
  writeFileSync(path.join(folder, 'index.html'), '<!doctype html><title>the page</title>');
  writeFileSync(path.join(folder, 'secret.txt'), 'not served');
  writeFileSync(path.join(folder, 'assets/index-0a1b2c3d.js'), 'plain');
  writeFileSync(path.join(folder, 'assets/index-0a1b2c3d.js.gz'), 'compressed');
  const page = createPage(folder);
  const app = express();
  if (page) app.use(page);
  app.use((_request, response) => void response.status(404).send('next handler'));
  const server = app.listen(0, '127.0.0.1');
  await new Promise((resolve) => server.once('listening', resolve));
  url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  close = () => server.close();
});

afterAll(() => {
  close();
  rmSync(folder, { recursive: true });
});

const HTML = { accept: 'text/html,application/xhtml+xml;q=0.9,*/*;q=0.8' };

describe('the page', () => {
  it.each(['/', '/timeline', '/incidents', '/incidents/one', '/trust', '/cost', '/containers'])(
    'is sent for %s with a strict policy',
    async (view) => {
      const response = await fetch(url + view, { headers: HTML });
      expect(await response.text()).toContain('the page');
      const policy = response.headers.get('content-security-policy') ?? '';
      expect(policy).toMatch(/default-src 'none'.*require-trusted-types-for 'script'/);
      expect(policy).not.toMatch(/unsafe|https?:|\*/);
      expect(response.headers.get('cache-control')).toBe('no-cache');
    },
  );

  it('leaves / to the next handler if the client does not ask for HTML', async () => {
    for (const accept of ['*/*', 'text/plain', 'application/json']) {
      expect(await (await fetch(url, { headers: { accept } })).text()).toBe('next handler');
    }
  });

  it('accepts only GET and HEAD', async () => {
    const response = await fetch(`${url}/trust`, { method: 'POST' });
    expect(response.status).toBe(405);
    expect(response.headers.get('allow')).toBe('GET, HEAD');
  });

  it('lets browsers keep its files forever, as their names contain a hash, and sends them compressed', async () => {
    const response = await fetch(`${url}/assets/index-0a1b2c3d.js`, { headers: { 'accept-encoding': 'identity' } });
    expect(await response.text()).toBe('plain');
    expect(response.headers.get('cache-control')).toBe('public,max-age=31536000,immutable');
    expect(response.headers.get('content-type')).toMatch(/javascript/);
    const compressed = await fetch(`${url}/assets/index-0a1b2c3d.js`, {
      method: 'HEAD',
      headers: { 'accept-encoding': 'gzip' },
    });
    expect(compressed.headers.get('content-encoding')).toBe('gzip');
  });

  it.each([
    '/assets/missing.js',
    '/assets/../secret.txt',
    '/assets/%2e%2e/secret.txt',
    '/secret.txt',
    '/incidents/a/b',
  ])('does not send %s', async (address) => {
    expect((await fetch(url + address, { headers: HTML })).status).toBe(404);
  });

  it('is absent if it was not built', () => {
    expect(createPage(path.join(folder, 'nowhere'))).toBeUndefined();
  });

  it('has a closed list of routes for the metrics', () => {
    expect(['/trust', '/incidents/x', '/assets/a.js', '/nowhere', '/incidents/a/b'].map(pageRoute)).toEqual([
      '/trust',
      '/incidents/:id',
      '/assets',
      undefined,
      undefined,
    ]);
  });
});
