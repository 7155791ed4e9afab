import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { loadConfig } from '../../src/config/load.ts';
import { policyFilesOnDisk } from '../../src/config/policy/files.ts';
import { readTextFile } from '../../src/config/text-file.ts';

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(path.join(tmpdir(), 'cd-text-file-'));
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

function file(content: string | Uint8Array): string {
  const name = path.join(folder, 'file');
  writeFileSync(name, content);
  return name;
}

const TOKEN = '0123456789abcdef';
const NOT_UTF8 = Buffer.from([0x72, 0x75, 0x6c, 0x65, 0x73, 0x3a, 0x20, 0x5b, 0x5d, 0x23, 0xe9, 0x0a]);

function messagesOf(env: Record<string, string>): string[] {
  const loaded = loadConfig(env);
  return loaded.ok ? [] : loaded.problems.map(({ name, message }) => `${name}: ${message}`);
}

describe('a file that a setting names', () => {
  it('is read through a link, without its byte order mark', () => {
    const link = path.join(folder, 'link');
    symlinkSync(file(`\ufeff${TOKEN}\n`), link);
    const loaded = loadConfig({ HTTP_TOKEN_FILE: link });
    expect(loaded.ok && loaded.config.http.token).toBe(TOKEN);
  });

  it.each([
    ['/dev/null', 'a device'],
    ['/dev/zero', 'a device'],
    ['/dev/urandom', 'a device'],
    ['/', 'a directory'],
  ])('must be a regular file: %s is %s', (name, kind) => {
    const message = `must be a regular file, not ${kind}`;
    expect(messagesOf({ HTTP_TOKEN_FILE: name })).toEqual([`HTTP_TOKEN_FILE: ${message}`]);
    expect(messagesOf({ CONFIG_FILE: name })).toEqual([`CONFIG_FILE: ${message}`]);
  });

  it('must not be a directory, a socket, missing or a link to itself', async () => {
    mkdirSync(path.join(folder, 'directory'));
    const socket = path.join(folder, 'socket');
    const server = createServer().listen(socket);
    await new Promise((resolve) => server.once('listening', resolve));
    const loop = path.join(folder, 'loop');
    symlinkSync(loop, loop);
    for (const name of ['directory', 'socket', 'missing', 'loop']) {
      expect(messagesOf({ HTTP_TOKEN_FILE: path.join(folder, name) })).toHaveLength(1);
    }
    await new Promise((resolve) => server.close(resolve));
  });

  it('must be UTF-8: a policy or a secret would otherwise be read wrongly', async () => {
    const name = file(NOT_UTF8);
    expect(messagesOf({ CONFIG_FILE: name })).toEqual(['CONFIG_FILE: must be UTF-8 text']);
    expect(messagesOf({ HTTP_TOKEN_FILE: name })).toEqual(['HTTP_TOKEN_FILE: must be UTF-8 text']);
    await expect(policyFilesOnDisk.read(name)).rejects.toThrow('must be UTF-8 text');
    const utf16 = file(Buffer.from(`\ufeff${TOKEN}`, 'utf16le'));
    expect(messagesOf({ HTTP_TOKEN_FILE: utf16 })).toEqual(['HTTP_TOKEN_FILE: must be UTF-8 text']);
  });

  it('must not be too large', () => {
    expect(() => readTextFile(file('x'.repeat(1_048_577)))).toThrow('1 MiB');
    expect(readTextFile(file('x'.repeat(1_048_576)))).toHaveLength(1_048_576);
  });
});
