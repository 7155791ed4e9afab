/** The words by which names.ts classifies names. */

const words = (text: string): ReadonlySet<string> => new Set(text.trim().split(/\s+/));

/** “Password” in languages that write it with letters beyond ASCII. The words in ASCII are in names.ts. */
export const FOREIGN_PASSWORDS =
  /парол|密码|密碼|口令|パスワード|暗証番号|비밀번호|암호|contraseñ|hasło|lösenord|mật khẩu|şifre|jelszó|كلمة (?:ال)?(?:مرور|سر)|סיסמ|รหัสผ่าน|पासवर्ड|συνθηματικ|slaptažod|geslo|лозинк|гасло/u;

/** Last words that do not change what a name means: `password_value`, `secret_base64`. */
export const TRANSPARENT_ENDS = words(`value values hash hashed base base64 b64 hex old new current previous plain raw
  text plaintext cleartext encoded encrypted string str confirmation confirm again default prod production staging dev
  test live primary secondary env var`);

/** Last words of names whose values are not secret: `password_file`, `token_count`, `secretName`. */
export const HARMLESS_ENDS =
  words(`file files filename path paths dir directory folder location name names username user
  users length len size count counts total limit max min policy policies type types kind expiry expires expired
  expiration exp ttl timeout age lifetime duration interval enabled disabled required optional allowed denied mode method
  methods format version algorithm alg algo url urls uri uris endpoint host hostname port status state valid invalid hint
  prompt reset resets changed at date time timestamp attempts attempt retries retry id ids prefix suffix provider providers strategy
  backend class classes field fields column columns index indexes encoding rounds iterations strength complexity history
  rotation usage bucket second seconds minute rate ref reference arn namespace scope scopes issuer audience domain region zone level
  mount mounts mounted hits misses store storage manager service services handler filter filters middleware controller validator
  generator factory exception error errors failure failures mismatch required event events action actions config
  configuration settings options option table cache affinity pool encoder decoder parser lexer template page plugin plugins form
  sha sha1 sha256 sha384 sha512 md5 fail fails failing success succeeded granted okay check checks checker input memory reviewer review less fingerprint thumbprint checksum digest length_seconds vault_name lock locks`);

/** Words before `key` that make it harmless: `cache_key`. */
export const HARMLESS_KEYS =
  words(`primary foreign partition sort cache routing public object s3 idempotency message lock
  translation unique index group composite hash range row column duplicate candidate surrogate natural dedup
  deduplication sharding shard config setting map dict json i18n feature flag host hot arrow enter any invalid missing
  metric sequence label event state job queue topic redis kv registry gpg pgp schema document doc entity item record field
  property attribute tag sub parent child first last next prev min max start end known unknown missing wrong the a this
  that no each new old same different header query param parameter cookie csrf binding dead delivery consumer_group
  search filter sorting order kms keyboard shortcut access_id websocket pivot business lookup join cluster clustering redisson`);

/** Words before `token` that make it harmless: `next_page_token`. */
export const HARMLESS_TOKENS =
  words(`page next continuation pagination cursor cancellation sync unexpected stop eos bos pad
  special prompt completion input output cached reasoning start end current last first line word`);

/** Words before `key` that make every value secret: `api_key`. */
export const KEY_QUALIFIERS = words(`api access secret private signing encryption master account shared license licence
  storage app application auth aes hmac rsa jwt unseal preshared psk symmetric crypto cipher fernet rapidapi
  subscription functions function deploy admin root service client consumer decryption session sdk ssh wallet
  deployment machine webhook apm ingest ingestion write instrumentation connection integration secretaccess sharedaccess
  writer reader owner user personal developer partner merchant recovery unlock wep wifi network registration join_token`);

/** Words before `token` that make every value secret: `access_token`. */
export const TOKEN_QUALIFIERS =
  words(`access auth authentication refresh id bearer session security csrf xsrf bot deploy
  private secret api identity personal push device oauth user admin service join bootstrap sas reset verification
  registration invite magic login root vault github gitlab slack npm webhook gateway`);

/** Words whose value is secret if it looks like a key. */
export const LIKELY_WORDS =
  words(`token secret secrets credential credentials creds auth pat salt seed mnemonic otp totp
  pin nonce cookie cookies session sess sid jsessionid phpsessid signature sig hmac webhook dsn bearer psk preshared
  presharedkey jwt sas passkey cvv cvc ssn xsrf csrf`);

/** Words in a name of several words whose value is secret only if it cannot be anything but a key. */
export const POSSIBLE_WORDS = words(`admin access api client server private guard license licence subscription consumer
  functions hook hooks master root key keys cert signing encryption webhook shared partner merchant integration
  connection login`);

/** Nouns that are also written as one word with their qualifier: `apikey`, `authtoken`. */
export const COMPOUND_HEADS = ['key', 'token', 'secret', 'cookie'] as const;

/** Words before `pass` and `pw` in one word: `dbpass`, `bindpw`; not `compass`. */
export const PASS_PREFIXES = words(`db user usr admin root my auth bind ldap ssh smtp imap mail ftp key store keystore
  truststore sudo login proxy http redis mysql pg postgres mongo rabbit rabbitmq mq svc service app web wifi vnc rdp sql
  ora mssql require src dest new old cert pfx p12 vpn sys system master encrypt zip`);

/** Words that end in “pass” but do not mean a password. */
export const NO_PASSWORDS = words(`compass bypass trespass encompass surpass overpass underpass multipass singlepass
  firstpass onepass twopass secondpass renderpass subpass lowpass highpass bandpass allpass postpass prepass fastpass
  keepass lastpass lightpass shadowpass computepass mainpass finalpass passpass nopass`);

/** Words for identifiers, digests and references, whose values look random but are not secret. */
export const ID_WORDS =
  words(`id ids uuid guid ulid ksuid nanoid cuid xid oid rid uid pid tid gid jti kid hash hashes digest digests
  checksum checksums sum sha sha1 sha256 sha384 sha512 md5 crc etag match fingerprint thumbprint revision rev commit ref
  trace span request correlation transaction txn tx cursor offset boundary integrity nonces build layer image container
  pod node host hostname chunk asset version ver kid serial sn vin isbn tracking parent traceparent tracestate pointer
  address addr index shard partition task job run workflow execution invocation session_hash cluster replica member peer
  instance object objectid document doc entity message msg event page tab snapshot block batch upload multipart ray
  identifier snowflake revision_hash cachekey lambda symbol class bean accept baggage deployment release rlz`);

/** Issuers of keys. A name that contains one of them may be that of a key: `FASTLY_KEY`. */
export const VENDORS: readonly string[] =
  `adafruit adobe airtable algolia alibaba asana atlassian beamer bitbucket bittrex
  clickhouse cloudflare codecov cohere coinbase confluent contentful datadog databricks digitalocean discord doppler
  droneci dropbox easypost etsy facebook fastly finicity finnhub flickr freshbooks gitter gocardless harness heroku
  hubspot infracost intercom jfrog artifactory kraken kucoin launchdarkly linear linkedin looker mailchimp mailgun mapbox
  mattermost maxmind meraki messagebird netlify newrelic nytimes okta openai plaid planetscale postman postmark prefect
  pulumi rapidapi readme scalingo sendbird sendgrid sendinblue sentry sidekiq snyk sonar sourcegraph square squarespace
  sumologic telegram travis travisci twilio twitch twitter typeform vercel yandex zendesk steam stripe shodan pagerduty
  opsgenie rollbar bugsnag honeycomb segment amplitude mixpanel braintree paypal adyen mollie klarna razorpay tavily`
    .trim()
    .split(/\s+/);
