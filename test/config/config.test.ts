import { describe, expect, it } from 'vitest';
import { formatProblem, loadConfig } from '../../src/config/load.ts';
import { SETTING_GROUPS, SETTINGS } from '../../src/config/settings.ts';

const noFiles = (path: string): string => {
  throw Object.assign(new Error(path), { code: 'ENOENT' });
};

function problemsOf(env: Record<string, string>, readFile = noFiles) {
  const loaded = loadConfig(env, readFile);
  return loaded.ok ? [] : loaded.problems;
}

function configOf(env: Record<string, string>, readFile = noFiles) {
  const loaded = loadConfig(env, readFile);
  if (!loaded.ok) throw new Error(loaded.problems.map(formatProblem).join('\n'));
  return loaded.config;
}

describe('settings', () => {
  it('have the documented defaults', () => {
    expect(configOf({})).toMatchObject({
      targets: '',
      checkIntervalMs: 10_000,
      logLines: 50,
      autoFix: false,
      anthropic: { apiKey: undefined, model: 'claude-haiku-5-5', strongModel: 'claude-sonnet-5-5' },
      limits: { diagnosesPerHour: 20, spendPerDayUsd: 1, restartsPerHour: 3 },
      receivers: [{ name: 'console', minSeverity: 'medium' }],
      http: { host: '127.0.0.1', port: 8080 },
      dataDir: './data',
      redactPersonal: false,
      logLevel: 'info',
      verify: { stableForMs: 30_000, deadlineMs: 120_000 },
    });
  });

  it("accept the article's .env unchanged", () => {
    const config = configOf({
      ANTHROPIC_API_KEY: 'sk-ant-api03-test',
      TARGET_CONTAINERS: 'web,api,db',
      CHECK_INTERVAL: '10',
      LOG_LINES: '50',
      AUTO_FIX: 'true',
      SLACK_WEBHOOK_URL: 'https://hooks.slack.com/services/T/B/x',
      MAX_DIAGNOSES_PER_HOUR: '20',
    });
    expect(config).toMatchObject({ targets: 'web,api,db', autoFix: true });
  });

  it.each(['true', 'TRUE', '1', 'yes', 'on'])('accept %s as true', (value) => {
    expect(configOf({ AUTO_FIX: value }).autoFix).toBe(true);
  });

  it('treat an empty value as unset, because Compose passes unset variables as empty strings', () => {
    expect(configOf({ ANTHROPIC_API_KEY: '', PORT: ' ', SLACK_WEBHOOK_URL: '' })).toMatchObject({
      anthropic: { apiKey: undefined },
      http: { port: 8080 },
      receivers: [{ name: 'console' }],
    });
  });

  it('that are invalid are all reported at once, each with its name, its value and the allowed values', () => {
    const problems = problemsOf({
      CHECK_INTERVAL: '0',
      LOG_LINES: 'many',
      AUTO_FIX: 'maybe',
      MAX_SPEND_PER_DAY: '-1',
      SLACK_MIN_SEVERITY: 'urgent',
      PORT: '70000',
      DOCKER_HOST: 'ssh://somewhere',
      LOG_LEVEL: 'loud',
    });
    expect(problems.map((problem) => problem.name).sort()).toEqual(
      [
        'CHECK_INTERVAL',
        'LOG_LINES',
        'AUTO_FIX',
        'MAX_SPEND_PER_DAY',
        'SLACK_MIN_SEVERITY',
        'PORT',
        'DOCKER_HOST',
        'LOG_LEVEL',
      ].sort(),
    );
    for (const problem of problems) expect(formatProblem(problem)).toMatch(/^[A-Z_]+=.+: must be .+/);
  });

  it('that are secret never appear in a problem', () => {
    const problems = problemsOf({
      SLACK_WEBHOOK_URL: 'not a url s3cr3t',
      HTTP_TOKEN: 'two words s3cr3t',
      ANTHROPIC_API_KEY: 's3cr3t key',
    });
    expect(problems).toHaveLength(3);
    expect(JSON.stringify(problems)).not.toContain('s3cr3t');
  });

  it('read a secret from the file that NAME_FILE names, without the trailing newline', () => {
    const config = configOf({ ANTHROPIC_API_KEY_FILE: '/run/secrets/key' }, (path) =>
      path === '/run/secrets/key' ? 'sk-ant-from-file\n' : noFiles(path),
    );
    expect(config.anthropic.apiKey).toBe('sk-ant-from-file');
  });

  it('report a secret file that cannot be read', () => {
    expect(problemsOf({ HTTP_TOKEN_FILE: '/missing' })).toEqual([
      { name: 'HTTP_TOKEN_FILE', value: '/missing', message: 'must be a readable file (ENOENT)' },
    ]);
  });

  it.each<[string, string]>([
    ['', 'the file is empty'],
    ['\n', 'the file is empty'],
    [' \t\r\n\n', 'the file is empty'],
    [' 0123456789abcdef\n', 'must not begin or end with a blank'],
    ['0123456789abcdef \n', 'must not begin or end with a blank'],
    ['0123456789abcdef\u00a0', 'must not begin or end with a blank'],
    ['"0123456789abcdef"\n', 'must not be in quotes'],
    ["'0123456789abcdef'", 'must not be in quotes'],
    ['\u201c0123456789abcdef\u201d', 'must not be in quotes'],
    ['0123456789abcdef\nfedcba9876543210\n', 'must be a single line'],
    ['0123456789\0abcdef', 'must not contain control characters'],
  ])('reject a secret file with the content %j: it never means that there is no secret', (content, why) => {
    for (const name of ['HTTP_TOKEN', 'ANTHROPIC_API_KEY', 'DATABASE_URL', 'SLACK_WEBHOOK_URL']) {
      const [problem, ...others] = problemsOf({ [`${name}_FILE`]: '/run/secret' }, () => content);
      expect(problem).toMatchObject({ name: `${name}_FILE`, value: '/run/secret' });
      expect(problem?.message).toContain(why);
      expect(others).toEqual([]);
      expect(JSON.stringify(problem)).not.toContain('abcdef');
    }
  });

  it.each(['"0123456789abcdef"', "'0123456789abcdef'", ' 0123456789abcdef', '0123456789abcdef ', ' ', '\t'])(
    'reject the secret %j in the environment, and say why',
    (value) => {
      expect(problemsOf({ HTTP_TOKEN: value })).toEqual([
        { name: 'HTTP_TOKEN', value: '(hidden)', message: expect.stringMatching(/blank|quotes/) },
      ]);
    },
  );

  it('accept a line end after a secret, and an empty variable as no secret', () => {
    expect(configOf({ HTTP_TOKEN: '0123456789abcdef\r\n' }).http.token).toBe('0123456789abcdef');
    expect(configOf({ HTTP_TOKEN_FILE: '/t' }, () => '0123456789abcdef\r\n').http.token).toBe('0123456789abcdef');
    expect(configOf({ HTTP_TOKEN: '', HTTP_TOKEN_FILE: '' }).http.token).toBeUndefined();
  });

  it('reject a token that can be guessed, with its length, without its value', () => {
    for (const name of ['HTTP_TOKEN', 'HTTP_TOKEN_FILE']) {
      expect(problemsOf({ [name]: '0123456789abcde' }, () => '0123456789abcde\n')).toEqual([
        expect.objectContaining({ value: '(hidden)', message: expect.stringContaining('at least 16') }),
      ]);
    }
  });

  it('reject a secret that is set in both ways', () => {
    expect(problemsOf({ HTTP_TOKEN: 'a', HTTP_TOKEN_FILE: '/b' })[0]?.name).toBe('HTTP_TOKEN_FILE');
  });

  it('reject a verification deadline that is shorter than the time for which a container must be stable', () => {
    expect(problemsOf({ VERIFY_STABLE_SECONDS: '60', VERIFY_DEADLINE_SECONDS: '30' })[0]?.name).toBe(
      'VERIFY_DEADLINE_SECONDS',
    );
  });

  it('warn if other machines can read the pages', () => {
    const warnings = (env: Record<string, string>) => {
      const loaded = loadConfig(env, noFiles);
      return loaded.ok ? loaded.warnings : [];
    };
    expect(warnings({ HOST: '0.0.0.0' })).toHaveLength(1);
    expect(warnings({ HOST: '0.0.0.0', HTTP_TOKEN: 'a-token-of-16-characters' })).toEqual([]);
    expect(warnings({})).toEqual([]);
  });

  it('warn about a published port only if it is not published on loopback', () => {
    const warnings = (publishedOn: string) => {
      const loaded = loadConfig({ HOST: '0.0.0.0', HTTP_PUBLISHED_ON: publishedOn }, noFiles);
      return loaded.ok ? loaded.warnings : [];
    };
    expect(warnings('127.0.0.1')).toEqual([]);
    expect(warnings('::1')).toEqual([]);
    expect(warnings('0.0.0.0')).toEqual([expect.stringContaining('HTTP_PUBLISHED_ON=0.0.0.0')]);
    expect(warnings('')).toEqual([expect.stringContaining('HOST=0.0.0.0')]);
  });

  it('read the host names of the pages, and accept the address that the port is published on', () => {
    const hosts = (env: Record<string, string>) => configOf(env).http.allowedHosts;
    expect(hosts({})).toEqual([]);
    expect(hosts({ ALLOWED_HOSTS: 'doctor, Doctor.Example. ,my_service,' })).toEqual([
      'doctor',
      'doctor.example.',
      'my_service',
    ]);
    expect(hosts({ ALLOWED_HOSTS: 'doctor', HTTP_PUBLISHED_ON: 'nas.lan' })).toEqual(['doctor', 'nas.lan']);
  });

  it.each(['*', '*.example', 'doctor:8080', 'http://doctor', 'a b', 'a..b', '[::1]', '-,*'])(
    'reject the host name %s of the pages, and say what is allowed',
    (value) => {
      expect(problemsOf({ ALLOWED_HOSTS: value })).toEqual([
        { name: 'ALLOWED_HOSTS', value, message: 'must be host names without port, separated by commas' },
      ]);
    },
  );

  it('that are secret are listed, so that the log can mask them', () => {
    const { secrets } = configOf({ HTTP_TOKEN: 'open-sesame-open', ANTHROPIC_API_KEY: 'sk-ant-x', HOST: 'localhost' });
    expect([...secrets].sort()).toEqual(['open-sesame-open', 'sk-ant-x']);
  });

  it('each belong to one group', () => {
    const grouped = SETTING_GROUPS.flatMap(({ settings }) => Object.keys(settings));
    expect(grouped).toEqual(Object.keys(SETTINGS));
  });

  it('are frozen', () => {
    expect(Object.isFrozen(configOf({}).limits)).toBe(true);
  });

  it('have valid defaults', () => {
    for (const [name, setting] of Object.entries(SETTINGS)) {
      if ('default' in setting) expect(setting.schema.safeParse(setting.default).success, name).toBe(true);
    }
  });
});

describe('a shared database', () => {
  const url = 'postgres://doctor:s3cr3t@db.internal/doctor';

  it('requires a name for this agent, which may be set without a database too', () => {
    expect(configOf({ AGENT_NAME: 'host-1' })).toMatchObject({ agentName: 'host-1' });
    expect(configOf({ AGENT_NAME: 'host-1' })).not.toHaveProperty('database');
    expect(loadConfig({ DATABASE_URL: url })).toMatchObject({ ok: false, problems: [{ name: 'AGENT_NAME' }] });
    expect(loadConfig({ DATABASE_URL: url, AGENT_NAME: 'host-1' })).toMatchObject({
      ok: true,
      config: { database: { url, agent: 'host-1' } },
    });
  });

  it('can be set in a file, and an invalid address is not printed', () => {
    expect(loadConfig({ DATABASE_URL_FILE: '/run/secrets/db', AGENT_NAME: 'a' }, () => `${url}\n`)).toMatchObject({
      config: { database: { url } },
    });
    const wrong = loadConfig({ DATABASE_URL: 'mysql://doctor:s3cr3t@db/doctor', AGENT_NAME: 'a' });
    expect(wrong).toMatchObject({ ok: false, problems: [{ name: 'DATABASE_URL', value: '(hidden)' }] });
    expect(JSON.stringify(wrong)).not.toContain('s3cr3t');
  });
});
