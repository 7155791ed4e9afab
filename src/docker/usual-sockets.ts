/** The sockets that engines usually listen on, for an error message when the configured one does not exist. */
import { existsSync } from 'node:fs';
import path from 'node:path';

export interface UserFolders {
  /** The user's home directory. */
  readonly home?: string;
  /** `XDG_RUNTIME_DIR` */
  readonly runtimeDir?: string;
}

/** Returns what to do about a missing socket: names the usual sockets that exist. */
export function adviseOnMissingSocket(
  missing: string,
  { home, runtimeDir }: UserFolders,
  exists: (file: string) => boolean = existsSync,
): string {
  const usual: readonly (readonly [string, string])[] = [
    ['Docker', '/var/run/docker.sock'],
    ...(runtimeDir ? [['rootless Docker', path.join(runtimeDir, 'docker.sock')] as const] : []),
    ...(home ? [['Docker Desktop', path.join(home, '.docker/run/docker.sock')] as const] : []),
    ...(home ? [['Docker Desktop', path.join(home, '.docker/desktop/docker.sock')] as const] : []),
    ['Podman', '/run/podman/podman.sock'],
    ...(runtimeDir ? [['rootless Podman', path.join(runtimeDir, 'podman/podman.sock')] as const] : []),
  ];
  const found = usual.filter(([, file]) => file !== missing && exists(file));
  if (found.length === 0) return `there is no socket at ${missing}, nor at any usual place; is the engine running?`;
  const names = found.map(([engine, file]) => `unix://${file} (${engine})`).join(', ');
  return `there is no socket at ${missing}, but there is ${names}: set DOCKER_HOST to it`;
}
