/** The receiver with the real Apprise library behind the endpoints of the Apprise API server (see server.py). */
import { spawnSync } from 'node:child_process';
import { mkdtempSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { checkApprise, createApprise } from '../../../src/notifiers/apprise/api.ts';
import { startProgram } from '../../observability/programs.ts';
import { freePort } from '../../support/free-port.ts';
import { type HttpStandIn, readBody, startHttpStandIn } from '../../support/http-stand-in.ts';
import { sampleAlert, sampleDiagnosis } from '../../support/samples.ts';

const NEVER = new AbortController().signal;
/** Debian: the package apprise. Elsewhere: the library from PyPI, in an environment that the variable names. */
const PYTHONS = [process.env.DOCTOR_TEST_APPRISE_PYTHON ?? 'python3', '/usr/bin/python3'];
const installed = PYTHONS.find((python) => spawnSync(python, ['-c', 'import apprise']).status === 0);
const PYTHON = installed ?? 'python3';
if (installed === undefined) console.warn('SKIPPED, needs the Apprise library for Python: Apprise');

interface Received {
  readonly path: string;
  readonly body: { readonly title?: string; readonly message?: string; readonly text?: string; readonly type?: string };
}

describe.skipIf(installed === undefined && process.env.CI !== 'true')('Apprise', () => {
  let services: HttpStandIn;
  let received: Received[];
  let status: number;
  let stop: () => Promise<void>;
  let url: string;
  let configure: (lines: readonly string[]) => void;

  beforeEach(async () => {
    received = [];
    status = 200;
    services = await startHttpStandIn(async (request, response) => {
      const body = await readBody(request);
      if (status === 200) received.push({ path: request.url ?? '', body: JSON.parse(body) });
      response.writeHead(status).end('ok');
    });
    const folder = mkdtempSync(path.join(tmpdir(), 'apprise-'));
    const config = path.join(folder, 'config');
    const address = services.url.replace('http://', '');
    configure = (lines) => writeFileSync(config, lines.join('\n').replaceAll('HOST', address));
    configure(['high=json://HOST/pager', 'medium,low=json://HOST/chat']);
    const port = await freePort();
    const server = fileURLToPath(new URL('./server.py', import.meta.url));
    ({ stop } = await startProgram(PYTHON, [server, String(port), 'doctor', config], {
      readyUrl: `http://127.0.0.1:${port}/status`,
      folder,
    }));
    url = `http://127.0.0.1:${port}/notify/doctor`;
  });
  afterEach(async () => {
    await stop();
    await services.close();
  });

  const TAGS = { high: 'high', medium: 'medium', low: 'low' };
  const receiver = (over: object = {}) =>
    createApprise({ url, tags: TAGS, now: () => sampleAlert().at, publicUrl: 'https://doctor.test', ...over });

  it('passes an alert on to the services with the tag of its severity', async () => {
    const medium = sampleAlert({ diagnosis: sampleDiagnosis({ severity: 'medium' }) });
    expect(await receiver().send(sampleAlert(), NEVER)).toEqual({ kind: 'sent', status: 200 });
    expect(await receiver().send(medium, NEVER)).toEqual({ kind: 'sent', status: 200 });
    expect(received.map(({ path, body }) => [path, body.type])).toEqual([
      ['/pager', 'failure'],
      ['/chat', 'warning'],
    ]);
    expect(received[0]?.body.message).toContain('The connection pool is exhausted');
    expect(received[0]?.body.message).toContain('https://doctor.test/incidents/');
  });

  it('passes hostile text on as text, also to a service that interprets Markdown', async () => {
    configure(['high=mmost://HOST/abcdefghijklmnopqrstuvwxyz']);
    const rootCause = '@channel **down** [click](https://evil.example) <!here>\n# big';
    const alert = sampleAlert({ diagnosis: sampleDiagnosis({ rootCause }) });
    expect(await receiver().send(alert, NEVER)).toMatchObject({ kind: 'sent' });
    const text = received[0]?.body.text ?? '';
    expect(text).toContain('＠channel ∗∗down∗∗ ［click］(https:⁄⁄evil.example) ‹!here› ＃ big');
  });

  it('reports a service that fails and a tag without a service, and does not send again what others may have', async () => {
    configure(['high=json://HOST/pager', 'high=json://127.0.0.1:1/']);
    expect(await receiver().send(sampleAlert(), NEVER)).toMatchObject({ kind: 'dropped', status: 424 });
    expect(received).toHaveLength(1);
    expect(await receiver({ tags: { high: 'nobody' } }).send(sampleAlert(), NEVER)).toMatchObject({
      kind: 'dropped',
      why: expect.stringContaining('"nobody"'),
    });
    expect(await receiver({ url: url.replace('/doctor', '/other') }).send(sampleAlert(), NEVER)).toEqual({
      kind: 'dropped',
      status: 204,
      why: 'Apprise has no configuration under the key of APPRISE_URL',
    });
  });

  it('sends notices to the services with the tag for medium severity', async () => {
    await receiver().sendNotice({ title: 'The store is down', text: 'The disk is full.', host: 'node-7' }, NEVER);
    expect(received).toMatchObject([{ path: '/chat', body: { title: 'The store is down (host node-7)' } }]);
  });

  it('is checked without a message: key, and a service for each severity', async () => {
    expect(await checkApprise({ url, tags: TAGS })).toEqual({ ok: true, detail: 'Apprise answers, with 2 services' });
    expect(await checkApprise({ url, tags: { ...TAGS, low: 'night' } })).toEqual({
      ok: false,
      why: 'Apprise has no service with the tag "night" (severity low); see APPRISE_TAGS',
    });
    expect(await checkApprise({ url: url.replace('/doctor', '/other'), tags: TAGS })).toMatchObject({ ok: false });
    expect(received).toEqual([]);
  });
});
