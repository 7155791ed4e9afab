import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { fingerprint, mask, problemKey, serviceKey } from '../../../src/pipeline/group/fingerprint.ts';
import { createGrouper } from '../../../src/pipeline/group/grouper.ts';
import { aContainer, errorOf } from '../../support/detect.ts';

const trouble = (text: string) => errorOf(...text.split('\n'));
const pairs = JSON.parse(readFileSync(new URL('../../fixtures/detect/pairs.json', import.meta.url), 'utf8')) as Record<
  'same' | 'apart',
  [string, string][]
>;

function groupsOf(texts: readonly string[]): number {
  const grouper = createGrouper();
  return new Set(texts.map((text) => grouper.assign(aContainer(), trouble(text), 0).fingerprint)).size;
}

describe('two records', () => {
  it.each(pairs.same)('are one problem: %j and %j', (a, b) => {
    expect(groupsOf([a, b])).toBe(1);
    expect(groupsOf([b, a])).toBe(1);
  });

  it.each(pairs.apart)('are two problems: %j and %j', (a, b) => {
    expect(groupsOf([a, b])).toBe(2);
    expect(groupsOf([b, a])).toBe(2);
  });
});

describe('a fingerprint', () => {
  it('never changes, because it is stored', () => {
    expect(fingerprint('shop/web', trouble('ERROR order 4711 rejected'))).toBe('52fd618defa8b194');
    expect(fingerprint('shop/web', trouble('java.lang.IllegalStateException: x\n\tat com.acme.A.a(A.java:10)'))).toBe(
      'c0278f729e43e6c2',
    );
  });

  it('differs between services', () => {
    const same = trouble('ERROR order 4711 rejected');
    expect(fingerprint('web', same)).not.toBe(fingerprint('api', same));
  });

  it('belongs to the compose service within its project', () => {
    expect(serviceKey({ project: 'shop', service: 'web' })).toBe('shop/web');
    expect(serviceKey({ service: 'web' })).toBe('web');
  });
});

describe('mask', () => {
  it.each([
    ['took 12 of 3,000 tries (42%)', 'took <num> of <num> tries <num>'],
    ['id 7f9c2d10-1111-4222-8333-444455556666', 'id <id>'],
    ['addr 0xdeadbeef and c0ffee1234', 'addr <id> and <id>'],
    ['from 10.0.0.7 and 10.0.0.7:5432 and ::1', 'from <ip> and <ip>'],
    ['see https://a.example/x?y=1', 'see <url>'],
    ['open /var/lib/x.db: denied', 'open <path> denied'],
    ['mail a.b@example.com bounced', 'mail <email> bounced'],
    ['after 12ms, 3.5s and 1h2m3s', 'after <duration> and <duration>'],
    ['key "a b" and \'c\' and `d`', 'key <value> and <value>'],
    ["the user's cart isn't full", 'the user s cart isn t full'],
    ['sent "no such table found here" back', 'sent no such table found here back'],
    ['SHA256 and utf8 stay', 'SHA<n> and utf<n> stay'],
    ['train G1234 to Z99', 'train <id> to <id>'],
    ['worker-3 on node_12', 'worker-<n> on node_<n>'],
    ['blk_-123 and blk_456', 'blk_<n> and blk_<n>'],
    ['com.acme.Cart@1b2c3d4', 'com.acme.Cart@<id>'],
    ['ids [1, 2, 3]', 'ids <num>'],
    ['', ''],
  ])('%j → %j', (text, masked) => {
    expect(mask(text)).toBe(masked);
  });
});

describe('the key of a stack', () => {
  it.each([
    [
      'java',
      'java.lang.RuntimeException: x\n\tat org.springframework.A.b(A.java:1)\n\tat com.acme.Cart.total(Cart.java:7)\nCaused by: java.io.IOException: y\n\tat java.base/java.io.F.r(F.java:1)\n\t... 2 more',
      ['java.lang.RuntimeException', 'java.io.IOException'],
      ['com.acme.Cart.total'],
    ],
    [
      'python',
      'Traceback (most recent call last):\n  File "/app/main.py", line 1, in run\n    x()\n  File "/usr/lib/python3/dist-packages/lib.py", line 2, in x\n    y()\napp.errors.Gone: z',
      ['app.errors.Gone'],
      ['app/main.py:run'],
    ],
    [
      'node',
      'TypeError: x\n    at total (/app/src/cart.js:1:2)\n    at Layer.handle (/app/node_modules/express/lib/router/layer.js:1:2)',
      ['TypeError'],
      ['total@src/cart.js'],
    ],
    [
      'go',
      'panic: boom\n\ngoroutine 1 [running]:\nruntime.throw(0x1)\n\t/usr/local/go/src/runtime/panic.go:1 +0x1\nmain.(*Cart).Total(0xc000)\n\t/app/cart.go:9 +0x2',
      ['panic'],
      ['main.(*Cart).Total'],
    ],
    [
      'ruby',
      "/app/lib/cart.rb:3:in `total': no price (NoPrice)\n\tfrom /usr/local/bundle/gems/rack-3/lib/rack.rb:1:in `call'\n\tfrom /app/main.rb:9:in `<main>'",
      ['NoPrice'],
      ['lib/cart.rb:total', 'app/main.rb:<main>'],
    ],
    [
      'php',
      'PHP Fatal error:  Uncaught App\\NoPrice: x in /app/src/cart.php:3\nStack trace:\n#0 /app/src/index.php(7): total(NULL)\n#1 /app/vendor/x/y.php(1): z()\n#2 {main}\n  thrown in /app/src/cart.php on line 3',
      ['App\\NoPrice'],
      ['src/index.php:total'],
    ],
    [
      'c#',
      'System.InvalidOperationException: x\n   at System.Linq.T.F()\n   at Shop.Cart.Total(Int32 n) in /src/Cart.cs:line 3',
      ['System.InvalidOperationException'],
      ['Shop.Cart.Total'],
    ],
    [
      'rust',
      "thread 'main' panicked at src/main.rs:4:5:\nboom\nstack backtrace:\n   0: std::panicking::begin_panic\n   1: shop::cart::total\n             at ./src/cart.rs:4:5",
      [],
      ['shop::cart::total'],
    ],
    [
      'elixir',
      '** (RuntimeError) boom\n    (shop 0.1.0) lib/shop/cart.ex:7: Shop.Cart.total/1\n    (elixir 1.15.7) lib/enum.ex:984: Enum.map/2',
      ['RuntimeError'],
      ['lib/shop/cart.ex:Shop.Cart.total/1'],
    ],
    [
      'dart',
      'Unhandled exception:\nFormatException: x\n#0      parse (dart:convert/x.dart:1:2)\n#1      main (file:///app/bin/server.dart:12:3)',
      ['FormatException'],
      ['main'],
    ],
  ])("has the types and the application's own frames, without line numbers: %s", (_, text, types, frames) => {
    expect(problemKey(trouble(text))).toMatchObject({ kind: 'stack', types, tokens: frames });
  });

  it('is the same after an ERROR line, in JSON and by itself', () => {
    const stack = 'java.lang.IllegalStateException: x\n\tat com.acme.A.a(A.java:10)';
    const keys = [
      stack,
      `10:15:30.123 ERROR app - request 7 failed\n${stack}`,
      JSON.stringify({ level: 'error', msg: 'request 7 failed', stack }),
    ].map((text) => fingerprint('web', trouble(text)));
    expect(new Set(keys).size).toBe(1);
  });
});
