/** Finds the container that this process runs in, so that the agent never watches or restarts itself. */
import { readFile } from 'node:fs/promises';
import { hostname } from 'node:os';

/** Where a process can see its own container's id. */
interface OwnContainerHints {
  /** `/proc/self/mountinfo` */
  readonly mountinfo: string;
  /** `/proc/self/cgroup` */
  readonly cgroup: string;
  readonly hostname: string;
}

/** Resolves to the full id or its first 12 digits; undefined outside a container. */
export async function findOwnContainerId(): Promise<string | undefined> {
  const read = (file: string) => readFile(file, 'utf8').catch(() => '');
  const [mountinfo, cgroup] = await Promise.all([read('/proc/self/mountinfo'), read('/proc/self/cgroup')]);
  return ownContainerId({ mountinfo, cgroup, hostname: hostname() });
}

/** Engines mount these files into every container, each from a folder whose name is the container's id. */
const MOUNTED_FILES = new Set(['/etc/hostname', '/etc/hosts', '/etc/resolv.conf', '/run/.containerenv']);
const ID_IN_FOLDER = /\/(?:containers|overlay-containers|sandboxes)\/([0-9a-f]{64})\//;
const ID_IN_CGROUP = /[/:-]([0-9a-f]{64})(?:\.scope)?(?:\/|$)/;

export function ownContainerId({ mountinfo, cgroup, hostname }: OwnContainerHints): string | undefined {
  // Mounts come first, as they are the same under cgroup v1, v2 and in a private cgroup namespace. Other mounts are
  // ignored: on the host itself, those of every container are visible.
  for (const line of mountinfo.split('\n')) {
    const [, , , root = '', mountPoint = ''] = line.split(' ');
    if (!MOUNTED_FILES.has(mountPoint)) continue;
    const id = ID_IN_FOLDER.exec(root)?.[1];
    if (id !== undefined) return id;
  }
  for (const line of cgroup.split('\n')) {
    // With an engine inside a container, the last id is the innermost container's.
    const path = line.split(':').slice(2).join(':');
    const id = path
      .split('/')
      .map((part) => ID_IN_CGROUP.exec(`/${part}`)?.[1])
      .findLast((found) => found !== undefined);
    if (id !== undefined) return id;
  }
  // The default host name of a container is its short id.
  return /^[0-9a-f]{12}$/.test(hostname) ? hostname : undefined;
}
