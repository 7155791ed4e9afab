import { describe, expect, it } from 'vitest';
import { parse } from 'yaml';
import { SETTINGS } from '../../src/config/settings.ts';
import { readComposeFile, readRepositoryFile } from './compose-file.ts';

interface SwarmService {
  readonly image: string;
  readonly command?: readonly string[];
  readonly environment?: Readonly<Record<string, string>>;
  readonly volumes?: readonly string[];
  readonly secrets?: readonly string[];
  readonly cap_drop?: readonly string[];
  readonly read_only?: boolean;
  readonly deploy: { readonly mode?: string };
}

const swarm = parse(readRepositoryFile('docs/deploy/swarm.yaml'), { merge: true }) as {
  readonly services: Readonly<Record<'doctor' | 'socket-proxy' | 'db', SwarmService>>;
  readonly secrets: Readonly<Record<string, unknown>>;
};
const { doctor, 'socket-proxy': proxy } = swarm.services;
const compose = readComposeFile().services;

describe('docs/deploy/swarm.yaml', () => {
  it('has an agent and a proxy on every node, without rights of their own', () => {
    for (const service of [doctor, proxy]) {
      expect(service).toMatchObject({ cap_drop: ['ALL'], read_only: true, deploy: { mode: 'global' } });
    }
    expect(proxy.image).toBe(compose['socket-proxy']?.image);
  });

  it('lets the agent reach the engine of its own node only, and only through the proxy', () => {
    const socket = '/run/doctor/docker.sock';
    expect(doctor.environment?.DOCKER_HOST).toBe(`unix://${socket}`);
    expect(proxy.command).toContain(`-proxysocketendpoint=${socket}`);
    expect(doctor.volumes).toContain('doctor-engine:/run/doctor');
    expect(doctor.volumes?.some((volume) => volume.includes('docker.sock'))).toBe(false);
    const allowed = (command: readonly string[] = []) => command.filter((option) => option.startsWith('-allowGET'));
    expect(allowed(proxy.command)).toEqual(allowed(compose['socket-proxy']?.command));
    expect(proxy.command?.some((option) => /allow(POST|PUT|DELETE).*restart/.test(option))).toBe(false);
  });

  it('sets settings that exist, names each agent by its node, and has secrets in files only', () => {
    const names = Object.keys(doctor.environment ?? {});
    expect(names.filter((name) => !(name.replace(/_FILE$/, '') in SETTINGS))).toEqual([]);
    expect(doctor.environment?.AGENT_NAME).toBe('{{.Node.Hostname}}');
    for (const secret of ['DATABASE_URL', 'SLACK_WEBHOOK_URL', 'ANTHROPIC_API_KEY', 'HTTP_TOKEN']) {
      const file = doctor.environment?.[`${secret}_FILE`] ?? '';
      expect(doctor.secrets).toContain(file.replace('/run/secrets/', ''));
      expect(names).not.toContain(secret);
    }
    const used = Object.values(swarm.services).flatMap(({ secrets = [] }) => secrets);
    expect([...new Set(used)].sort()).toEqual(Object.keys(swarm.secrets).sort());
  });
});
