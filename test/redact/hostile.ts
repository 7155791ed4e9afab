/** Repeated, each takes very long in a pattern that backtracks or in a search that restarts at every character. */
const SEEDS =
  'a|eyJ|eyJ-|eyJa.|password|password=|password="|password="\\|a@|a@a.|a.a@|://|://a|://a:|https://a:b@|-----BEGIN A-----|' +
  '-----END A-----|-----BEGIN A-----\n|Bearer |Basic aaaaaa:|xoxb-a-|sk-|cookie:a|cookie: a=|authorization:|token token=|' +
  '<password>|a:|$2a$|identified by \'|--a-a-a|\\|"|\\"|=| |‹secret:1›|_authToken=$|ghs_1_a.|a:a@a.|mysql://a:a|mysql -|curl |curl -u a|sshpass -p|password a|pbkdf2_sha1$1$|\n|1|' +
  '""""|::::|\\\\\\|aGVsbG8gd29ybGQ|a=a=a=|[{(|password=[|password={"|password: (|"password":{"a":[|secret=Some(|token=a(|' +
  '%25|%2525|&quot;|&#x22;|\\u0022|\\x22|%70%61%73%73|\\\\u0070|&amp;amp;|%|&|\\n|\\"password\\":\\"|' +
  '|\u0008a|\u001b[0ma|\\u001b[0m|^[[0m|#033[0ma|AKIA|AKIAAAAAAAAAAAAAAAAA:|glpat-|glpat-aaaaaaaaaaaaaaaaaaaaaaaaaaa.|sntrys_eyJpYXQiO|sntrys_eyJpYXQiOaaaaaaaaaaaaLCJyZWdpb25fdXJs|' +
  'kind: Secret\ndata:\n|kind: Secret |"kind":"Secret","data":{|data: {|"kty":|"k":"aaaaaaaaaaaaaaaaaaaa",|name: DB_PASSWORD\n|{"name":"DB_PASSWORD",|{"value":"a"},|"name":"password" |' +
  'INSERT INTO a (password) VALUES (|INSERT INTO a (|(a,password,|->__construct(|.login(|.login("a",|PASS |a1 LOGIN |AUTH PLAIN |334 UGFzc3dvcmQ6 |IDENTIFIED BY |PASSWORD \'|seed: abc abc |mnemonic: abc |' +
  'docker login |redis-cli -a |openssl -passin |curl -u a:|htpasswd |zip -P |Private-Lines: 9999\n|Private-Lines: 1\n|password\n|password,\n|a,password\n|:5432:a:a:|:1234:|user=a;password=|password=a;|' +
  'https://hooks.slack.com/services/|.com/|/magic/|/invite/aaaaaaaaaaaaaaaa|?key=|?sig=aaaaaaaaaaaaaaaa|signature=|x-signature-|Sec-WebSocket-Protocol: a,|DPoP: |client_secret: |-\n  |password: |\n    |' +
  'A1b2C3d4E5f6G7h8|A1b2C3d4E5f6G7h8.|A1b2C3d4E5f6/|a+b/|a-b_c~|sha256:|h1:|id=A1b2C3d4E5f6G7h8|пароль|пароль: |密码：|раssword=|é|😀|\u00a0=|“password”: “|+1 |4539 |DE89 |1:|::|1.1.1.|fe80:|' +
  'Xx1|aB3-|xY9_|password (|password is |the key is |API key |mot de passe |a b key |- name: |>|< |<a |<password a=|| password | |\t|-p|"a" => |:a=>|#{|$(|${|{{|%{';

export const HOSTILE_SEEDS: readonly string[] = [...new Set(SEEDS.split('|').filter((seed) => seed !== ''))];

export function repeated(seed: string, length: number): string {
  return seed.repeat(Math.ceil(length / seed.length)).slice(0, length);
}
