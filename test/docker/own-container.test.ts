import { describe, expect, it } from 'vitest';
import { ownContainerId } from '../../src/docker/own-container.ts';

const ID = '3f0c'.repeat(16);
const OTHER = 'beef'.repeat(16);
const mount = (root: string, mountPoint: string) => `1 2 8:1 ${root} ${mountPoint} rw,relatime - ext4 /dev/sda1 rw`;

describe('the agent’s own container', () => {
  it.each([
    {
      where: 'Docker, cgroup v2 with a private namespace',
      mountinfo: `${mount('/', '/')}\n${mount(`/var/lib/docker/containers/${ID}/hostname`, '/etc/hostname')}`,
      cgroup: '0::/',
      hostname: 'doctor',
      id: ID,
    },
    {
      where: 'Docker, cgroup v1',
      mountinfo: '',
      cgroup: `12:memory:/docker/${ID}\n1:name=systemd:/docker/${ID}`,
      hostname: 'doctor',
      id: ID,
    },
    {
      where: 'Docker with systemd',
      mountinfo: '',
      cgroup: `0::/system.slice/docker-${ID}.scope`,
      hostname: 'doctor',
      id: ID,
    },
    {
      where: 'Docker in Docker',
      mountinfo: '',
      cgroup: `3:cpu:/docker/${OTHER}/docker/${ID}`,
      hostname: 'doctor',
      id: ID,
    },
    {
      where: 'Podman',
      mountinfo: mount(`/containers/storage/overlay-containers/${ID}/userdata/hostname`, '/etc/hostname'),
      cgroup: '0::/',
      hostname: 'doctor',
      id: ID,
    },
    {
      where: 'Podman by cgroup',
      mountinfo: '',
      cgroup: `0::/machine.slice/libpod-${ID}.scope/container`,
      hostname: 'doctor',
      id: ID,
    },
    {
      where: 'containerd under Kubernetes',
      mountinfo: '',
      cgroup: `0::/kubepods.slice/kubepods-besteffort.slice/cri-containerd-${ID}.scope`,
      hostname: 'doctor-5f7',
      id: ID,
    },
    {
      where: 'only the host name that the engine gave',
      mountinfo: '',
      cgroup: '0::/',
      hostname: '3f0c3f0c3f0c',
      id: '3f0c3f0c3f0c',
    },
    {
      where: 'the host itself, where the mounts of every container are visible',
      mountinfo: mount('/', `/var/lib/docker/containers/${OTHER}/mounts/shm`),
      cgroup: '0::/user.slice/user-0.slice/session-1.scope',
      hostname: 'server-1',
      id: undefined,
    },
  ])('is found: $where', ({ mountinfo, cgroup, hostname, id }) => {
    expect(ownContainerId({ mountinfo, cgroup, hostname })).toBe(id);
  });
});
