import { describe, expect, it } from 'vitest';
import type { RuleInput } from '../../../src/pipeline/diagnose/rule.ts';
import { applyRules, isUnambiguous } from '../../../src/pipeline/diagnose/rules.ts';
import { someFacts } from '../../support/domain.ts';
import { growth, LINEAR } from '../../support/growth.ts';

const logged = (evidence: string): RuleInput => ({ detector: 'log', detectors: ['log'], evidence });
/** A container that exited a second after its start. */
const atStart = (evidence: string): RuleInput => ({
  detector: 'crash',
  detectors: ['log', 'crash'],
  evidence,
  exitCode: 1,
  facts: someFacts({ status: 'exited', exitCode: 1, startedAt: 1_000, finishedAt: 2_000 }),
});

/** Lines that programs print, and similar lines that mean something else. */
const CASES: Readonly<Record<string, { readonly yes: readonly string[]; readonly no: readonly string[] }>> = {
  no_space_left: {
    yes: [
      'PANIC: could not write to file "pg_wal/xlogtemp.31": No space left on device',
      'Error: ENOSPC: no space left on device, write',
      'OSError: [Errno 28] No space left on device',
      'write /var/lib/x/layer.db: no space left on device',
      'sqlite3.OperationalError: database or disk is full',
      'java.io.IOException: Disk quota exceeded',
      'There is not enough space on the disk.',
      'flood stage disk watermark [95%] exceeded on [node-1], all indices marked read-only',
    ],
    no: [
      "Error: ENOSPC: System limit for number of file watchers reached, watch '/app'",
      'inotify_add_watch: no space left on device',
      'disk full check passed',
      'ERROR disk full alert could not be delivered',
      'ERROR no space left in room 12, booking refused',
      'ERROR cannot compute free space',
      'error: ENOSPCX unknown',
    ],
  },
  exec_format_error: {
    yes: [
      'exec /usr/local/bin/docker-entrypoint.sh: exec format error',
      'standard_init_linux.go:228: exec user process caused: exec format error',
      'OCI runtime create failed: runc create failed: exec format error: unknown',
      "OSError: [Errno 8] Exec format error: '/app/bin'",
    ],
    no: [
      'ERROR exec format errors: 0',
      'ERROR could not exec: format error in mpeg header',
      'error: format of exec plan',
    ],
  },
  port_in_use: {
    yes: [
      'Error: listen EADDRINUSE: address already in use :::3000',
      'listen tcp :8080: bind: address already in use',
      'OSError: [Errno 98] Address already in use',
      "ERROR: [Errno 98] error while attempting to bind on address ('0.0.0.0', 8000): address already in use",
      'nginx: [emerg] bind() to 0.0.0.0:80 failed (98: Address already in use)',
      'java.net.BindException: Address already in use',
      'Error: Os { code: 98, kind: AddrInUse } Address already in use (os error 98)',
      'Bind for 0.0.0.0:5432 failed: port is already allocated',
      'Web server failed to start. Port 8080 is already in use.',
    ],
    no: [
      'ERROR registration failed: e-mail address already in use',
      'ERROR signup: Address already in use by another customer',
      'ERROR listening history: name already in use',
      'ERROR connect EADDRNOTAVAIL 10.0.0.1:80',
      'ERROR support ticket is already in use by agent 7',
    ],
  },
  certificate_expired: {
    yes: [
      'x509: certificate has expired or is not yet valid: current time 2026-11-23T10:00:00Z is after 2026-11-01',
      'Error: certificate has expired',
      "reason: { code: 'CERT_HAS_EXPIRED' }",
      'curl: (60) SSL certificate problem: certificate has expired',
      'ssl.SSLCertVerificationError: [SSL: CERTIFICATE_VERIFY_FAILED] certificate verify failed: certificate has expired (_ssl.c:1006)',
      'error 10 at 0 depth lookup: certificate has expired',
      'java.security.cert.CertificateExpiredException: NotAfter: Sun Nov 01 2026',
      'remote error: tls: expired certificate; peer says tls certificate expired',
    ],
    no: [
      'ERROR gift certificate has expired for order 7',
      'ERROR course certificate expired: user 12',
      'WARN certificate expires in 30 days',
      'ERROR could not renew the certificate: rate limited',
      'x509: certificate signed by unknown authority',
      'ERROR session has expired',
    ],
  },
  privileged_port: {
    yes: [
      'Error: listen EACCES: permission denied 0.0.0.0:80',
      'listen tcp :443: bind: permission denied',
      'nginx: [emerg] bind() to 0.0.0.0:80 failed (13: Permission denied)',
    ],
    no: ["Error: EACCES: permission denied, open '/data/x'", 'ERROR permission denied', 'ERROR listener said: denied'],
  },
  permission_denied: {
    yes: [
      "PermissionError: [Errno 13] Permission denied: '/data/uploads'",
      "Error: EACCES: permission denied, mkdir '/app/.cache'",
      'open /var/lib/grafana/grafana.db: permission denied',
      "mkdir: cannot create directory '/bitnami/data': Permission denied",
      "chown: changing ownership of '/var/lib/postgresql/data': Operation not permitted",
      'java.nio.file.AccessDeniedException: /usr/share/elasticsearch/data/node.lock',
      '/entrypoint.sh: line 3: /etc/app/app.conf: Permission denied',
      '2026/11/23 10:00:00 [crit] open() "/var/log/nginx/error.log" failed (13: Permission denied)',
      'FATAL: could not open file "base/1/2": Permission denied; could not open file in data directory: permission denied',
      'exec: "/app/start.sh": permission denied',
      'dial unix /var/run/docker.sock: connect: permission denied',
    ],
    no: [
      'ERROR permission denied for user 17: role admin is required',
      'ERROR 403 permission denied',
      'POST /admin/users 403: permission denied',
      'ERROR GET /api/orders: permission denied',
      'ERROR rpc error: code = PERMISSION_DENIED desc = caller lacks the role',
      'ERROR: permission denied for table orders',
      'git@host: Permission denied (publickey).',
      'ERROR invoice 12: permission denied: bob may not delete it',
      "ERROR Access denied for user 'app'@'10.0.0.3' (using password: YES)",
      'listen tcp :443: bind: permission denied',
    ],
  },
  read_only_file_system: {
    yes: [
      "Error: EROFS: read-only file system, open '/app/tmp/x'",
      "OSError: [Errno 30] Read-only file system: '/var/run/app.pid'",
      'touch: cannot touch /x: Read-only file system',
    ],
    no: [
      'ERROR cannot execute INSERT in a read-only transaction',
      'READONLY You cannot write against a read only replica.',
    ],
  },
  credentials_refused: {
    yes: [
      'FATAL: password authentication failed for user "app"',
      "ERROR 1045 (28000): Access denied for user 'app'@'10.0.0.3' (using password: YES)",
      'WRONGPASS invalid username-password pair or user is disabled.',
      'ReplyError: NOAUTH Authentication required.',
      'MongoServerError: Authentication failed.',
      'FATAL: no pg_hba.conf entry for host "10.0.0.3", user "app"',
    ],
    no: [
      'ERROR login failed for user bob: wrong password',
      'ERROR authentication failed for customer 17',
      'ERROR access denied for user 17',
      'ERROR token expired',
    ],
  },
  name_not_resolved: {
    yes: [
      'Error: getaddrinfo ENOTFOUND db',
      'Error: getaddrinfo EAI_AGAIN redis',
      'curl: (6) Could not resolve host: api',
      'psycopg2.OperationalError: could not translate host name "db" to address: Name or service not known',
      'socket.gaierror: [Errno -3] Temporary failure in name resolution',
      'dial tcp: lookup db on 127.0.0.11:53: no such host',
      'java.net.UnknownHostException: kafka',
      'nginx: [emerg] host not found in upstream "api" in /etc/nginx/nginx.conf:7',
      'Error: queryA ENOTFOUND example.invalid',
    ],
    no: [
      "ERROR { code: 'ENOTFOUND', message: 'order 12 does not exist' }",
      'ERROR inventory: no such host in group web',
      'ERROR could not resolve the conflict on host db',
      'ERROR name not known to the registry of members',
      'ERROR dispute could not be resolved',
    ],
  },
};

/** For containers that exited right after their start. */
const MISSING = {
  yes: [
    "KeyError: 'DATABASE_URL'",
    'Error: environment variable DATABASE_URL is not set',
    'Error: DATABASE_URL must be set',
    '/entrypoint.sh: line 3: API_KEY: unbound variable',
    "Error: ENOENT: no such file or directory, open '/etc/app/config.json'",
    'exec: "gunicorn": executable file not found in $PATH',
    'sh: node: not found',
    "Error: Cannot find module '/app/dist/main.js'",
    "ModuleNotFoundError: No module named 'flask'",
    'Error: Database is uninitialized and superuser password is not specified.',
    'You need to specify one of the following as an environment variable:',
    'config file /etc/app.yml not found',
  ],
  no: [
    'ERROR order 12 not found in the cart',
    "KeyError: 'name'",
    'ERROR missing required field: email',
    'order_id is required',
    'panic: nil map',
  ],
};

const namesOf = (input: RuleInput) => applyRules(input).map(({ rule }) => rule);

describe.each(Object.entries(CASES))('the rule %s', (rule, { yes, no }) => {
  it.each(yes)('matches: %s', (line) => {
    expect(applyRules(logged(line))[0]?.rule).toBe(rule);
  });

  it.each(no)('does not match: %s', (line) => {
    expect(namesOf(logged(line))).not.toContain(rule);
  });

  it('is unambiguous, and its fix names a command or a setting', () => {
    const found = applyRules(logged(yes[0] as string))[0];
    expect(isUnambiguous(rule)).toBe(true);
    expect(found?.assessment.suggestedFix).toMatch(/`[^`]+`/);
    expect(found?.assessment.autoRestartSafe).toBe(false);
  });
});

describe('the rule missing_file_or_variable', () => {
  it.each(MISSING.yes)('matches if the container exited right after its start: %s', (line) => {
    expect(applyRules(atStart(line))[0]?.rule).toBe('missing_file_or_variable');
  });

  it.each(MISSING.no)('does not match: %s', (line) => {
    expect(namesOf(atStart(line))).not.toContain('missing_file_or_variable');
  });

  it.each(MISSING.yes)('does not match if the container runs: %s', (line) => {
    expect(namesOf(logged(line))).not.toContain('missing_file_or_variable');
  });

  it('also reads the error of the engine', () => {
    const facts = someFacts({
      status: 'exited',
      startedAt: 1_000,
      finishedAt: 1_500,
      error: 'OCI runtime create failed: exec: "app": executable file not found in $PATH: unknown',
    });
    expect(namesOf({ ...atStart('exited with code 127'), facts })).toContain('missing_file_or_variable');
  });
});

describe('an assessment', () => {
  const cause = (input: RuleInput) => applyRules(input)[0]?.assessment.rootCause;

  it.each([
    ['the port', logged('Error: listen EADDRINUSE: address already in use :::3000'), '(3000)'],
    ['the path', logged("PermissionError: [Errno 13] Permission denied: '/data/uploads'"), '(/data/uploads)'],
    ['the host', logged('Error: getaddrinfo ENOTFOUND db'), '(db)'],
    ['the variable', atStart("KeyError: 'DATABASE_URL'"), '(DATABASE_URL)'],
  ])('names %s', (_, input, detail) => {
    expect(cause(input)).toContain(detail);
  });

  it('repeats nothing of a line but a name', () => {
    const long = `/${'x'.repeat(5_000)}`;
    for (const hostile of ['<!channel>', 'https://evil.example/a', long]) {
      expect(cause(logged(`EACCES: permission denied, open '${hostile}'`))?.length).toBeLessThan(300);
      expect(cause(logged(`EACCES: permission denied, open '${hostile}'`))).not.toMatch(/[<>]|https?:/);
    }
  });

  it('takes linear time for any line', () => {
    const seeds = [
      "open '/",
      'listen ',
      'bind ',
      'x509 ssl tls ',
      'environment variable ',
      '/a',
      'A_',
      'getaddrinfo ',
      'lookup ',
    ];
    for (const seed of seeds) {
      const read = (size: number) => applyRules(atStart(seed.repeat(Math.ceil(size / seed.length))));
      expect(growth(65_536, read), seed).toBeLessThan(LINEAR);
    }
  });
});
