/**
 * Remembers the configuration of each service, in memory, to tell what has changed since it last worked. Names and limits
 * only: values of environment variables are not kept.
 */
import { type ContainerFacts, type ContainerRef, type ServiceRef, serviceKey } from '../../domain/containers.ts';
import { dropOldest } from '../../lib/bounded.ts';
import type { ConfigurationChange, ServiceChanges } from '../ports/model.ts';

export interface ConfigurationHistory {
  /** After every inspect. */
  inspected(container: ContainerRef, facts: ContainerFacts, now: number): void;
  /** Undefined if nothing is known of the service, or if its last change was long ago. */
  changesOf(service: ServiceRef, now: number): ServiceChanges | undefined;
  /** Changes whenever a configuration does. */
  revision(): number;
  toJson(): string;
  /** Adds what `toJson` returned in an earlier run. Throws an error if it is something else. */
  restore(json: string): void;
}

interface Configuration {
  readonly image: string;
  readonly imageId: string;
  readonly command: string;
  readonly environment: readonly string[];
  readonly memory: number;
  readonly cpus: number;
  readonly pids: number;
  readonly mounts: readonly string[];
  readonly networks: readonly string[];
  readonly composeHash: string;
}

interface Version {
  readonly configuration: Configuration;
  readonly containerId: string;
  readonly startedAt: number;
  readonly firstSeenAt: number;
  lastSeenAt: number;
}

/** As stored: the service's key, and its two versions. */
type StoredEntry = readonly [string, Entry];

/** Of the stored form. Other formats are ignored. */
const FORMAT = 1;

interface Entry {
  /** The last configuration that was in force for GOOD_AFTER_MS, or the first one known. */
  good?: Version;
  current: Version;
}

/** Differs if anything in the service's compose configuration does, values of variables included. */
const COMPOSE_HASH_LABEL = 'com.docker.compose.config-hash';
/** A few KB each. */
const MAX_SERVICES = 1_000;
/** One value in the store holds them all. */
const MAX_STORED = 500;
const MAX_NAMES = 200;
/** A configuration that was in force this long before it was replaced is taken to have worked. */
const GOOD_AFTER_MS = 10 * 60_000;
/** A change is unlikely to be the cause of a problem that shows later than this. */
const RELEVANT_MS = 7 * 24 * 3_600_000;

export function createConfigurationHistory(): ConfigurationHistory {
  const entries = new Map<string, Entry>();
  let revision = 0;

  return {
    inspected(container, facts, now) {
      const key = serviceKey(container);
      const configuration = toConfiguration(container, facts);
      const seen: Version = {
        configuration,
        containerId: container.id,
        startedAt: facts.startedAt,
        firstSeenAt: now,
        lastSeenAt: now,
      };
      const entry = entries.get(key);
      if (entry === undefined) {
        entries.set(key, { current: seen });
        revision += 1;
        dropOldest(entries, MAX_SERVICES);
        return;
      }
      const { current } = entry;
      if (compare(current.configuration, configuration).length === 0) {
        current.lastSeenAt = now;
        return;
      }
      // During a rolling update, the container that is being replaced may be inspected again.
      if (current.containerId !== container.id && facts.startedAt < current.startedAt) return;
      if (entry.good === undefined || now - current.firstSeenAt >= GOOD_AFTER_MS) entry.good = current;
      entry.current = seen;
      revision += 1;
    },

    changesOf(service, now) {
      const entry = entries.get(serviceKey(service));
      if (entry === undefined) return undefined;
      const { good, current } = entry;
      const changes = good === undefined ? [] : compare(good.configuration, current.configuration);
      if (good === undefined || changes.length === 0) {
        return { changes: [], from: current.firstSeenAt, to: current.firstSeenAt };
      }
      if (now - current.firstSeenAt > RELEVANT_MS) return undefined;
      return { changes, from: good.lastSeenAt, to: current.firstSeenAt };
    },

    revision: () => revision,
    toJson: () => JSON.stringify({ format: FORMAT, entries: [...entries].slice(-MAX_STORED) }),

    restore(json) {
      const stored = JSON.parse(json) as { readonly format: unknown; readonly entries: readonly StoredEntry[] };
      if (stored.format !== FORMAT) return;
      for (const [key, entry] of stored.entries) if (!entries.has(key)) entries.set(key, entry);
      dropOldest(entries, MAX_SERVICES);
    },
  };
}

function toConfiguration(container: ContainerRef, facts: ContainerFacts): Configuration {
  const { settings, topology } = facts;
  return {
    image: facts.image ?? container.image,
    imageId: facts.imageId ?? '',
    command: facts.commandKey,
    environment: [...facts.environmentNames].sort().slice(0, MAX_NAMES),
    memory: facts.memoryLimit,
    cpus: settings?.cpuLimit ?? 0,
    pids: settings?.pidsLimit ?? 0,
    mounts: settings?.mounts ?? [],
    networks: topology.networks.map(({ name }) => name).sort(),
    composeHash: container.labels[COMPOSE_HASH_LABEL] ?? '',
  };
}

function compare(before: Configuration, after: Configuration): readonly ConfigurationChange[] {
  const changes: ConfigurationChange[] = [];
  const value = (setting: string, from: string, to: string): void => {
    if (from !== to) changes.push({ setting, before: from, after: to });
  };
  const list = (setting: string, from: readonly string[], to: readonly string[]): void => {
    const added = to.filter((name) => !from.includes(name));
    const removed = from.filter((name) => !to.includes(name));
    if (added.length > 0 || removed.length > 0) changes.push({ setting, added, removed });
  };
  value('image', before.image, after.image);
  if (before.imageId !== '' && after.imageId !== '') {
    value('image id', shortDigest(before.imageId), shortDigest(after.imageId));
  }
  if (before.command !== after.command) changes.push({ setting: 'command' });
  list('environment variables', before.environment, after.environment);
  value('memory limit', megabytes(before.memory), megabytes(after.memory));
  value('CPU limit', limit(before.cpus), limit(after.cpus));
  value('limit of processes', limit(before.pids), limit(after.pids));
  list('mounts', before.mounts, after.mounts);
  list('networks', before.networks, after.networks);
  if (before.composeHash !== after.composeHash && before.composeHash !== '' && after.composeHash !== '') {
    changes.push({ setting: 'configuration of the service in compose (its hash; values of variables count too)' });
  }
  return changes;
}

function shortDigest(id: string): string {
  return id.replace(/^sha256:/, '').slice(0, 12);
}

function megabytes(bytes: number): string {
  return bytes > 0 ? `${Math.round(bytes / 2 ** 20)} MiB` : 'none';
}

function limit(count: number): string {
  return count > 0 ? String(count) : 'none';
}
