/**
 * Log lines with a secret in each, and lines that look as if. Assembled at run time: this file holds nothing
 * that a scanner could take for a live key.
 */
const join = (...parts: string[]) => parts.join('');
const upper = 'ABCDEFGHIJKLMNOPQRSTUVWXYZ234567';
const alnum = 'abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789';
const hexDigits = '0123456789abcdef';

/** `length` characters, the same for the same seed: not real, but of the real form. */
function chars(alphabet: string, length: number, seed = 1): string {
  let state = seed * 2654435761;
  let out = '';
  for (let i = 0; i < length; i++) {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    out += alphabet[(state >>> 8) % alphabet.length];
  }
  return out;
}
const base64url = (text: string) => Buffer.from(text).toString('base64url');
const basic = (text: string) => Buffer.from(text).toString('base64');
const jwt = join(
  base64url('{"alg":"HS256","typ":"JWT"}'),
  '.',
  base64url('{"sub":"1234567890"}'),
  '.',
  chars(alnum, 43),
);
const pw = join('hun', 'ter2', '!x');

export interface SecretLine {
  readonly what: string;
  readonly line: string;
  /** Must not be in the line afterwards. */
  readonly secret: string;
  /** Must still be in the line afterwards. */
  readonly keeps?: string;
}

const s = (what: string, secret: string, line: (secret: string) => string, keeps?: string): SecretLine => ({
  what,
  secret,
  line: line(secret),
  keeps,
});

export const SECRETS: readonly SecretLine[] = [
  // Keys that show what they are.
  s(
    'AWS access key id',
    join('AK', 'IA', chars(upper, 16)),
    (k) => `botocore: using key ${k} for s3`,
    'botocore: using key',
  ),
  s('AWS temporary key id', join('AS', 'IA', chars(upper, 16, 2)), (k) => `{"AccessKeyId":"${k}"}`),
  s('AWS secret key in env', chars(`${alnum}/+`, 40), (k) => `AWS_SECRET_ACCESS_KEY=${k}`, 'AWS_SECRET_ACCESS_KEY='),
  s(
    'AWS secret key in JSON',
    chars(alnum, 40, 3),
    (k) => `{"SecretAccessKey": "${k}", "Expiration": "2026-01-01"}`,
    'Expiration',
  ),
  s(
    'AWS signed address',
    chars(hexDigits, 64),
    (k) => `GET https://b.s3.amazonaws.com/o?X-Amz-Signature=${k}&X-Amz-Expires=60`,
    'X-Amz-Expires=60',
  ),
  s(
    'GitHub token',
    join('gh', 'p_', chars(alnum, 36)),
    (k) => `remote: https://x-access-token:${k}@github.com/o/r.git`,
    'github.com/o/r.git',
  ),
  s('GitHub fine-grained token', join('github', '_pat_', chars(alnum, 22), '_', chars(alnum, 59)), (k) => `using ${k}`),
  s('GitLab token', join('gl', 'pat-', chars(alnum, 20)), (k) => `PRIVATE-TOKEN: ${k}`),
  s(
    'Slack bot token',
    join('xo', 'xb-', chars('0123456789', 12), '-', chars(alnum, 24)),
    (k) => `slack: auth ${k} rejected`,
    'rejected',
  ),
  s(
    'Slack app token',
    join('xa', 'pp-1-', chars(upper, 11), '-', chars('0123456789', 13), '-', chars(hexDigits, 64)),
    (k) => k,
  ),
  s(
    'Slack webhook',
    join('T', chars(upper, 8), '/B', chars(upper, 8), '/', chars(alnum, 24)),
    (k) => `POST https://hooks.slack.com/services/${k} 404`,
    'hooks.slack.com',
  ),
  s(
    'Stripe live key',
    join('sk', '_live_', chars(alnum, 24)),
    (k) => `stripe.error: Invalid API Key provided: ${k}`,
    'Invalid API Key provided',
  ),
  s('Stripe restricted key', join('rk', '_test_', chars(alnum, 24)), (k) => `key=${k}`),
  s('Stripe webhook secret', join('wh', 'sec_', chars(alnum, 32)), (k) => `endpoint secret ${k}`),
  s('Anthropic key', join('sk', '-ant-api03-', chars(alnum, 93), 'AA'), (k) => `x-api-key: ${k}`, 'x-api-key'),
  s(
    'OpenAI key',
    join('sk', '-', chars(alnum, 20), 'T3Blbk', 'FJ', chars(alnum, 20)),
    (k) => `openai: incorrect key ${k}`,
  ),
  s(
    'OpenAI project key',
    join('sk', '-proj-', chars(alnum, 74), 'T3Blbk', 'FJ', chars(alnum, 74)),
    (k) => `Incorrect API key provided: ${k}.`,
  ),
  s('Google API key', join('AI', 'za', chars(alnum, 35)), (k) => `https://maps.googleapis.com/api?key=${k}&q=x`, 'q=x'),
  s('Google OAuth token', join('ya', '29.', chars(alnum, 60)), (k) => `token refreshed: ${k}`),
  s('Google client secret', join('GOC', 'SPX-', chars(alnum, 28)), (k) => `{"client_secret":"${k}"}`),
  s('npm token', join('npm', '_', chars(alnum, 36)), (k) => `//registry.example/:_authToken=${k}`),
  s('PyPI token', join('py', 'pi-', chars(alnum, 60)), (k) => `twine: ${k}`),
  s('Docker token', join('dckr', '_pat_', chars(alnum, 27)), (k) => `login with ${k}`),
  s('SendGrid key', join('S', 'G.', chars(alnum, 22), '.', chars(alnum, 43)), (k) => `sendgrid ${k} 401`, '401'),
  s('Hugging Face token', join('h', 'f_', chars('abcdefghijklmnopqrstuvwxyzABCDEFGH', 34)), (k) => `HF: ${k}`),
  s('Vault token', join('hv', 's.', chars(alnum, 95)), (k) => `vault: ${k} lookup failed`),
  s('DigitalOcean token', join('do', 'p_v1_', chars(hexDigits, 64)), (k) => `doctl ${k}`),
  s(
    'Telegram bot',
    join(chars('123456789', 9), ':AA', chars(alnum, 33)),
    (k) => `https://api.telegram.org/bot${k}/getMe`,
  ),
  s(
    'Discord webhook',
    join(chars('123456789', 18), '/', chars(alnum, 68)),
    (k) => `https://discord.com/api/webhooks/${k}`,
  ),
  s('Databricks token', join('da', 'pi', chars(hexDigits, 32)), (k) => `dbx ${k}`),
  s('Grafana token', join('gl', 'sa_', chars(alnum, 32), '_', chars(hexDigits, 8)), (k) => `grafana: ${k}`),
  // Headers.
  s('Bearer header', chars(alnum, 40, 5), (k) => `> Authorization: Bearer ${k}`, '> Authorization: Bearer '),
  s(
    'Bearer in JSON',
    chars(alnum, 24, 6),
    (k) => `{"headers":{"authorization":"Bearer ${k}","host":"api"}}`,
    '"host":"api"',
  ),
  s('Bearer in a header dump', chars(hexDigits, 32, 7), (k) => `headers: Map { 'authorization' => 'Bearer ${k}' }`),
  s('Basic header', basic(`admin:${pw}`), (k) => `Authorization: Basic ${k}`, 'Authorization: Basic '),
  s('Basic alone', basic('user:sesame open'), (k) => `curl -H "Proxy: Basic ${k}"`),
  s('Digest header', chars(hexDigits, 32, 8), (k) => `Authorization: Digest username="u", response="${k}"`),
  s('JWT', jwt, (k) => `jwt malformed: ${k}`, 'jwt malformed: '),
  s('JWT in a query', jwt, (k) => `GET /ws?access_token=${k}&v=2 101`, '&v=2 101'),
  s('cookie header', join('s%3A', chars(alnum, 32)), (k) => `Cookie: connect.sid=${k}; theme=dark`),
  s('set-cookie header', chars(alnum, 26), (k) => `< Set-Cookie: PHPSESSID=${k}; path=/`),
  s('cookie in JSON', chars(alnum, 26, 9), (k) => `{"cookie":"session=${k}","status":500}`, '"status":500'),
  s('API key header', chars(hexDigits, 32, 10), (k) => `X-API-Key: ${k}`),
  // Assignments.
  s('env', pw, (k) => `POSTGRES_PASSWORD=${k} POSTGRES_DB=shop`, 'POSTGRES_DB=shop'),
  s('env with digits only', '80031234', (k) => `REDIS_PASSWORD=${k}`),
  s('env, plain word', 'swordfish', (k) => `PGPASSWORD=${k} psql -h db`, 'psql -h db'),
  s('logfmt', pw, (k) => `level=error msg="login failed" user=bob password=${k} ip=10.0.0.1`, 'ip=10.0.0.1'),
  s('logfmt, quoted with blanks', 'correct horse battery', (k) => `level=error passphrase="${k}" user=bob`, 'user=bob'),
  s('JSON', pw, (k) => `{"user":"bob","password":"${k}","code":401}`, '"code":401'),
  s('JSON with escaped quotes inside', 'a\\"b c', (k) => `{"password":"${k}","code":401}`, '"code":401'),
  s('JSON within JSON', pw, (k) => `{"log":"{\\"password\\":\\"${k}\\",\\"n\\":1}"}`, '\\"n\\":1'),
  s('api_key in JSON', chars(hexDigits, 32, 11), (k) => `"api_key": "${k}",`),
  s('YAML', 'swordfish', (k) => `  password: ${k}`, 'password: '),
  s('YAML, passwd', pw, (k) => `db:\n  passwd: ${k}\n  host: db`, 'host: db'),
  s('Python dict', pw, (k) => `KeyError in {'user': 'x', 'password': '${k}'}`),
  s('Ruby hash', pw, (k) => `{:user=>"x", :password=>"${k}"}`),
  s('query string', pw.replace('!', '%21'), (k) => `GET /login?user=bob&password=${k}&next=/ 302`, '&next=/ 302'),
  s('form, escaped', 'sesame99', (k) => `body=user%3Dbob%26password%3D${k}`),
  s('ODBC', pw, (k) => `Server=db;Uid=sa;Pwd=${k};Encrypt=yes`, 'Encrypt=yes'),
  s(
    'Azure storage',
    join(chars(alnum, 86), '=='),
    (k) => `DefaultEndpointsProtocol=https;AccountName=a;AccountKey=${k};EndpointSuffix=x`,
    'AccountName=a',
  ),
  s('Azure SAS', chars(alnum, 44), (k) => `https://a.blob.core.windows.net/c?sv=2024&sig=${k}`, 'sv=2024'),
  s('camel case', chars(alnum, 20, 12), (k) => `config { clientSecret: '${k}' }`),
  s('dbToken', chars(alnum, 20, 13), (k) => `dbToken=${k}`),
  s('token', chars(alnum, 32, 14), (k) => `token=${k}`),
  s('secret', chars(hexDigits, 40, 15), (k) => `secret: ${k}`),
  s('session id', chars(hexDigits, 32, 16), (k) => `session_id=${k} expired`, 'expired'),
  s('Django secret key', 'django-insecure-x8$k2(z', (k) => `SECRET_KEY = '${k}'`),
  s('XML', pw, (k) => `<db><password>${k}</password><port>5432</port></db>`, '<port>5432</port>'),
  s('a flag', pw, (k) => `exec: mysqldump --user root --password ${k} shop`, 'shop'),
  s('a flag with =', pw, (k) => `redis-server --requirepass=${k}x --port 6379 --masterauth ${k}`, '--port 6379'),
  s('redis AUTH', chars(alnum, 16), (k) => `"AUTH" failed: AUTH ${k}`),
  s('SQL', pw, (k) => `STATEMENT: ALTER USER app WITH PASSWORD '${k}';`, 'ALTER USER app'),
  s('SQL, MySQL', pw, (k) => `CREATE USER 'a'@'%' IDENTIFIED BY '${k}'`),
  s('bcrypt hash', join('$2', 'b$12$', chars(alnum, 53)), (k) => `user row: bob ${k}`, 'bob'),
  // Addresses.
  s('PostgreSQL', pw, (k) => `could not connect to postgres://app:${k}@db:5432/shop`, '@db:5432/shop'),
  s(
    'MongoDB',
    pw,
    (k) => `MongoServerError mongodb+srv://root:${k}@c0.example.net/?retryWrites=true`,
    'c0.example.net',
  ),
  s('Redis, no user', pw, (k) => `redis://:${k}@cache:6379/0`, '@cache:6379/0'),
  s('AMQP', 'guest', (k) => `amqp://svc:${k}@mq:5672`, '@mq:5672'),
  s('password with @ and /', 'p@ss/w0rd', (k) => `mysql://u:${k}@db:3306/x`, '@db:3306/x'),
  s('https', pw, (k) => `fetch https://deploy:${k}@git.example.com/r.git`, 'git.example.com/r.git'),
  s('Go MySQL driver', pw, (k) => `dial app:${k}@tcp(db:3306)/shop`, '@tcp(db:3306)/shop'),
  s('JDBC query', pw, (k) => `jdbc:postgresql://db/shop?user=app&password=${k}`, 'user=app'),
  s('JDBC Oracle', 'tiger99', (k) => `jdbc:oracle:thin:scott/${k}@db:1521:x`, '@db:1521'),
  s(
    'Sentry address',
    chars(hexDigits, 32, 17),
    (k) => `dsn https://${k}@o1.ingest.example.io/4`,
    'o1.ingest.example.io/4',
  ),
  // People.
  s('e-mail', 'jane.doe@example.com', (k) => `mail to ${k} bounced`, 'bounced'),
  s('e-mail in JSON', 'j+x@mail.example.co.uk', (k) => `{"to":"${k}"}`),
];

export const NEAR_MISSES: readonly string[] = [
  `commit ${chars(hexDigits, 40)} (HEAD -> main)`,
  `short commit ${chars(hexDigits, 7)}`,
  `image app@sha256:${chars(hexDigits, 64)}`,
  `sha512-${chars(alnum, 86)}==`,
  `container ${chars(hexDigits, 64)} started`,
  `request 7c9e6679-7425-40de-944b-e07fc1f90ae7 failed`,
  `trace_id=${chars(hexDigits, 32)} span_id=${chars(hexDigits, 16)}`,
  `traceparent: 00-${chars(hexDigits, 32)}-${chars(hexDigits, 16)}-01`,
  `{"traceId":"${chars(hexDigits, 32)}","spanId":"${chars(hexDigits, 16)}"}`,
  'ETag: "33a64df551425fcc55e4d42a148795d9f25f89d4"',
  'ulid 01ARZ3NDEKTSV4RRFFQ69G5FAV',
  'ObjectId("507f1f77bcf86cd799439011")',
  'token_count=5',
  'max_tokens: 4096',
  'tokens=1200 cached_tokens=800',
  'token=5',
  'Unexpected token: } in JSON at position 5',
  "SyntaxError: Unexpected token '<'",
  'error: token expired',
  'token: expired',
  'invalid token: signature mismatch',
  'token_type=bearer expires_in=3600',
  'password: ***',
  'password=null',
  'password=None',
  'password=""',
  "password=''",
  'password=[FILTERED]',
  'password=<redacted>',
  'password=******** user=bob',
  'password=xxxx',
  // biome-ignore lint/suspicious/noTemplateCurlyInString: a line as compose prints it
  'POSTGRES_PASSWORD=${POSTGRES_PASSWORD}',
  'password=$DB_PASSWORD',
  'password: {{ db_password }}',
  'password=%s',
  'WHERE password = :password AND user = :user',
  'password: must be at least 8 characters',
  'FATAL: password authentication failed for user "app"',
  'Password: required',
  'Access denied for user root (using password: YES)',
  'Access denied for user root (using password: NO)',
  'NOAUTH Authentication required.',
  'Enter password:',
  'password reset requested for user 17',
  'password_reset=true',
  'password_encryption = scram-sha-256',
  'reset password for user 42 done',
  'secret "db-credentials" not found in namespace "shop"',
  'mounting secret: /run/secrets/db',
  'secretName=db-secret',
  'SECRET_KEY_BASE is not set',
  'ANTHROPIC_API_KEY is missing',
  'api key is missing',
  'author: bob',
  'oauth: callback received',
  'auth=enabled',
  'session: closed',
  'session=5',
  'Bearer authentication required',
  'WWW-Authenticate: Bearer realm="api"',
  'WWW-Authenticate: Basic realm="x"',
  'Basic authentication failed',
  'authorization: denied',
  'Authorization: <redacted>',
  'cookie: disabled',
  'cookies are not supported',
  'http://host:8080/path?mail=1',
  'http://localhost:3000/@scope/pkg',
  'connect to postgres://db:5432/shop failed',
  'redis://cache:6379/0',
  'ssh://git@github.com/org/repo.git',
  'git@github.com:org/repo.git',
  'https://example.com/a@b/c',
  'npm ERR! lodash@4.17.21',
  '@scope/package@1.2.3-beta.1',
  'icon@2x.png not found',
  'getty@tty1.service: failed',
  'user@host:~$ ls',
  'at foo (node:internal/modules/cjs/loader:1000:5)',
  'java.lang.NullPointerException: Cannot invoke "Auth.token()"',
  'at com.example.TokenService.validate(TokenService.java:42)',
  'public key fingerprint SHA256:uNiVztksCsDhcc0u9e8BgrJXVGDbMJDwGsTTLGTx1uE',
  'version 1.2.3-rc.4+build.567',
  'postgres:16.2-alpine3.19',
  'GET /api/v1/sessions/12345 500 12ms',
  'eyJ is how a token starts',
  'primary key=42 foreign_key=7',
  'partition key: user_id',
  'duplicate key value violates unique constraint "users_pkey"',
  'KeyError: "name"',
  'monkey=banana turkey: dinner',
  'pid=12345 spin=3 pin: 4',
  'keyspace=0 hits=12 evicted_keys:0',
  '-----',
  '----- BEGIN REPORT -----',
  'secretlint-disable is only a comment here',
  'salt: 12 rounds',
  'nonce=5',
  'compass=north bypass=true passthrough: on',
  'pass=17 fail=0',
  '17 passed, 0 failed',
];

export const ACCESS_KEY_ID = join('AK', 'IA', chars(upper, 16, 21));
export const pemBlock = (label = 'RSA PRIVATE KEY', lines = 6): string[] => [
  join('-----BEGIN ', label, '-----'),
  ...Array.from({ length: lines }, (_, i) => chars(`${alnum}+/`, 64, 30 + i)),
  join('-----END ', label, '-----'),
];
