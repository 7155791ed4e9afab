import { request as httpRequest } from 'node:http';
import { describe, expect, it } from 'vitest';
import { createSessions } from '../../../src/http/session/sessions.ts';
import { incident } from '../../store/support.ts';
import { serveApi } from '../api/support.ts';

const TOKEN = 'the-token';

async function signedIn() {
  const server = await serveApi({ token: TOKEN });
  const { headers, body } = await server.post('/session', { token: TOKEN });
  const cookie = headers.get('set-cookie')?.split(';')[0] ?? '';
  return { ...server, cookie, csrf: body.csrf_token as string };
}

/** With any Host header, which `fetch` cannot set. */
function setCookieFor(port: number, headers: Record<string, string>): Promise<string | undefined> {
  return new Promise((resolve, reject) => {
    const body = JSON.stringify({ token: TOKEN });
    const request = httpRequest({
      port,
      host: '127.0.0.1',
      path: '/api/v1/session',
      method: 'POST',
      headers: { 'content-type': 'application/json', 'content-length': Buffer.byteLength(body), ...headers },
    });
    request.on('response', (response) => {
      response.resume();
      resolve(response.headers['set-cookie']?.[0]);
    });
    request.on('error', reject);
    request.end(body);
  });
}

describe('signing in', () => {
  it('gives a cookie that scripts and other sites cannot use', async () => {
    const { post } = await serveApi({ token: TOKEN });
    const { status, headers, body } = await post('/session', { token: TOKEN });
    expect(status).toBe(200);
    expect(headers.get('set-cookie')).toMatch(
      /^container_doctor_\d+=[\w-]{43}; Max-Age=43200; Path=\/; HttpOnly; SameSite=Strict$/,
    );
    expect(body).toMatchObject({ can_act: true, signed_in: true, csrf_token: expect.stringMatching(/^[\w-]{43}$/) });
    expect(headers.get('cache-control')).toBe('no-store');
  });

  it('marks the cookie as secure where the page is reached through https', async () => {
    const { port } = await serveApi({ token: TOKEN, publicUrl: 'https://doctor.example.com' });
    expect(await setCookieFor(port, { host: 'doctor.example.com' })).toContain('; Secure');
    expect(await setCookieFor(port, { 'x-forwarded-proto': 'https' })).toContain('; Secure');
    expect(await setCookieFor(port, { host: `localhost:${port}` })).not.toContain('Secure');
  });

  it('refuses a wrong token, and after five of them everything for a while', async () => {
    const { post } = await serveApi({ token: TOKEN });
    for (let i = 0; i < 5; i++) expect((await post('/session', { token: `wrong-${i}` })).status).toBe(401);
    const { status, headers } = await post('/session', { token: TOKEN });
    expect([status, headers.get('retry-after')]).toEqual([429, expect.stringMatching(/^\d+$/)]);
    expect(headers.get('set-cookie')).toBeNull();
  });

  it('counts by the address of the connection: a forwarded one could be invented', async () => {
    const { post } = await serveApi({ token: TOKEN });
    const from = (n: number) => ({ 'x-forwarded-for': `203.0.113.${n}`, forwarded: `for=203.0.113.${n}` });
    for (let i = 0; i < 5; i++) expect((await post('/session', { token: 'wrong' }, from(i))).status).toBe(401);
    expect((await post('/session', { token: 'wrong' }, from(9))).status).toBe(429);
  });

  it('ends neither sessions nor the use of the bearer token while it is refused', async () => {
    const { post, send, cookie } = await signedIn();
    for (let i = 0; i < 6; i++) await post('/session', { token: 'wrong' });
    expect((await send('/incidents', { headers: { cookie } })).status).toBe(200);
    expect((await send('/incidents', { headers: { authorization: `Bearer ${TOKEN}` } })).status).toBe(200);
  });

  it('does not count right tokens as wrong ones', async () => {
    const { post } = await serveApi({ token: TOKEN });
    for (let i = 0; i < 8; i++) expect((await post('/session', { token: TOKEN })).status).toBe(200);
  });

  it.each([[{}], [{ token: 5 }], [{ token: '' }], ['text']])('refuses %j', async (body) => {
    const { post } = await serveApi({ token: TOKEN });
    const { status, body: answer } = await post('/session', body);
    expect(status).toBe(400);
    expect(JSON.stringify(answer)).not.toContain(TOKEN);
  });

  it('accepts only JSON, so that a form of another site cannot sign in', async () => {
    const { send } = await serveApi({ token: TOKEN });
    const form = {
      method: 'POST',
      headers: { 'content-type': 'application/x-www-form-urlencoded' },
      body: `token=${TOKEN}`,
    };
    expect((await send('/session', form)).status).toBe(415);
    const text = { method: 'POST', headers: { 'content-type': 'text/plain' }, body: JSON.stringify({ token: TOKEN }) };
    expect((await send('/session', text)).status).toBe(415);
  });

  it('is not possible without HTTP_TOKEN', async () => {
    const { post, send } = await serveApi();
    expect(await post('/session', { token: 'x' })).toMatchObject({ status: 403 });
    expect((await send('/session')).body).toMatchObject({
      can_act: false,
      can_sign_in: false,
      why_not: 'HTTP_TOKEN is not set: the page is read-only',
    });
  });
});

describe('a session', () => {
  it('reads, and acts with its CSRF token', async () => {
    const { send, post, cookie, csrf, acted } = await signedIn();
    expect((await send('/incidents', { headers: { cookie } })).status).toBe(200);
    const { status, body } = await post('/incidents/i/verdict', { verdict: 'right' }, { cookie, 'x-csrf-token': csrf });
    expect([status, body]).toEqual([200, { result: 'done', text: 'done' }]);
    expect(acted).toEqual([['judge', 'i', 'right', undefined, { via: 'page', who: 'token', from: '127.0.0.1' }]]);
  });

  it.each([[{}], [{ 'x-csrf-token': '' }], [{ 'x-csrf-token': 'a'.repeat(43) }]])(
    'does not act with %j instead of its CSRF token',
    async (headers) => {
      const { post, cookie, acted } = await signedIn();
      const { status, body } = await post('/restart-requests/r/approve', {}, { cookie, ...headers });
      expect([status, body.error]).toEqual([403, expect.stringContaining('X-CSRF-Token')]);
      expect(acted).toEqual([]);
    },
  );

  it('does not act with the CSRF token of another session', async () => {
    const { post, cookie, acted } = await signedIn();
    const other = await post('/session', { token: TOKEN });
    const headers = { cookie, 'x-csrf-token': other.body.csrf_token };
    expect((await post('/restart-requests/r/approve', {}, headers)).status).toBe(403);
    expect(acted).toEqual([]);
  });

  it('ends when its person signs out', async () => {
    const { send, post, cookie, csrf } = await signedIn();
    const { status, headers } = await post('/session/end', {}, { cookie, 'x-csrf-token': csrf });
    expect([status, headers.get('set-cookie')]).toEqual([200, expect.stringContaining('Max-Age=0')]);
    expect((await send('/incidents', { headers: { cookie } })).status).toBe(401);
  });

  it('ends after twelve hours', () => {
    let now = 0;
    const sessions = createSessions(() => now);
    const { id } = sessions.begin();
    now = 12 * 3_600_000 - 1;
    expect(sessions.find(id)).toBeDefined();
    now += 1;
    expect(sessions.find(id)).toBeUndefined();
  });

  it('is one of at most a hundred, of which the oldest ends first', () => {
    const sessions = createSessions(() => 0);
    const ids = Array.from({ length: 105 }, () => sessions.begin().id);
    expect(ids.map((id) => sessions.find(id) !== undefined)).toEqual(ids.map((_, i) => i >= 5));
  });
});

describe('the bearer token', () => {
  it('acts without a session and without a CSRF token', async () => {
    const { post, acted } = await serveApi({ token: TOKEN });
    const headers = { authorization: `Bearer ${TOKEN}` };
    expect((await post('/snoozes/s/end', {}, headers)).status).toBe(200);
    expect(acted).toMatchObject([['endSnooze', 's', { via: 'page' }]]);
  });
});

describe('without HTTP_TOKEN', () => {
  it.each([
    '/incidents/i/verdict',
    '/incidents/i/ask-again',
    '/restart-requests/r/approve',
    '/restart-requests/r/deny',
    '/snoozes',
    '/snoozes/s/end',
  ])('%s is refused with the reason', async (path) => {
    const { post, acted } = await serveApi();
    expect(await post(path, { verdict: 'right' })).toMatchObject({
      status: 403,
      body: { error: 'HTTP_TOKEN is not set: the page is read-only' },
    });
    expect(acted).toEqual([]);
  });
});

describe('acting', () => {
  const headers = { authorization: `Bearer ${TOKEN}` };

  it('passes on why nothing was done', async () => {
    const { post } = await serveApi({ token: TOKEN, result: { kind: 'refused', why: 'jane answered it' } });
    expect(await post('/restart-requests/r/approve', {}, headers)).toMatchObject({
      status: 409,
      body: { result: 'refused', text: 'jane answered it' },
    });
  });

  it('snoozes the problem of an incident, or a service that exists', async () => {
    const { post, store, acted } = await serveApi({ token: TOKEN });
    await store.saveIncident(incident());
    const service = { service: 'api', project: 'shop' };
    expect((await post('/snoozes', { incident_id: 'incident-1', for_seconds: 60 }, headers)).status).toBe(200);
    expect((await post('/snoozes', { ...service, for_seconds: 3600 }, headers)).status).toBe(200);
    expect((await post('/snoozes', { service: 'typo', for_seconds: 60 }, headers)).status).toBe(404);
    expect((await post('/snoozes', { incident_id: 'nobody', for_seconds: 60 }, headers)).status).toBe(404);
    expect(acted.map(([, what]) => what)).toEqual([
      { service, fingerprint: 'fp-1', forMs: 60_000 },
      { service, forMs: 3_600_000 },
    ]);
  });

  it.each([
    [{ verdict: 'perhaps' }, 'verdict is "perhaps"'],
    [{ verdict: 'right', note: 'x'.repeat(1_001) }, 'note is'],
  ])('refuses an invalid verdict %#', async (body, message) => {
    const { post } = await serveApi({ token: TOKEN });
    const { status, body: answer } = await post('/incidents/i/verdict', body, headers);
    expect([status, answer.error]).toEqual([400, expect.stringContaining(message)]);
  });

  it.each([
    [{ for_seconds: 60 }],
    [{ service: 'a', incident_id: 'b', for_seconds: 60 }],
    [{ service: 'a', for_seconds: 59 }],
    [{ service: 'a', for_seconds: 31 * 86_400 }],
  ])('refuses the snooze %j', async (body) => {
    const { post } = await serveApi({ token: TOKEN });
    expect((await post('/snoozes', body, headers)).status).toBe(400);
  });

  it('refuses a body that is not JSON or too long', async () => {
    const { send, post } = await serveApi({ token: TOKEN });
    const broken = { method: 'POST', headers: { ...headers, 'content-type': 'application/json' }, body: '{' };
    expect((await send('/snoozes', broken)).status).toBe(400);
    expect((await post('/snoozes', { service: 'x'.repeat(20_000) }, headers)).status).toBe(413);
  });
});
