/** Which container this process runs in, so that the doctor never watches or restarts itself. */
import { readFile } from 'node:fs/promises';
import { hostname } from 'node:os';

/** What a process can see of its own container. */
export interface OwnTraces {
  /** `/proc/self/mountinfo` */
  readonly mountinfo: string;
  /** `/proc/self/cgroup` */
  readonly cgroup: string;
  readonly hostname: string;
}

/** The full id, or its first 12 digits; undefined outside of a container. */
export async function findOwnContainerId(): Promise<string | undefined> {
  const read = (file: string) => readFile(file, 'utf8').catch(() => '');
  const [mountinfo, cgroup] = await Promise.all([read('/proc/self/mountinfo'), read('/proc/self/cgroup')]);
  return ownContainerId({ mountinfo, cgroup, hostname: hostname() });
}

/** Engines mount these files of theirs, each from a folder named for the container. */
const MOUNTED_FILES = new Set(['/etc/hostname', '/etc/hosts', '/etc/resolv.conf', '/run/.containerenv']);
const ID_IN_FOLDER = /\/(?:containers|overlay-containers|sandboxes)\/([0-9a-f]{64})\//;
const ID_IN_CGROUP = /[/:-]([0-9a-f]{64})(?:\.scope)?(?:\/|$)/;

export function ownContainerId({ mountinfo, cgroup, hostname }: OwnTraces): string | undefined {
  // First, as it tells the same under cgroup v1, v2 and a private cgroup namespace. Other mounts do not
  // count: on the host itself those of every container show.
  for (const line of mountinfo.split('\n')) {
    const [, , , root = '', mountPoint = ''] = line.split(' ');
    if (!MOUNTED_FILES.has(mountPoint)) continue;
    const id = ID_IN_FOLDER.exec(root)?.[1];
    if (id !== undefined) return id;
  }
  for (const line of cgroup.split('\n')) {
    // An engine within a container: the innermost is ours.
    const path = line.split(':').slice(2).join(':');
    const id = path
      .split('/')
      .map((part) => ID_IN_CGROUP.exec(`/${part}`)?.[1])
      .findLast((found) => found !== undefined);
    if (id !== undefined) return id;
  }
  // Engines name a container's host after it, unless told otherwise.
  return /^[0-9a-f]{12}$/.test(hostname) ? hostname : undefined;
}
