/**
 * Recognizes tokens that look random but are not secret. Each form has a test in test/redact/harmless.test.ts. To keep
 * a form readable that is hidden today, add it here.
 */
import { isIdName } from './names.ts';

/** Whole tokens. */
const FORMS: readonly RegExp[] = [
  // ULID, TypeID and KSUID with a prefix.
  /^(?:[a-z]{2,12}_)?[0-7][0-9A-HJKMNP-TV-Z]{25}$/,
  /^[a-z]{2,16}_[0-7][0-9a-hjkmnp-tv-z]{25}$/,
  // cuid.
  /^c[kjlm][a-z0-9]{6}[a-z0-9]{4}[a-z0-9]{13}$/,
  // UUID, in either case, also as part of a longer name.
  /^(?:[A-Za-z]+[-_])*[\da-f]{8}-[\da-f]{4}-[\da-f]{4}-[\da-f]{4}-[\da-f]{12}(?:[-_][A-Za-z\d]{1,10})*$/i,
  // Ids of APIs that begin with the kind of the object: Stripe, Anthropic, OpenAI, Slack files.
  /^(?:cus|pi|ch|evt|acct|req|sub|in|il|ii|price|prod|plan|seti|pm|src|txn|tr|po|card|ba|si|sli|cn|dp|du|py|pyr|tok|cs|file|file-|link|or|sku|iss|issfr|ich|ipi|iauth|whd|we|wh|msg|msgbatch|toolu|srvtoolu|chatcmpl|cmpl|resp|rs|fc|call|run|step|thread|asst|ft|ftjob|batch|vs|vsfc|org|user|proj|inv|disc|promo|mandate|setatt|payatt|test|bps|bpc|fr|feat|ent|evtdest|usr|team|dpl|prj|icfg|job|task|wf|wrk|ses|conv|gen|img|vid|aud|emb|mod|tool|agent|trace|span|obs|ds|exp|eval)(?:_|-)(?:test_|live_)?(?!0x)[A-Za-z0-9]{14,40}(?:_secret)?$/,
  // Mangled names of C++, Rust and Swift; lambdas and proxies of the JVM.
  /^_{1,3}(?:Z[A-Z]?|R[A-Z]|T[\d]|\$s|ZN?K?)[A-Za-z\d_]+$/,
  /(?:Lambda|CGLIB|ByteBuddy|HibernateProxy|EnhancerBy|FastClassBy|MockitoMock|LambdaForm)/,
  // Boundaries of multipart bodies.
  /^-*(?:WebKitFormBoundary|Boundary|boundary|NextPart|Part_)/,
  // Go pseudo-versions, versions with build metadata.
  /^v?\d+(?:\.\d+)+[-+~]/,
  /^\d+[-+~](?:git|dfsg|bzr|svn|ds|deb|nmu|b|20)\d/,
  /^h[\da-f]{16}$/,
  // SSH public keys, and images, archives, PDFs, fonts, XML and audio in base64.
  /^AAAA[BCE][0-9A-Za-z+/]/,
  /^(?:iVBORw0KGgo|\/9j\/4AA|R0lGOD|UklGR|JVBERi0|H4sIA|UEsDB|d09GM|PHN2Zy|PD94bWw|Qk[012]|AAABAA|T2dnUw|SUQz|ZkxhQ)/,
  // Debian packages: 131-libxxf86dga1_2.
  /^(?:\d{2,4}-)?lib[a-z\d.+-]{2,60}(?:_[\w.+~-]{0,40})?$/,
  // The nonce of a content security policy, and paths of devices and processes.
  /^nonce-/,
  /^\/(?:dev|proc|sys)\//,
  // ISO 8601 times without separators, and durations.
  /^\d{8}T\d{6}/,
  /^P(?:\d+[YMWD])*(?:T(?:\d+[HMS])+)?$/,
];

/** Text directly before a token that shows that it is harmless. */
const BEFORE: readonly RegExp[] = [
  // Digests and fingerprints: sha256:…, sha512-…, SHA256:…, h1:…, nonce-…
  /(?:sha-?\d{1,3}|SHA-?\d{1,3}|md5|MD5|blake2[bs]|blake3|xxh\d*|crc\d*)(?:[:=-]| ?\()$/,
  /(?:^|[\s"'(])h1:$/,
  /'nonce-$/,
  /;base64,$/,
  /_INBOX\.$/,
  /\/nix\/store\/$/,
  /\[(?:[\w.:-]{1,100})\/$/,
  /\}\{$/,
  // Tasks of Docker Swarm: web.1.<id>.
  /[A-Za-z\d_-]\.\d{1,4}\.$/,
  /(?:boundary|Boundary)=["']?-*$/,
  /(?:ssh-(?:rsa|dss|ed25519)|ecdsa-sha2-nistp\d{3}|sk-ssh-ed25519@openssh\.com) $/,
  // Frames of minified or compiled code.
  /\bat $/,
];

const ANY_BEFORE = new RegExp(BEFORE.map((pattern) => `(?:${pattern.source})`).join('|'));

/** The name before a token: `key: token`, `key=token`, `key "token"`, `key token`. */
const NAME_BEFORE =
  /([A-Za-z][\w.-]{0,60})["'\]]{0,2}(?:[^\S\n]{0,3}(?:[:=]|=>|is|of|for|was)[^\S\n]{0,3}|[^\S\n])(?:\[|\(|W\/)?\\{0,3}["'`<({[]{0,2}$/;
/** The rest of a file name or of a host name after a token. */
const FILE_END =
  /^(?:[.-][\w-]{1,40}){0,2}\.(?:js|mjs|cjs|css|map|json|html?|png|jpe?g|gif|svg|webp|avif|ico|woff2?|ttf|eot|wasm|txt|log|gz|zip|tgz|tar|bz2|xz|zst|parquet|avro|orc|csv|tsv|pdf|mp[34]|mov|webm|ts|m3u8|tmp|bak|db|sqlite|dat|bin|lock|pid|sock|so|dll|exe|jar|war|class|py|pyc|rb|php|go|rs|java|kt|scala|c|h|cc|cpp|yml|yaml|toml|xml|md|proto|sql|index|idx|wal|seg|partial|part|crdownload|deb|rpm|apk|whl|gem|crate|nupkg)(?![\w-]*[A-Z])(?:\b|$)/;
const HOST_END = /^(?:\.[a-z\d-]{1,63}){0,5}\.[a-z]{2,24}(?![\w(.-]*\()(?:$|[\s:/"'),;\]}])/;

/** Characters. A path segment up to this length is an id; a longer one may be a key. */
const LONGEST_PATH_ID = 26;
const PATH_BEFORE = /\/[A-Za-z][\w.-]{0,60}\/$/;
/** The ACME protocol: the URL of every object ends in a long id. */
const ACME_BEFORE = /\/acme\/[\w./-]{1,80}\/$/;

/** How many characters before and after a token are examined. */
const CONTEXT = 80;

/** Whether the token `text.slice(start, end)` is known to be harmless by its form or its context. */
export function isHarmless(text: string, start: number, end: number): boolean {
  return isHarmlessForm(text.slice(start, end)) || isNamedHarmless(text, start) || endsHarmless(text, start, end);
}

/** Whether the text around the token shows that it is part of a file name, a host name or a path, or an id. */
export function endsHarmless(text: string, start: number, end: number): boolean {
  const token = text.slice(start, end);
  const after = text.slice(end, end + CONTEXT);
  if (FILE_END.test(after)) return true;
  const before = text.slice(Math.max(0, start - CONTEXT), start);
  // Ids of 128 bits, as Elasticsearch and Kafka print them: [name][Df6xPg2WTCKuibV5uvALVg][…].
  if (token.length === 22 && (/[\]}][[{]$/.test(before) || (/[[{]$/.test(before) && /^[\]}][[{]/.test(after))))
    return true;
  if (token.length <= LONGEST_PATH_ID && PATH_BEFORE.test(before)) return true;
  return !/[A-Z_+/=~]/.test(token) && HOST_END.test(after);
}

/** Whether the token is harmless by its form alone. */
export function isHarmlessForm(token: string): boolean {
  return isDigest(token) || FORMS.some((form) => form.test(token));
}

/** Whether the text before `at` shows that the token there is harmless. */
export function isNamedHarmless(text: string, at: number): boolean {
  const before = text.slice(Math.max(0, at - CONTEXT), at);
  if (ANY_BEFORE.test(before)) return true;
  if (ACME_BEFORE.test(before)) return true;
  const name = NAME_BEFORE.exec(before)?.[1];
  return name !== undefined && isIdName(name);
}

/** Whether the token is a digest that begins with its algorithm: `sha512-…`. */
export function isDigest(token: string): boolean {
  return /^(?:sha-?\d{1,3}|md5|blake2[bs]|blake3)[-=:_][A-Za-z\d+/=]{20,}/i.test(token);
}
