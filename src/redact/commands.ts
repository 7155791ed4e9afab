/** Finds secrets in the arguments of command lines, for example as `sh -x` prints them. */
import { isMask } from './masks.ts';
import type { Span } from './spans.ts';

interface Tool {
  /** Options whose value is a secret: the next argument, or the text after `=`. */
  readonly options?: readonly string[];
  /** Options whose value follows without a space: `-pSECRET`. */
  readonly attached?: readonly string[];
  /** Options whose value is `user:password`. The separator may also be `%` or `,`. */
  readonly pairs?: readonly string[];
  /** Positions of secret arguments, counted from 1 after the words of `when`, without options. */
  readonly positions?: readonly number[];
  /** Words that must come first: `docker login`. */
  readonly when?: readonly string[];
}

const MYSQL: Tool = { attached: ['-p'] };
const MONGO: Tool = { options: ['-p'] };
const LDAP: Tool = { options: ['-w', '-s'] };
const LOGIN: Tool = { options: ['-p'], when: ['login'] };
const MQTT: Tool = { options: ['-P', '--pw'] };
const CURL: Tool = {
  pairs: ['-u', '--user', '--proxy-user', '-U'],
  options: ['--pass', '--proxy-pass', '--oauth2-bearer', '--tlspassword'],
};
const ARCHIVE: Tool = { options: ['-P'], attached: ['-p', '-P', '-hp'] };

/** By the name of the program. */
const TOOLS: ReadonlyMap<string, readonly Tool[]> = new Map(
  Object.entries<readonly Tool[]>({
    mysql: [MYSQL],
    mysqldump: [MYSQL],
    mysqladmin: [MYSQL],
    mysqlimport: [MYSQL],
    mysqlsh: [MYSQL],
    mysqlcheck: [MYSQL],
    mariadb: [MYSQL],
    'mariadb-dump': [MYSQL],
    'mariadb-admin': [MYSQL],
    mydumper: [{ options: ['-p'] }],
    xtrabackup: [MYSQL],
    mongo: [MONGO],
    mongosh: [MONGO],
    mongodump: [MONGO],
    mongorestore: [MONGO],
    mongoexport: [MONGO],
    mongoimport: [MONGO],
    'redis-cli': [{ options: ['-a', '--pass'] }],
    'valkey-cli': [{ options: ['-a', '--pass'] }],
    keydb: [{ options: ['-a'] }],
    docker: [LOGIN],
    podman: [LOGIN, { pairs: ['--creds'] }],
    nerdctl: [LOGIN],
    buildah: [LOGIN, { pairs: ['--creds'] }],
    skopeo: [LOGIN, { pairs: ['--creds', '--src-creds', '--dest-creds'] }],
    crane: [LOGIN],
    oras: [LOGIN],
    helm: [LOGIN],
    az: [{ options: ['-p'], when: ['login'] }],
    oc: [LOGIN, { options: ['--token'] }],
    cf: [LOGIN],
    heroku: [LOGIN],
    gh: [{ options: ['--with-token'] }],
    ldapsearch: [LDAP],
    ldapadd: [LDAP],
    ldapmodify: [LDAP],
    ldapdelete: [LDAP],
    ldapwhoami: [LDAP],
    ldappasswd: [LDAP],
    ldapcompare: [LDAP],
    openssl: [{ pairs: ['-passin', '-passout', '-pass', '-k', '-password'], options: ['-K'] }],
    keytool: [
      { options: ['-storepass', '-keypass', '-srcstorepass', '-deststorepass', '-srckeypass', '-destkeypass', '-new'] },
    ],
    jarsigner: [{ options: ['-storepass', '-keypass'] }],
    'ssh-keygen': [{ options: ['-N', '-P'] }],
    sshpass: [{ options: ['-p'], attached: ['-p'] }],
    curl: [CURL],
    wget: [{ options: ['--password', '--http-password', '--ftp-password', '--proxy-password'] }],
    http: [{ pairs: ['-a', '--auth'] }],
    https: [{ pairs: ['-a', '--auth'] }],
    lftp: [{ pairs: ['-u'] }],
    ncftpput: [{ options: ['-p'] }],
    ncftpget: [{ options: ['-p'] }],
    aria2c: [{ options: ['--http-passwd', '--ftp-passwd'] }],
    rabbitmqctl: [
      { when: ['add_user'], positions: [2] },
      { when: ['change_password'], positions: [2] },
      { when: ['authenticate_user'], positions: [2] },
    ],
    rabbitmqadmin: [{ options: ['-p'] }],
    htpasswd: [{ positions: [3] }],
    smbclient: [{ pairs: ['-U'] }],
    rpcclient: [{ pairs: ['-U'] }],
    winexe: [{ pairs: ['-U'] }],
    net: [{ pairs: ['-U'] }],
    mosquitto_pub: [MQTT],
    mosquitto_sub: [MQTT],
    mosquitto_passwd: [{ positions: [3] }],
    sqlcmd: [{ options: ['-P'], attached: ['-P'] }],
    bcp: [{ options: ['-P'], attached: ['-P'] }],
    isql: [{ options: ['-P'], positions: [3] }],
    tsql: [{ options: ['-P'] }],
    cqlsh: [{ options: ['-p'] }],
    influx: [{ options: ['-password', '-t', '--token'] }],
    hdbsql: [{ options: ['-p'] }],
    'cypher-shell': [{ options: ['-p'] }],
    'neo4j-admin': [{ when: ['set-initial-password'], positions: [1] }],
    'couchbase-cli': [{ options: ['-p'] }],
    arangosh: [{ options: ['--server.password'] }],
    beeline: [{ options: ['-p'] }],
    vsql: [{ options: ['-w'] }],
    db2: [{ options: ['using'] }],
    etcdctl: [{ pairs: ['--user'] }],
    vault: [
      { when: ['login'], positions: [1] },
      { when: ['unseal'], positions: [1] },
      { when: ['unwrap'], positions: [1] },
    ],
    zip: [{ options: ['-P'] }],
    unzip: [{ options: ['-P'], attached: ['-P'] }],
    '7z': [ARCHIVE],
    '7za': [ARCHIVE],
    rar: [ARCHIVE],
    unrar: [ARCHIVE],
    gpg: [{ options: ['--passphrase'] }],
    mc: [{ when: ['alias', 'set'], positions: [3, 4] }],
    mcli: [{ when: ['alias', 'set'], positions: [3, 4] }],
    xfreerdp: [{ attached: ['/p:'] }],
    rdesktop: [{ options: ['-p'] }],
    ipmitool: [{ options: ['-P'] }],
    snmpget: [{ options: ['-c', '-A', '-X'] }],
    snmpwalk: [{ options: ['-c', '-A', '-X'] }],
    wpa_passphrase: [{ positions: [2] }],
    nmcli: [{ options: ['password'] }],
    iscsiadm: [{ options: ['-v'] }],
    svn: [{ options: ['--password'] }],
    splunk: [{ pairs: ['-auth'] }],
    kcadm: [{ options: ['--password'] }],
    'jboss-cli.sh': [{ options: ['-p', '--password'] }],
    wsadmin: [{ options: ['-password'] }],
    twine: [{ options: ['-p'] }],
    s3cmd: [{ options: ['--secret_key', '--access_key'] }],
    swaks: [{ options: ['-ap', '--auth-password'] }],
    sendemail: [{ options: ['-xp'] }],
    'sonar-scanner': [{ attached: ['-Dsonar.login=', '-Dsonar.token=', '-Dsonar.password='] }],
    jfrog: [{ options: ['--password', '--apikey', '--access-token'] }],
    nuget: [{ options: ['-ApiKey', '-Password', '-p'] }],
    radtest: [{ positions: [2, 5] }],
    xmlsec1: [{ options: ['--pwd'] }],
    signtool: [{ options: ['/p'] }],
  }),
);

const PROGRAM = new RegExp(
  `(?<![\\w.-])(?:${[...TOOLS.keys()]
    .map((name) => name.replace(/[.]/g, '\\.'))
    .sort((a, b) => b.length - a.length)
    .join('|')})(?=[ \\t])`,
  'g',
);
/** One word of a command line, as the shell splits it. */
const WORD =
  /[ \t]{1,8}("(?:[^"\\\n]|\\.){0,1024}"|'[^'\n]{0,1024}'|\$'(?:[^'\\\n]|\\.){0,1024}'|[^\s"'|;&<>]{1,1024}(?:"[^"\n]{0,512}"|'[^'\n]{0,512}')?)/y;
/** After one program name, to bound the cost. */
const MOST_WORDS = 60;
/** In one line. A line with more program names is not a command line. */
const MOST_PROGRAMS = 20;

export function findArguments(text: string): Span[] {
  const spans: Span[] = [];
  let lineEnd = -1;
  let inLine = 0;
  for (const match of text.matchAll(PROGRAM)) {
    if (match.index > lineEnd) {
      const next = text.indexOf('\n', match.index);
      lineEnd = next === -1 ? text.length : next;
      inLine = 0;
    }
    inLine += 1;
    if (inLine > MOST_PROGRAMS) continue;
    const tools = TOOLS.get(match[0]);
    if (tools === undefined) continue;
    const words = wordsAfter(text, match.index + match[0].length);
    for (const tool of tools) spans.push(...inCommand(words, tool));
  }
  return spans;
}

interface Word extends Span {
  readonly text: string;
}

function wordsAfter(text: string, from: number): Word[] {
  const words: Word[] = [];
  let at = from;
  while (words.length < MOST_WORDS) {
    WORD.lastIndex = at;
    const match = WORD.exec(text);
    if (match === null) break;
    const raw = match[1] as string;
    const end = at + match[0].length;
    const quote = /^\$?["']/.exec(raw)?.[0].length ?? 0;
    const start = end - raw.length + quote;
    words.push({ text: text.slice(start, end - (quote > 0 ? 1 : 0)), start, end: end - (quote > 0 ? 1 : 0) });
    at = end;
  }
  return words;
}

function inCommand(
  words: readonly Word[],
  { options = [], attached = [], pairs = [], positions = [], when = [] }: Tool,
): Span[] {
  const spans: Span[] = [];
  const add = (word: Word | undefined, skip = 0): void => {
    if (word === undefined) return;
    const value = word.text.slice(skip).replace(/["']$/, '');
    const quote = /^["']/.test(value) ? 1 : 0;
    if (value.length - quote < 3 || isMask(value) || value.startsWith('-')) return;
    spans.push({ start: word.start + skip + quote, end: word.start + skip + value.length });
  };
  const plain = words.filter((word) => !word.text.startsWith('-'));
  if (when.some((wanted, i) => plain[i]?.text !== wanted && plain[i + 1]?.text !== wanted)) return [];
  const first = when.length === 0 ? 0 : plain.findIndex((word) => word.text === when.at(-1)) + 1;
  for (const position of positions) {
    const word = plain[first + position - 1];
    // The position is wrong if an option before it takes a value, so the word must have a digit or a symbol.
    if (word !== undefined && /[^A-Za-z/.]/.test(word.text)) add(word);
  }
  words.forEach((word, i) => {
    for (const option of options) {
      if (word.text === option) add(words[i + 1]);
      else if (word.text.startsWith(`${option}=`)) add(word, option.length + 1);
    }
    for (const option of attached)
      if (
        word.text.startsWith(option) &&
        word.text.length > option.length + 2 &&
        !/^-p(?:ort|rotocol|ath|refix|assword|lugin|rint|df)/.test(word.text)
      )
        add(word, option.length);
    for (const option of pairs) {
      const value =
        word.text === option
          ? words[i + 1]
          : word.text.startsWith(`${option}=`)
            ? word
            : option.length === 2 && word.text.startsWith(option)
              ? word
              : undefined;
      if (value === undefined) continue;
      const from = value === word ? option.length : 0;
      const separator = value.text.slice(from).search(/[:%,]/);
      if (separator !== -1) add(value, from + separator + 1);
    }
  });
  return spans;
}
