/**
 * A PostgreSQL server for one test, from the machine's `postgresql` package. It runs in a temporary directory as an
 * unprivileged user and listens on a Unix socket.
 */
import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import { appendFileSync, chmodSync, existsSync, mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { eventually } from './eventually.ts';

export interface PostgresServer {
  /** `postgres://…` of a new, empty database. */
  createDatabase(): string;
  /** Stops it like a crash. After `start`, all committed data is still there. */
  stop(): Promise<void>;
  start(): Promise<void>;
  /** Stops it and removes its files. */
  close(): Promise<void>;
}

const PACKAGES = '/usr/lib/postgresql';

/** The directory of the newest installed version's programs; undefined if there is none. */
function findPrograms(): string | undefined {
  if (!existsSync(PACKAGES)) return undefined;
  const [newest] = readdirSync(PACKAGES).sort((a, b) => Number(b) - Number(a));
  const programs = newest === undefined ? undefined : path.join(PACKAGES, newest, 'bin');
  return programs !== undefined && existsSync(path.join(programs, 'initdb')) ? programs : undefined;
}

/** Why no server can be started; undefined if one can. With CI=true it throws, because there one must be installed. */
export function whyNoPostgres(): string | undefined {
  if (process.env.TEST_LANE === 'fast') return 'not in the fast lane';
  if (findPrograms() !== undefined) return undefined;
  const why = 'needs the programs of the postgresql package';
  if (process.env.CI === 'true') throw new Error(`${why}: install it`);
  return why;
}

/** `address`: where it listens for connections from anywhere, besides its Unix socket. */
export async function startPostgres({
  address,
  connections = 20,
}: {
  readonly address?: string;
  readonly connections?: number;
} = {}): Promise<PostgresServer> {
  const programs = findPrograms();
  if (programs === undefined) throw new Error('PostgreSQL is not installed on this machine');
  const folder = mkdtempSync(path.join(tmpdir(), 'pg-'));
  const data = path.join(folder, 'data');
  // The server refuses to run as root.
  const user = process.getuid?.() === 0 ? 'postgres' : undefined;
  chmodSync(folder, 0o755);
  if (user !== undefined) execFileSync('chown', [user, folder]);
  const as = (program: string, args: string[]): [string, string[]] =>
    user === undefined
      ? [path.join(programs, program), args]
      : ['setpriv', ['--reuid', user, '--regid', user, '--init-groups', path.join(programs, program), ...args]];
  const env = { PATH: process.env.PATH, LC_ALL: 'C.UTF-8' };
  const run = (program: string, args: string[]) =>
    execFileSync(...as(program, args), { cwd: folder, env, stdio: ['ignore', 'pipe', 'pipe'] }).toString();

  run('initdb', ['--pgdata', data, '--username', 'doctor', '--auth', 'trust', '--encoding', 'UTF8', '--no-sync']);
  if (address !== undefined) appendFileSync(path.join(data, 'pg_hba.conf'), 'host all all samenet trust\n');
  let server: ChildProcess | undefined;
  let databases = 0;

  const start = async (): Promise<void> => {
    const settings = [
      '-c',
      `listen_addresses=${address ?? ''}`,
      '-c',
      `unix_socket_directories=${folder}`,
      '-c',
      `max_connections=${connections}`,
    ];
    server = spawn(...as('postgres', ['-D', data, '-F', ...settings]), { cwd: folder, env, stdio: 'ignore' });
    await eventually(() => run('pg_isready', ['--host', folder]), { deadlineMs: 60_000, everyMs: 50 });
  };
  const stop = async (): Promise<void> => {
    const ending = server;
    server = undefined;
    if (ending === undefined) return;
    const exited = new Promise((resolve) => ending.once('exit', resolve));
    // SIGQUIT is an "immediate shutdown", which needs recovery at the next start.
    ending.kill('SIGQUIT');
    await exited;
  };

  await start();
  return {
    createDatabase() {
      const name = `doctor_${++databases}`;
      run('createdb', ['--host', folder, '--username', 'doctor', name]);
      if (address !== undefined) return `postgres://doctor@${address}/${name}`;
      return `postgres://doctor@localhost/${name}?host=${encodeURIComponent(folder)}`;
    },
    stop,
    start,
    async close() {
      await stop();
      rmSync(folder, { recursive: true, force: true });
    },
  };
}
