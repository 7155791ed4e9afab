import { describe, expect, it } from 'vitest';
import { createHostCheck, hostNameIn } from '../../src/http/own-hosts.ts';

describe('the Host header', () => {
  it.each([
    ['Doctor.Example:8080', 'doctor.example'],
    ['doctor.example.', 'doctor.example'],
    ['doctor.example.:8080', 'doctor.example'],
    ['my_service:8080', 'my_service'],
    ['127.0.0.1:8080', '127.0.0.1'],
    ['[::1]:8080', '::1'],
    ['[FE80::1%25eth0]', 'fe80::1'],
    ['localhost:', 'localhost'],
  ])('%s names %s', (header, host) => expect(hostNameIn(header)).toBe(host));

  it.each([
    undefined,
    '',
    ':8080',
    '.',
    '::1',
    '[::1',
    '[localhost]',
    '[::1]evil.example',
    'localhost:80:80',
    'localhost:8080@evil.example',
    'localhost@evil.example',
    'localhost evil.example',
    'localhost,evil.example',
    'localhost/evil.example',
    'localhost:evil',
  ])('%j names nothing', (header) => expect(hostNameIn(header)).toBeUndefined());
});

describe('the host check', () => {
  const isOwn = createHostCheck(['0.0.0.0', '::', 'Container-Doctor', 'doctor.example.']);

  it.each([
    'localhost',
    'LOCALHOST:8080',
    'localhost.',
    '127.0.0.1:8080',
    '192.168.1.20',
    '[::1]:8080',
    '[fd00::1]',
    'container-doctor:8080',
    'doctor.example',
    'doctor.example.:443',
  ])('accepts %s', (header) => expect(isOwn(header)).toBe(true));

  it.each([
    undefined,
    '',
    'evil.example',
    'localhost.evil.example',
    'evil-localhost',
    'xlocalhost',
    'sub.localhost',
    '127.0.0.1.evil.example',
    '127.0.0.1.nip.io:8080',
    '2130706433',
    '0x7f.1',
    '127.1',
    'doctor.example.evil.example',
    'sub.doctor.example',
    'undefined',
    'doctor.example..',
  ])('refuses %j', (header) => expect(isOwn(header)).toBe(false));
});
