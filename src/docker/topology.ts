/** A container's connections to others, from its inspect data. */
import type { ContainerInspectInfo } from 'dockerode';
import type { Topology } from '../domain/containers.ts';

const MAX_HOSTS = 64;
/** Port ranges can have thousands. */
const MAX_PORTS = 64;
const DEPENDS_ON_LABEL = 'com.docker.compose.depends_on';

export function toTopology(
  info: ContainerInspectInfo,
  environment: readonly { readonly name: string; readonly value: string }[],
): Topology {
  const mode = info.HostConfig.NetworkMode ?? '';
  const published = publishedPorts(info, mode);
  return {
    networks: Object.entries(info.NetworkSettings?.Networks ?? {}).map(([name, network]) => ({
      name,
      address: network.IPAddress ?? '',
      aliases: aliasesOf(network),
    })),
    ...(mode.startsWith('container:') && { sharesNetworkOf: mode.slice('container:'.length) }),
    links: ((info.HostConfig.Links ?? []) as string[]).map((link) => (link.split(':')[0] ?? '').replace(/^\//, '')),
    dependsOn: servicesIn(info.Config.Labels?.[DEPENDS_ON_LABEL] ?? ''),
    environmentHosts: environmentHosts(environment),
    ...(published.length > 0 && { published }),
  };
}

type Bindings = Readonly<Record<string, readonly { HostIp?: string; HostPort?: string }[] | null>>;

/** Ports that other hosts can reach. The engine forgets those that it chose itself when the container ends. */
function publishedPorts(info: ContainerInspectInfo, mode: string): readonly number[] {
  const configured: Bindings = info.HostConfig.PortBindings ?? {};
  const current: Bindings = info.NetworkSettings?.Ports ?? {};
  const exposed = mode === 'host' ? Object.keys(info.Config.ExposedPorts ?? {}).map((port) => parseInt(port, 10)) : [];
  const bound = [...Object.values(configured), ...Object.values(current)].flatMap((bindings) =>
    (bindings ?? []).flatMap(({ HostIp = '', HostPort = '' }) => (isLocal(HostIp) ? [] : [Number(HostPort)])),
  );
  return [...new Set([...exposed, ...bound])].filter((port) => port > 0).slice(0, MAX_PORTS);
}

function isLocal(address: string): boolean {
  return address.startsWith('127.') || address === '::1';
}

/** Docker 25 and later add `DNSNames`, which includes the container's name; before, only `Aliases` existed. */
function aliasesOf(network: object): readonly string[] {
  const { Aliases, DNSNames } = network as { Aliases?: string[] | null; DNSNames?: string[] | null };
  return [...new Set([...(Aliases ?? []), ...(DNSNames ?? [])].map((alias) => alias.toLowerCase()))];
}

/** A service that has to end before this one starts: nothing depends on it later. */
const RUNS_BEFORE = 'service_completed_successfully';

/** `db:service_healthy:false,cache:service_started:true` → `db`, `cache`. */
function servicesIn(label: string): readonly string[] {
  return label.split(',').flatMap((entry) => {
    const [service = '', condition] = entry.split(':');
    return service.trim() === '' || condition === RUNS_BEFORE ? [] : [service.trim()];
  });
}

const HOST = /^[a-z0-9](?:[a-z0-9_.-]{0,252}[a-z0-9])?$/;

/**
 * The hosts in values of environment variables: of URLs and connection strings (`postgres://user:pw@db/x`, several
 * hosts too), of `host:port` lists, and of variables named like `DB_HOST`.
 */
export function environmentHosts(
  environment: readonly { readonly name: string; readonly value: string }[],
): readonly string[] {
  const hosts = new Set<string>();
  const add = (host: string): void => {
    const lower = host.toLowerCase();
    if (hosts.size < MAX_HOSTS && HOST.test(lower)) hosts.add(lower);
  };
  for (const { name, value } of environment) {
    const text = value.slice(0, 2_048);
    for (const [, authority = ''] of text.matchAll(/[a-z][a-z0-9+.-]{1,30}:\/\/([^\s/?#'"]{1,500})/gi)) {
      const listed = authority.slice(authority.lastIndexOf('@') + 1);
      for (const part of listed.split(',')) add(part.replace(/:\d{1,5}$/, ''));
    }
    for (const [, host = ''] of text.matchAll(
      /\b(?:host|server|data source|addr(?:ess)?)\s?=\s?(?:tcp:)?([A-Za-z0-9_.-]{1,253})/gi,
    ))
      add(host);
    if (/^[A-Za-z0-9_.-]+:\d{1,5}(?:,[A-Za-z0-9_.-]+:\d{1,5})*$/.test(text)) {
      for (const part of text.split(',')) add(part.replace(/:\d{1,5}$/, ''));
    }
    if (/(?:HOST|HOSTNAME|SERVER|ADDR|ADDRESS|ENDPOINT|URL|SERVICE|BROKERS?|NODES?)$/i.test(name)) {
      const parts = text.split(/[\s,]+/).map((part) => part.replace(/:\d{1,5}$/, '').toLowerCase());
      if (parts.every((part) => HOST.test(part))) parts.forEach(add);
    }
  }
  return [...hosts];
}
