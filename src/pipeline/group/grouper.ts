/**
 * Which problem a trouble is: the one known already, one so similar that it is told with it, a new one, a
 * service's habit, or, beyond the limit on new ones, part of a log storm.
 *
 * Memory is bounded per container (the groups least recently seen are forgotten) and for the whole agent.
 */
import type { ContainerRef } from '../../domain.ts';
import type { LogError } from '../detect/log-error.ts';
import { fingerprintOf, hash64, type ProblemKey, problemKey, serviceKey } from './fingerprint.ts';
import { createFollowUps, type FollowUps } from './follow-ups.ts';
import { countHabit, type Habit, newHabit } from './habit.ts';
import { similarity } from './similarity.ts';
import { createTemplates, type Templates } from './templates.ts';

export type Grouped =
  | { readonly kind: 'new'; readonly fingerprint: string }
  | { readonly kind: 'repeat'; readonly fingerprint: string }
  /** Known habit of the service: counted, not told again. */
  | { readonly kind: 'habit'; readonly fingerprint: string }
  /** Log storm: one fingerprint a service; `first`: open the storm's incident. */
  | { readonly kind: 'overflow'; readonly fingerprint: string; readonly first: boolean };

/** Two problems told as one, for whoever audits it. */
export interface Merge {
  readonly service: string;
  readonly from: string;
  readonly into: string;
  /** 0: not similar, but logged as a consequence within the same moments. */
  readonly similarity: number;
}

export interface Grouper {
  /** `now`: epoch ms; the line's own time where lines are replayed. */
  assign(container: ContainerRef, trouble: LogError, now: number): Grouped;
  /** Summaries of troubles that went into the storm of this service, the oldest first; at most five. */
  samples(container: ContainerRef): readonly string[];
  /** Forgets what is known of a container's service. */
  forget(container: ContainerRef): void;
  readonly groups: number;
}

export interface GrouperOptions {
  /** Groups remembered a service; default 500. */
  readonly maxGroups?: number;
  /** New kinds of trouble that a service may have within 60 s; it is a storm while there are more. Default 20. */
  readonly newGroupsPerMinute?: number;
  onMerge?(merge: Merge): void;
}

/** Services remembered at once; the least recently seen is forgotten. */
const MAX_SERVICES = 2_000;
const MINUTE = 60_000;
/** Only so many of the latest groups are compared with a new one. */
const COMPARED = 48;
const SAMPLES = 5;

interface Group {
  readonly fingerprint: string;
  habit: Habit;
}

interface Candidate {
  readonly fingerprint: string;
  readonly key: ProblemKey;
}

interface Service {
  /** By the fingerprint of the record itself; merged ones point to the group they went into. */
  readonly groups: Map<string, Group>;
  readonly candidates: Candidate[];
  /** When the latest new kinds of trouble came, in a storm too; as many as may come within a minute. */
  readonly fresh: number[];
  /** What the storm that is on took in, the least recently seen first; empty: none is on. */
  readonly storm: Set<string>;
  samples: string[];
  readonly followUps: FollowUps;
  readonly templates: Templates;
}

export function createGrouper(options: GrouperOptions = {}): Grouper {
  const maxGroups = options.maxGroups ?? 500;
  const perMinute = options.newGroupsPerMinute ?? 20;
  const services = new Map<string, Service>();

  function serviceOf(key: string): Service {
    const known = services.get(key);
    if (known !== undefined) return known;
    if (services.size >= MAX_SERVICES) services.delete(services.keys().next().value as string);
    const service: Service = {
      groups: new Map(),
      candidates: [],
      fresh: [],
      storm: new Set(),
      samples: [],
      followUps: createFollowUps(),
      templates: createTemplates(),
    };
    services.set(key, service);
    return service;
  }

  function remember(service: Service, fingerprint: string, group: Group): void {
    if (service.groups.size >= maxGroups && !service.groups.has(fingerprint))
      service.groups.delete(service.groups.keys().next().value as string);
    service.groups.set(fingerprint, group);
  }

  function count(group: Group, now: number): Grouped {
    const usual = countHabit(group.habit, now);
    return { kind: usual ? 'habit' : 'repeat', fingerprint: group.fingerprint };
  }

  /** A known problem that the message is another print of. */
  function findAlike(
    name: string,
    service: Service,
    key: ProblemKey,
    fingerprint: string,
  ): { readonly group: Group; readonly share: number } | undefined {
    const template = service.templates.match(key);
    const fitting = template === undefined ? undefined : service.groups.get(template);
    if (fitting !== undefined) return { group: fitting, share: 1 };
    for (let i = service.candidates.length - 1; i >= 0; i--) {
      const candidate = service.candidates[i] as Candidate;
      const share = similarity(key, candidate.key);
      const group = share > 0 ? service.groups.get(candidate.fingerprint) : undefined;
      if (group !== undefined) return { group, share };
    }
    const merged = service.templates.learn(key, fingerprint);
    const group = merged === undefined ? undefined : service.groups.get(merged[0] as string);
    if (merged === undefined || group === undefined) return undefined;
    for (const other of merged.slice(1)) {
      const known = service.groups.get(other);
      if (known === undefined || known === group) continue;
      options.onMerge?.({ service: name, from: known.fingerprint, into: group.fingerprint, similarity: 1 });
      remember(service, other, group);
    }
    return { group, share: 1 };
  }

  const isStorm = ({ fresh }: Service, now: number): boolean =>
    fresh.length === perMinute && now - (fresh[0] as number) < MINUTE;

  function noteFresh({ fresh }: Service, now: number): void {
    if (fresh.length >= perMinute) fresh.shift();
    fresh.push(now);
  }

  function takeIntoStorm(service: Service, name: string, kind: string, trouble: LogError, now: number): Grouped {
    const { storm } = service;
    const first = storm.size === 0;
    if (first) service.samples = [];
    // What repeats within the storm is not new, and keeps no storm going.
    if (!storm.delete(kind)) {
      noteFresh(service, now);
      if (service.samples.length < SAMPLES) service.samples.push(trouble.summary);
    }
    if (storm.size >= maxGroups) storm.delete(storm.values().next().value as string);
    storm.add(kind);
    return { kind: 'overflow', fingerprint: hash64(`${name}\u0000storm`), first };
  }

  return {
    assign(container, trouble, now) {
      const name = serviceKey(container);
      const service = serviceOf(name);
      const key = problemKey(trouble);
      const fingerprint = fingerprintOf(name, key);
      const known = service.groups.get(fingerprint);
      if (known !== undefined) {
        service.groups.delete(fingerprint);
        service.groups.set(fingerprint, known);
        service.followUps.saw(container.id, trouble, known.fingerprint, now);
        return count(known, now);
      }
      if (isStorm(service, now)) return takeIntoStorm(service, name, fingerprint, trouble, now);
      service.storm.clear();
      const cause = service.followUps.causeOf(container.id, trouble, now);
      if (cause !== undefined) {
        options.onMerge?.({ service: name, from: fingerprint, into: cause, similarity: 0 });
        return { kind: 'repeat', fingerprint: cause };
      }
      const alike = findAlike(name, service, key, fingerprint);
      if (alike !== undefined) {
        const { group, share } = alike;
        options.onMerge?.({ service: name, from: fingerprint, into: group.fingerprint, similarity: share });
        remember(service, fingerprint, group);
        service.followUps.saw(container.id, trouble, group.fingerprint, now);
        return count(group, now);
      }
      noteFresh(service, now);
      const group: Group = { fingerprint, habit: newHabit(now) };
      countHabit(group.habit, now);
      remember(service, fingerprint, group);
      if (service.candidates.length >= COMPARED) service.candidates.shift();
      service.candidates.push({ fingerprint, key });
      service.followUps.saw(container.id, trouble, fingerprint, now);
      return { kind: 'new', fingerprint };
    },
    samples: (container) => services.get(serviceKey(container))?.samples ?? [],
    forget(container) {
      services.delete(serviceKey(container));
    },
    get groups() {
      let total = 0;
      for (const service of services.values()) total += service.groups.size;
      return total;
    },
  };
}
