/** Attacks over the network: by containers of others, by a program on the host, and by the agent if it is taken over. */
import { describe, expect, it } from 'vitest';
import { API, ENDPOINTS } from '../../src/http/api/endpoints.ts';
import { type Attacked, SERVICES } from './attacked.ts';
import { docker } from './docker-cli.ts';
import { type Attempt, attemptFrom, startNeighbour } from './neighbour.ts';

/** Ports on which containers of the set-up listen, published or not. */
const LISTENING = [8080, 2375, 55555, 9090, 9093, 3000, 4317, 4318, 8888, 8889, 13133, 16686];

export function attackOverTheNetwork(attacked: Attacked): void {
  describe('to a container on the default bridge', () => {
    it('shows nothing: neither an address of its containers nor a published port answers', async (test) => {
      const isolating = `${attacked.prefix}-isolated`;
      attacked.removeAtEnd(isolating);
      const serve = 'require("http").createServer((_, answer) => answer.end("ok")).listen(80)';
      await docker(['network', 'create', isolating]);
      await docker([
        'run',
        '--detach',
        '--name',
        isolating,
        '--network',
        isolating,
        attacked.standIns.node,
        'node',
        '-e',
        serve,
      ]);
      const bridge = (await attacked.run.inspect(attacked.neighbours.bridge)).NetworkSettings.Networks.bridge;
      const other = (await attacked.run.inspect(isolating)).NetworkSettings.Networks[isolating]?.IPAddress as string;

      const addresses = new Set<string>();
      for (const service of SERVICES) {
        const { Networks } = (await attacked.run.inspect(attacked.run.containerOf(service))).NetworkSettings;
        for (const { IPAddress, Gateway } of Object.values(Networks)) {
          for (const address of [IPAddress, Gateway]) if (address) addresses.add(address);
        }
      }
      const inside = [...addresses].flatMap((host) => LISTENING.map((port) => ({ host, port })));
      const published = ['127.0.0.1', bridge?.Gateway as string].flatMap((host) =>
        Object.values(attacked.run.ports).map((port) => ({ host, port })),
      );
      const [canary, ...results] = await attemptFrom(attacked.neighbours.bridge, [
        { host: other, port: 80 },
        ...inside,
        ...published,
      ]);
      await docker(['rm', '--force', isolating]);
      await docker(['network', 'rm', isolating]);
      if (canary?.status !== undefined) test.skip('this engine does not separate networks (--iptables=false)');
      expect(results.length).toBeGreaterThan(100);
      expect(results.filter(({ error }) => error === undefined)).toEqual([]);
    });

    it('does not know the names of its containers', async () => {
      const names = [
        'doctor',
        'socket-proxy',
        attacked.run.containerOf('doctor'),
        attacked.run.containerOf('socket-proxy'),
      ];
      const results = await attemptFrom(
        attacked.neighbours.bridge,
        names.map((host) => ({ host, port: 8080 })),
      );
      expect(results.map(({ status }) => status)).toEqual(names.map(() => undefined));
    });
  });

  const places = [
    ['a container in its network', attacked.neighbours.member, () => ({ host: 'doctor', port: 8080 })],
    [
      'a program on the host',
      attacked.neighbours.host,
      () => ({ host: '127.0.0.1', port: attacked.run.ports.PORT as number }),
    ],
  ] as const;

  describe.each(places)('to %s', (_, neighbour, agent) => {
    const own = { Host: 'localhost' };
    const send = (attempts: readonly Omit<Attempt, 'host' | 'port'>[]) =>
      attemptFrom(
        neighbour,
        attempts.map((attempt) => ({ ...agent(), ...attempt })),
      );
    const statuses = async (attempts: readonly Omit<Attempt, 'host' | 'port'>[]) =>
      (await send(attempts)).map(({ status, error }) => status ?? error);
    const pages = ['/history', '/health', '/metrics', '/api/scorecard', '/', `${API}/incidents`, `${API}/events`];

    it('shows the pages, as documented, because no token is set', async () => {
      expect(await statuses(pages.map((path) => ({ path, headers: own })))).toEqual(pages.map(() => 200));
    });

    it.each([
      ['the name of a page that was made to resolve to it', { Host: 'evil.example' }],
      ['that name with the port', { Host: 'evil.example:8080' }],
      ['a name that begins with its own', { Host: 'localhost.evil.example' }],
      ['a name that ends with its own', { Host: 'evil-localhost' }],
      ['a name for its address', { Host: '127.0.0.1.nip.example' }],
      ['an address with a part of a name', { Host: '127.0.0.1@evil.example' }],
      ['an empty name', { Host: '' }],
    ])('shows none of them under %s', async (__, headers) => {
      const results = await statuses(pages.map((path) => ({ path, headers })));
      for (const status of results) expect([400, 403]).toContain(status);
    });

    it.each([
      ['a request for another site', { 'Sec-Fetch-Site': 'cross-site' }],
      ['a request for another port of the host', { 'Sec-Fetch-Site': 'same-site' }],
      ['a request for a page of another origin', { Origin: 'http://evil.example' }],
      ['a request for a sandboxed page', { Origin: 'null' }],
      ['a link on a page of another site', { 'Sec-Fetch-Site': 'cross-site', 'Sec-Fetch-Mode': 'navigate' }],
    ])('refuses %s', async (__, headers) => {
      const attempts = pages.map((path) => ({ path, headers: { ...own, ...headers } }));
      expect(await statuses(attempts)).toEqual(pages.map(() => 403));
    });

    it('refuses every action, and none of them has an effect', async () => {
      const actions = Object.values(ENDPOINTS).filter(({ method }) => method === 'post');
      const body = JSON.stringify({
        service: attacked.neighbours.bridge,
        for_seconds: 3600,
        token: 'x'.repeat(32),
        verdict: 'right',
      });
      const headers = { ...own, 'Content-Type': 'application/json', 'Content-Length': String(body.length) };
      const posts = actions.map(({ path }) => ({
        method: 'POST',
        path: `${API}${path.replace(':id', 'x')}`,
        headers,
        body,
      }));
      const results = await statuses([
        ...posts,
        ...posts.map((post) => ({ ...post, headers: { ...headers, 'X-HTTP-Method-Override': 'GET' } })),
        ...posts.map((post) => ({ ...post, headers: { ...headers, Authorization: 'Bearer ' } })),
      ]);
      expect(results).toEqual(results.map(() => 403));
      expect(await attacked.get(`${API}/waiting`)).toEqual({ restart_requests: [], snoozes: [] });
    });
  });

  describe('the socket proxy', () => {
    const requests = [
      ['GET', '/version'],
      ['GET', '/containers/json'],
      ['POST', '/containers/create'],
    ] as const;

    it('does not exist for a container in the network of the agent', async () => {
      const address = await attacked.addressOf('socket-proxy', 'engine');
      const results = await attemptFrom(attacked.neighbours.member, [
        { host: 'socket-proxy', port: 2375, path: '/version' },
        { host: address, port: 2375, path: '/version' },
      ]);
      expect(results.map(({ status }) => status)).toEqual([undefined, undefined]);
    });

    it('refuses a program on the host, and a container that somebody adds to its network', async () => {
      const address = await attacked.addressOf('socket-proxy', 'engine');
      const intruder = `${attacked.prefix}-intruder`;
      attacked.removeAtEnd(intruder);
      await startNeighbour(intruder, attacked.standIns.node, `${attacked.prefix}_engine`);
      const attempts = requests.map(([method, path]) => ({ host: address, port: 2375, method, path }));
      for (const neighbour of [attacked.neighbours.host, intruder]) {
        const results = await attemptFrom(neighbour, attempts);
        expect(results.map(({ status }) => status)).toEqual([403, 403, 403]);
      }
      await docker(['rm', '--force', intruder]);
    });

    it('refuses the agent itself everything but reading, so that an agent that is taken over changes nothing', async () => {
      await expectOnly(attacked, 'reading');
    });
  });
}

/** What somebody would request who runs code in the agent's container. */
export async function expectOnly(attacked: Attacked, allowed: 'reading' | 'reading and restarts'): Promise<void> {
  const victim = attacked.neighbours.bridge;
  const proxy = { host: 'socket-proxy', port: 2375 };
  const create = JSON.stringify({
    Image: attacked.standIns.node,
    HostConfig: { Privileged: true, Binds: ['/:/host'] },
  });
  const json = { 'Content-Type': 'application/json', 'Content-Length': String(create.length) };
  const refused: readonly (readonly [method: string, path: string])[] = [
    ['POST', '/containers/create'],
    ['POST', '/v1.41/containers/create?name=x'],
    ['POST', `/containers/${victim}/exec`],
    ['POST', `/containers/${victim}/stop`],
    ['POST', `/containers/${victim}/kill`],
    ['POST', `/containers/${victim}/update`],
    ['POST', `/containers/${victim}/restart/../exec`],
    ['POST', `/containers/${victim}%2Fexec`],
    ['POST', `//containers/create`],
    ['POST', '/build'],
    ['POST', '/images/create?fromImage=evil'],
    ['POST', '/volumes/create'],
    ['POST', '/networks/create'],
    ['POST', '/session'],
    ['DELETE', `/containers/${victim}?force=1`],
    ['PUT', `/containers/${victim}/archive?path=/`],
    ['GET', `/containers/${victim}/archive?path=/etc`],
    ['GET', `/containers/${victim}/export`],
    ['GET', `/containers/${victim}/attach/ws`],
    ['GET', '/containers/..%2f..%2fimages/json'],
    ['GET', '/images/json'],
    ['GET', '/volumes'],
    ['GET', '/secrets'],
    ['HEAD', '/_ping'],
    ['OPTIONS', '/containers/create'],
    ...(allowed === 'reading' ? ([['POST', `/containers/${victim}/restart`]] as const) : []),
  ];
  // Others may use the engine at the same time.
  const ours = ['ps', '--all', '--quiet', '--filter', `ancestor=${attacked.standIns.node}`];
  const before = (await docker(ours)).stdout;
  const { StartedAt } = (await attacked.run.inspect(victim)).State;
  const results = await attemptFrom(attacked.run.containerOf('doctor'), [
    { ...proxy, path: '/version' },
    ...refused.map(([method, path]) => ({
      ...proxy,
      method,
      path,
      ...(method === 'POST' ? { headers: json, body: create } : {}),
    })),
  ]);
  const got = results.map(({ status }) => status);
  expect(got[0]).toBe(200);
  const answered = refused.map(([method, path], i) => `${method} ${path} ${got[i + 1]}`);
  expect(answered.filter((line) => !/ (400|403|405)$/.test(line))).toEqual([]);
  expect((await docker(ours)).stdout).toBe(before);
  expect((await attacked.run.inspect(victim)).State).toMatchObject({ Status: 'running', StartedAt });
}
