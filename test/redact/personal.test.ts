import { describe, expect, it } from 'vitest';
import { createRedactor } from '../../src/redact/redactor.ts';

const byDefault = createRedactor();
const withPersonal = createRedactor({ personal: true });
const shown = async (redactor: typeof byDefault, line: string) =>
  (await redactor.redact([line], [])).texts[0] as string;

describe('e-mail addresses', () => {
  it.each([
    ['plain', 'mail to jane.roe@acme.example bounced', 'jane.roe'],
    ['with letters beyond ASCII', 'mail to jürgen@müller.example bounced', 'jürgen'],
    ['in a query string', 'GET /u?email=jane.roe%40acme.example 500', 'jane.roe'],
    ['with a quoted local part', 'mail to "jane roe"@acme.example bounced', 'jane roe'],
    ['under .md', 'mail to ion@posta.md bounced', 'ion@'],
    ['in angle brackets', 'From: Jane <jane@acme.example>', 'jane@'],
    ['with an HTML entity', 'mail to jane&#64;acme.example', 'jane'],
    ['with a tag', 'j+shop@mail.acme.co.uk', 'j+shop'],
  ])('are always hidden: %s', async (_, line, part) => {
    expect(await shown(byDefault, line)).not.toContain(part);
  });

  it.each([
    'getty@tty1.service failed',
    'lodash@4.17.21',
    'icon@2x.png',
    'git@github.com:org/repo.git',
    'root@db01:~#',
  ])('are not confused with other text that has an @: %s', async (line) => {
    expect(await shown(byDefault, line)).toBe(line);
  });
});

describe('other personal data', () => {
  it.each([
    ['a card number', 'charge 4539 5787 6362 1486 declined', '5787'],
    ['a card number without spaces', 'pan=5555555555554444', '5555'],
    ['an IBAN', 'transfer to DE89370400440532013000 failed', '3704'],
    ['an IBAN in groups', 'transfer to GB82 WEST 1234 5698 7654 32 failed', 'WEST'],
    ['an international phone number', 'sms to +49 170 1234567 failed', '1234567'],
    ['a named phone number', 'phone=0170 1234567', '1234567'],
    ['a public address', 'blocked 203.0.113.77', '203.0'],
    ['a public IPv6 address', 'blocked 2001:db8:85a3::8a2e:370:7334', '85a3'],
    ['a private address of a client', 'client_ip=192.168.1.20 denied', '192.168'],
    ['the client of an access log', '10.0.0.7 - - [25/Nov/2026:10:00:00 +0000] "GET / HTTP/1.1" 200 12', '10.0.0.7'],
  ])('is hidden only if the setting says so: %s', async (_, line, part) => {
    expect(await shown(withPersonal, line)).not.toContain(part);
    expect(await shown(byDefault, line)).toBe(line);
  });

  it.each([
    'order 4539578763621487 failed',
    'offset=1234567890123456 lag=7',
    'dial tcp 10.0.0.3:5432: connection refused',
    'listening on 127.0.0.1:8080 and [::1]:8080',
    'at 10:15:30:123',
    'version 1.2.3.4567',
    'DE89370400440532013001 is no account',
    'mac 02:42:ac:11:00:02',
    'took 1761019822315 ns',
  ])('is not confused with other numbers: %s', async (line) => {
    expect(await shown(withPersonal, line)).toBe(line);
  });
});
