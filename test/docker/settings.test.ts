import type { ContainerInspectInfo } from 'dockerode';
import { describe, expect, it } from 'vitest';
import { toSettings } from '../../src/docker/settings.ts';

const settings = (HostConfig: object, Mounts: object[] = []) =>
  toSettings({ HostConfig, Mounts } as unknown as ContainerInspectInfo);

describe('the settings of a container', () => {
  it('have its limits', () => {
    expect(settings({ NanoCpus: 1_500_000_000, PidsLimit: 100 })).toMatchObject({ cpuLimit: 1.5, pidsLimit: 100 });
    expect(settings({ CpuQuota: 50_000, CpuPeriod: 100_000, PidsLimit: -1 })).toMatchObject({
      cpuLimit: 0.5,
      pidsLimit: 0,
    });
    expect(settings({ PidsLimit: null })).toMatchObject({ cpuLimit: 0, pidsLimit: 0 });
  });

  it('have its mounts; an anonymous volume is the same after the container is recreated', () => {
    const mounts = [
      { Type: 'volume', Name: 'pgdata', Source: '/var/lib/docker/x', Destination: '/data', RW: true },
      { Type: 'bind', Source: '/etc/app.conf', Destination: '/app.conf', RW: false },
      { Type: 'volume', Name: 'a'.repeat(64), Source: '/x', Destination: '/cache', RW: true },
    ];
    expect(settings({}, mounts).mounts).toEqual([
      '(anonymous volume):/cache',
      '/etc/app.conf:/app.conf:ro',
      'pgdata:/data',
    ]);
  });

  it('show no secret in the name of a volume', () => {
    const Name = 'ghp_16C7e42F292c6912E7710c838347Ae178B4a';
    expect(settings({}, [{ Name, Destination: '/x', RW: true }]).mounts.join()).not.toContain(Name);
  });
});
