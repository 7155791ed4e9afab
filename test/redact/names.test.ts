import { describe, expect, it } from 'vitest';
import { isIdName, isSecretName, secrecyOf } from '../../src/redact/names.ts';

describe('a name', () => {
  it.each(
    `password DB_PASSWORD dbPassword db.pass PGPASSWORD ssl.keystore.password userPassword bindpw MYSQL_PWD api_key
    apiKey X-Api-Key apikey STRIPE_SECRET_KEY client_secret clientSecret access_token id_token AccountKey
    SharedAccessKey private_key signing-key passphrase seed_phrase Ocp-Apim-Subscription-Key PASSWORD_2 password_hash
    requirepass ConnectionPassword пароль 密码 contraseña Passwort mot_de_passe パスワード`.split(/\s+/),
  )('is certain to be secret: %s', (name) => {
    expect(secrecyOf(name)).toBe('certain');
  });

  it.each(
    `token secret GITHUB_TOKEN dbToken credentials session_id sid auth salt totp_seed recovery_code FASTLY_KEY
    WEBHOOK jwt SENTRY_DSN vault_secret_id AWS_SESSION`.split(/\s+/),
  )('is likely to be secret: %s', (name) => {
    expect(secrecyOf(name)).toMatch(/likely|certain/);
    expect(isSecretName(name)).toBe(true);
  });

  it.each('DISCORD_CLIENT travis.api kucoinAccess steam_guard POSTMARK_SERVER'.split(' '))(
    'is possibly secret: %s',
    (name) => {
      expect(secrecyOf(name)).toBe('possible');
    },
  );

  it.each(
    `PWD OLDPWD MONKEY turkey AUTHOR authority compass bypass passenger spin secretary keyboard tokenizer token_count
    password_min_length passwordless secretName DB_PASSWORD_FILE TOKEN_EXPIRY cache_key primaryKey partition_key
    foreign_key public_key key_prefix auth_method token_endpoint api_url client_ip server_name user_id next_page
    SESSION_TIMEOUT access_log`.split(/\s+/),
  )('is not secret: %s', (name) => {
    expect(isSecretName(name)).toBe(false);
    expect(secrecyOf(name)).not.toBe('certain');
  });

  it('is recognized in look-alike and full-width letters', () => {
    expect(secrecyOf('раssword')).toBe('certain');
    expect(secrecyOf('ｐａｓｓｗｏｒｄ')).toBe('certain');
  });

  it('is judged by its end if it is long', () => {
    expect(secrecyOf(`${'a'.repeat(100_000)}_password`)).toBe('certain');
  });

  it.each('request_id traceId X-Request-ID commit etag digest sha256 containerId checksum'.split(' '))(
    'names an id or a digest: %s',
    (name) => {
      expect(isIdName(name)).toBe(true);
    },
  );
});
