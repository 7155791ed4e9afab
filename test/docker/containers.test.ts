import { describe, expect, it } from 'vitest';
import { secretValuesOf, toContainerRef, toListedContainer } from '../../src/docker/containers.ts';
import { createEventDecoder } from '../../src/docker/events.ts';

const ID = 'a'.repeat(64);
const secrets = (...env: string[]) =>
  secretValuesOf(
    env.map((line) => ({ name: line.slice(0, line.indexOf('=')), value: line.slice(line.indexOf('=') + 1) })),
  );

describe('the service of a container', () => {
  it.each([
    ['shop-web-1', {}, 'shop-web'],
    ['web_2', {}, 'web'],
    ['web', {}, 'web'],
    ['web-2024-blue', {}, 'web-2024-blue'],
    ['postgres16', {}, 'postgres16'],
    ['-1', {}, '-1'],
    ['shop-web-1', { 'com.docker.compose.service': 'web', 'com.docker.compose.project': 'shop' }, 'web'],
  ])('named %s with labels %j is %s', (name, labels, service) => {
    const ref = toContainerRef({ id: ID, name: `/${name}`, image: 'web', labels });
    expect(ref.service).toBe(service);
    expect(ref.name).toBe(name);
  });
});

describe('a name with a secret in it', () => {
  const key = ['gh', 'p_', 'a9Zk3Lq8'.repeat(4), 'Xy7T'].join('');

  it('has a placeholder instead', () => {
    const ref = toContainerRef({
      id: ID,
      name: `/ci-${key}`,
      image: `registry.example/${key}:1`,
      labels: { 'com.docker.compose.project': key, 'com.docker.compose.service': `web-${key}` },
    });
    expect(JSON.stringify(ref)).not.toContain(key);
    expect(ref.name).toMatch(/^ci-‹secret-[\da-f]{4}›$/);
    expect(ref.image).toMatch(/^registry\.example\/‹secret-[\da-f]{4}›:1$/);
    expect(ref.service).toMatch(/^web-‹secret-[\da-f]{4}›$/);
  });
});

describe('a listed container', () => {
  it.each([
    ['Up 2 minutes (health: starting)', 'starting'],
    ['Up 2 minutes (healthy)', 'healthy'],
    ['Up 2 minutes (unhealthy)', 'unhealthy'],
    ['Up 2 minutes (Paused)', 'none'],
    ['Exited (137) 3 seconds ago', 'none'],
  ])('"%s" has health %s', (text, health) => {
    const info = { Id: ID, Names: ['/other/alias', '/web'], Image: 'web', Labels: {}, State: 'running', Status: text };
    const listed = toListedContainer(info as never);
    expect(listed.health).toBe(health);
    expect(listed.ref.name).toBe('web');
  });
});

describe('secret values of an environment', () => {
  it.each([
    'DB_PASSWORD=hunter22',
    'PGPASSWORD=hunter22',
    'STRIPE_API_KEY=hunter22',
    'GITHUB_TOKEN=hunter22',
    'SENTRY_DSN=hunter22',
    'AWS_SECRET_ACCESS_KEY=hunter22',
    'MYSQL_PWD=hunter22',
    'basic_auth=hunter22',
  ])('include the value of %s', (variable) => {
    expect(secrets(variable)).toEqual(['hunter22']);
  });

  it.each([
    'PWD=/srv/app',
    'MONKEY=banana1',
    'AUTHOR=someone',
    'DB_PASSWORD_FILE=/run/secrets/db',
    'API_KEY=short',
    'URL=http://web:8080/',
  ])('do not include the value of %s', (variable) => {
    expect(secrets(variable)).toEqual([]);
  });

  it('are found in linear time in the longest possible variable', () => {
    expect(secrets(`PROXY=a://${':'.repeat(131_000)}`)).toEqual([]);
  });

  it('include a URL with a password, and the password alone, encoded and decoded, longest first', () => {
    expect(secrets('DATABASE_URL=postgres://app:p%40ssw0rd@db/shop')).toEqual([
      'postgres://app:p%40ssw0rd@db/shop',
      'p%40ssw0rd',
      'p@ssw0rd',
    ]);
  });
});

describe('secret parts of variables', () => {
  it.each([
    ['SENTRY=https://4fe938591599b5e1131d0b08b1e1f3f0@o12.ingest.example/55', '4fe938591599b5e1131d0b08b1e1f3f0'],
    ['SPRING_DATASOURCE_URL=jdbc:postgresql://db/shop?user=app&password=hunter22x', 'hunter22x'],
    ['ConnectionStrings__Shop=Server=db;User Id=sa;Password=hunter22x;Encrypt=True', 'hunter22x'],
    ['JAVA_OPTS=-Xmx1g -Djavax.net.ssl.keyStorePassword=hunter22x', 'hunter22x'],
    ['BROKER=amqp://svc:hunt%40er22@mq:5672', 'hunt@er22'],
    ['CONFIG={"db":{"password":"hunter22x"}}', 'hunter22x'],
    ['CMD_ARGS=redis-server --requirepass hunter22x', 'hunter22x'],
  ])('are secret values, too: %s', (variable, part) => {
    expect(secrets(variable)).toContain(part);
  });

  it.each([
    'SESSION_DRIVER=database',
    'AUTH_METHOD=password',
    'TOKEN_URL=https://login.example/token',
    'NODE_ENV=production',
    'PATH=/usr/local/bin:/usr/bin',
    'JAVA_HOME=/opt/java/openjdk',
  ])('do not exist in %s', (variable) => {
    expect(secrets(variable)).toEqual([]);
  });
});

describe('engine events', () => {
  const event = (Action: string, attributes: Record<string, string> = {}) =>
    JSON.stringify({
      Type: 'container',
      Action,
      Actor: { ID, Attributes: { image: 'web:1', name: 'web', team: 'shop', ...attributes } },
      time: 1_795_450_732,
      timeNano: 1_795_450_732_107_142_400,
    });

  it.each([
    [event('die', { exitCode: '137' }), { kind: 'die', exitCode: 137 }],
    [event('kill', { signal: '15' }), { kind: 'kill', signal: 15 }],
    [event('health_status: unhealthy'), { kind: 'health', status: 'unhealthy' }],
    [event('oom'), { kind: 'oom' }],
    [event('rename', { oldName: '/old' }), { kind: 'rename' }],
  ])('are parsed: %s', (json, action) => {
    const [read] = createEventDecoder()(Buffer.from(`${json}\n`));
    expect(read).toMatchObject({ time: 1_795_450_732_107, containerId: ID, action });
    expect(read?.container).toEqual({ id: ID, name: 'web', image: 'web:1', service: 'web', labels: { team: 'shop' } });
  });

  const podman = (Action: string, attributes: Record<string, string> = {}, over: object = {}) =>
    JSON.stringify({ ...JSON.parse(event(Action, { podId: '', ...attributes })), status: Action, ...over });

  it.each([
    [podman('die', { containerExitCode: '3', exitCode: '3' }), { kind: 'die', exitCode: 3 }],
    [podman('died', { containerExitCode: '3' }), { kind: 'die', exitCode: 3 }],
    [podman('remove'), { kind: 'destroy' }],
    [podman('health_status', {}, { HealthStatus: 'unhealthy' }), { kind: 'health', status: 'unhealthy' }],
    [podman('kill'), { kind: 'kill' }],
    [podman('stop'), { kind: 'stop' }],
  ])('of Podman are parsed: %s', (json, action) => {
    const [read] = createEventDecoder()(Buffer.from(`${json}\n`));
    expect(read).toMatchObject({ engine: 'podman' });
    expect(read?.action).toEqual(action);
    expect(read?.container.labels).toEqual({ team: 'shop' });
  });

  it('that the pipeline does not use are omitted', () => {
    const others = [
      event('exec_die'),
      event('exec_create: sh -c x'),
      event('health_status: none'),
      event('health_status'),
      '{"Type":"network","Action":"connect"}',
    ];
    expect(createEventDecoder()(Buffer.from(`${others.join('\n')}\n`))).toEqual([]);
  });

  it('with megabytes of labels are dropped, and those after them are parsed', () => {
    const decode = createEventDecoder();
    const chunks = [event('start'), event('start', { note: 'x'.repeat(9_000_000) }), event('oom')].join('\n');
    const read = [];
    const bytes = Buffer.from(`${chunks}\n`);
    for (let at = 0; at < bytes.length; at += 65_536) read.push(...decode(bytes.subarray(at, at + 65_536)));
    expect(read.map(({ action }) => action.kind)).toEqual(['start', 'oom']);
  });

  it('are parsed from chunks of any size', () => {
    const bytes = Buffer.from(`${event('start', { team: 'größe' })}\n${event('oom')}\n`);
    for (let size = 1; size < 40; size++) {
      const decode = createEventDecoder();
      const read = [];
      for (let at = 0; at < bytes.length; at += size) read.push(...decode(bytes.subarray(at, at + size)));
      expect(read.map(({ action }) => action.kind)).toEqual(['start', 'oom']);
      expect(read[0]?.container.labels).toEqual({ team: 'größe' });
    }
  });
});
