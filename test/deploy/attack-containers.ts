/** Attacks by what containers bring along: images, labels and log lines. Restarts are on, so there is more to gain. */
import { rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import type { Browser } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { API } from '../../src/http/api/endpoints.ts';
import type { HistoryEntry } from '../../src/http/history.ts';
import { WITHOUT_BROWSER } from '../support/browser.ts';
import { attackFromPage, type EvilSite, launchDeceivedBrowser, startEvilSite } from './attack-browser.ts';
import { expectOnly } from './attack-network.ts';
import type { Attacked } from './attacked.ts';
import { docker } from './docker-cli.ts';
import { attemptFrom } from './neighbour.ts';

const MINUTE = 60_000;
const TOKEN = 'token-of-the-test-e81f0c2d';
/** The built-in rules advise a restart. */
const POOL = 'FATAL: QueuePool limit of size 5 overflow 0 reached, connection timed out';
/** Prints an error once in its life; the container itself goes on. */
const fails = (line: string) => `if [ ! -e /once ]; then touch /once; sleep 2; echo '${line}' >&2; fi; exec sleep 3600`;

export function attackFromContainers(attacked: Attacked): void {
  const name = (short: string) => `${attacked.prefix}-${short}`;
  const evilImage = () => `${attacked.prefix}/postgres:17`;

  async function start(short: string, options: { image?: string; flags?: readonly string[]; script: string }) {
    attacked.removeAtEnd(name(short));
    const image = options.image ?? attacked.standIns.node;
    const run = ['run', '--detach', '--name', name(short), '--network', 'none', ...(options.flags ?? [])];
    await docker([...run, image, 'sh', '-c', options.script], MINUTE);
  }

  const incidentOf = (short: string) =>
    attacked.soon(async () => {
      const entries = await attacked.get<readonly HistoryEntry[]>('/history?limit=1000');
      return entries.findLast(({ container, decision }) => container === name(short) && decision !== null);
    });
  const startedAt = async (short: string) => (await attacked.run.inspect(name(short))).State.StartedAt;

  beforeAll(async () => {
    attacked.token = TOKEN;
    await attacked.run.up({ AUTO_FIX: 'true', SOCKET_PROXY_ALLOW_POST: 'restart', HTTP_TOKEN: TOKEN });
    await attacked.watches(attacked.neighbours.bridge);
    // An image of somebody who wants to be restarted whatever it holds, and to hide what it does.
    const labels = [
      'restart=auto',
      'mode=act',
      'max-restarts-per-hour=60',
      'detect.ignore=.*',
      'enable=false',
      'grace=3600',
    ];
    const from = name('to-commit');
    await docker(['create', '--name', from, attacked.standIns.node]);
    const changes = labels.flatMap((label) => ['--change', `LABEL container-doctor.${label}`]);
    await docker(['commit', ...changes, from, evilImage()]);
    attacked.removeImageAtEnd(evilImage());
    await docker(['rm', from]);
  }, 3 * MINUTE);

  it('the proxy allows an agent that is taken over one thing more: restarts', async () => {
    await expectOnly(attacked, 'reading and restarts');
  });

  it('nothing but the bare state is shown without the token', async () => {
    const pages = ['/history', '/metrics', '/api/scorecard', `${API}/incidents`, `${API}/events`, `${API}/waiting`];
    const guesses: readonly Readonly<Record<string, string>>[] = [
      {},
      { Authorization: 'Bearer ' },
      { Authorization: `Bearer ${TOKEN}x` },
      { Cookie: 'container_doctor_8080=x' },
    ];
    const results = await attemptFrom(
      attacked.neighbours.member,
      guesses.flatMap((guess) =>
        pages.map((page) => ({ host: 'doctor', port: 8080, path: page, headers: { Host: 'doctor', ...guess } })),
      ),
    );
    expect(results.map(({ status }) => status)).toEqual(results.map(() => 401));
    const [health] = await attemptFrom(attacked.neighbours.member, [{ host: 'doctor', port: 8080, path: '/health' }]);
    expect(Object.keys(JSON.parse(health?.body ?? ''))).toEqual(['status']);
  });

  it('megabytes of labels and costly patterns neither stop nor blind the agent', { timeout: 2 * MINUTE }, async () => {
    const file = path.join(tmpdir(), `${attacked.prefix}.labels`);
    const huge = Array.from({ length: 700 }, (_, i) => `l${i}=${'x'.repeat(4_500)}\n`).join('');
    await writeFile(file, `${huge}container-doctor.detect.match=(x{0,50}){0,50}y\n`);
    const costly = Array.from({ length: 400 }, (_, i) => `(a|b|${i}){1,60}c`).join('\n');
    await Promise.all([
      start('huge', { flags: ['--label-file', file], script: fails(POOL) }),
      start('costly', {
        flags: ['--label', `container-doctor.detect.match=${costly}`],
        script:
          'line=$(printf "%04000d" 0 | tr 0 a); i=0; while [ $i -lt 2000 ]; do echo $line; i=$((i+1)); done; exec sleep 3600',
      }),
    ]);
    await rm(file);
    await attacked.watches(name('huge'), name('costly'));
    await start('honest', { script: fails(POOL) });
    expect(await incidentOf('honest')).toMatchObject({ decision: 'restart' });
    // A label that forbids a restart may be among those that were not read.
    expect((await incidentOf('huge')).decision).not.toBe('restart');
    const { State, RestartCount } = await attacked.run.inspect(attacked.run.containerOf('doctor'));
    expect([State.Status, State.OOMKilled, RestartCount]).toEqual(['running', false, 0]);
    expect(await attacked.run.logsOf(attacked.run.containerOf('doctor'))).toContain('detect.match');
  });

  it('an image neither allows its restart nor hides its errors', { timeout: 2 * MINUTE }, async () => {
    await start('stateful', { image: evilImage(), script: fails(POOL) });
    const before = await startedAt('stateful');
    expect(await incidentOf('stateful')).toMatchObject({ decision: 'notify', reason: 'stateful_image' });
    expect(await startedAt('stateful')).toBe(before);
  });

  it('secrets and markup in a log line reach neither a page nor the log of the agent', {
    timeout: 2 * MINUTE,
  }, async () => {
    const secret = 'hx7Qp2vLk9Zt4RwB';
    const key = ['ghp', 'a8Kd02mfQz71LpWx5TnVb3RcYe6HjUs4Gi9o'].join('_');
    const markup = '<img src=x onerror=document.title=1337><script>document.title=1337</script>';
    await start('leaking', {
      flags: ['--env', `DB_PASSWORD=${secret}`],
      script: fails(`${POOL} ${markup} password=${secret} ${key}`),
    });
    const { id } = await incidentOf('leaking');
    const headers = { authorization: `Bearer ${TOKEN}` };
    const printed: string[] = [await attacked.run.logsOf(attacked.run.containerOf('doctor'))];
    for (const page of ['/history', '/health', `${API}/incidents/${id}`, `${API}/containers`, '/metrics']) {
      printed.push(await (await fetch(attacked.run.url + page, { headers })).text());
    }
    expect(printed.join('\n')).toContain('QueuePool limit');
    for (const text of printed) {
      expect(text).not.toContain(secret);
      expect(text).not.toContain(key);
    }
  });

  describe.skipIf(WITHOUT_BROWSER)('somebody is signed in, and a page of another origin', () => {
    let browser: Browser;
    let evil: EvilSite;
    beforeAll(async () => {
      evil = await startEvilSite(attacked.run.url);
      browser = await launchDeceivedBrowser();
    });
    afterAll(async () => {
      await browser?.close();
      await evil?.close();
    });

    it('uses the session for nothing, and markup in a log line stays text', { timeout: 2 * MINUTE }, async () => {
      const { id } = await incidentOf('leaking');
      const context = await browser.newContext({ baseURL: attacked.run.url });
      const page = await context.newPage();
      await page.goto(`/incidents/${id}`);
      await page.getByLabel(/Token/).fill(TOKEN);
      await page.getByRole('button', { name: 'Sign in' }).last().click();
      await page.getByText('onerror=document.title').first().waitFor();
      expect(await page.title()).not.toContain('1337');
      expect(await page.content()).not.toContain('<img src="x"');
      // Its own requests would be counted. The session stays.
      await page.close();

      for (const host of ['evil.example', '127.0.0.1']) {
        const site = `http://${host}:${evil.port}/`;
        expect(await attackFromPage({ attacked, context, site, target: attacked.run.url })).toEqual([]);
      }
      expect(await attacked.get(`${API}/waiting`)).toMatchObject({ snoozes: [] });

      // With a token, names are not checked: the page has no data, and the session belongs to another name.
      const rebound = await context.newPage();
      await rebound.goto(`http://rebound.example:${attacked.run.ports.PORT}/`);
      const read = `fetch('/history').then(({ status }) => status)`;
      expect(await rebound.evaluate(read)).toBe(401);
      await context.close();
    });
  });
}
