/** The settings of a container that a deployment may change, from its inspect data. */
import type { ContainerInspectInfo } from 'dockerode';
import type { ContainerSettings } from '../domain/containers.ts';
import { presentableName } from '../redact/presentable-name.ts';

/** Limits memory: the settings of every service are remembered. */
const MAX_MOUNTS = 64;
const MAX_MOUNT_LENGTH = 512;

export function toSettings(info: ContainerInspectInfo): ContainerSettings {
  const host = info.HostConfig;
  return {
    cpuLimit: cpuLimitOf(host),
    pidsLimit: Math.max(0, host.PidsLimit ?? 0),
    mounts: (info.Mounts ?? []).slice(0, MAX_MOUNTS).map(toMount).sort(),
  };
}

function cpuLimitOf({ NanoCpus, CpuQuota, CpuPeriod }: ContainerInspectInfo['HostConfig']): number {
  if (NanoCpus) return NanoCpus / 1e9;
  // The kernel's default period is 100 ms.
  return CpuQuota && CpuQuota > 0 ? CpuQuota / (CpuPeriod || 100_000) : 0;
}

/** The name of an anonymous volume is a hash that changes whenever the container is recreated. */
const ANONYMOUS = /^[0-9a-f]{64}$/;

function toMount({ Name, Source, Destination, RW }: ContainerInspectInfo['Mounts'][number]): string {
  const source = Name ?? Source ?? '';
  const shown = ANONYMOUS.test(source) ? '(anonymous volume)' : source;
  return presentableName(`${shown}:${Destination}${RW === false ? ':ro' : ''}`.slice(0, MAX_MOUNT_LENGTH));
}
