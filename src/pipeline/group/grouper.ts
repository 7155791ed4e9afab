/**
 * Assigns errors to problems. An error is a known problem, one similar enough to be reported with it, a new one, a
 * habit of the service or, beyond the limit on new ones, part of a log storm.
 *
 * Memory is bounded per service (the least recently seen groups are forgotten) and for the whole agent.
 */
import type { ContainerRef } from '../../domain/containers.ts';
import type { Clock } from '../../lib/time.ts';
import type { LogError } from '../detect/log-error.ts';
import { fingerprintOf, hash64, type ProblemKey, problemKey, serviceKey } from './fingerprint.ts';
import { createFollowUps, type FollowUps } from './follow-ups.ts';
import { countHabit, type Habit, isHabit, meanPerHour, newHabit } from './habit.ts';
import { similarity } from './similarity.ts';
import { createTemplates, type Templates } from './templates.ts';

export type Grouped =
  | { readonly kind: 'new'; readonly fingerprint: string }
  | { readonly kind: 'repeat'; readonly fingerprint: string }
  /** A known habit of the service: counted, not reported again. */
  | { readonly kind: 'habit'; readonly fingerprint: string }
  /** A log storm, with one fingerprint per service. `first`: it has just begun, and its incident is to be opened. */
  | { readonly kind: 'overflow'; readonly fingerprint: string; readonly first: boolean };

/** Two problems reported as one, for an audit. */
export interface Merge {
  readonly service: string;
  readonly from: string;
  readonly into: string;
  /** 0: the texts are not similar, but one error follows from the other. */
  readonly similarity: number;
}

export interface Grouper {
  /** `now`: epoch ms; when lines are replayed, the line's own time. */
  assign(container: ContainerRef, error: LogError, now: number): Grouped;
  /** Returns summaries of errors in this service's storm, oldest first; at most five. */
  samples(container: ContainerRef): readonly string[];
  /** Errors that its service logs regularly. */
  habits(container: ContainerRef, clock: Pick<Clock, 'now' | 'monotonic'>): readonly ServiceHabit[];
  /** Forgets the container's service. */
  forget(container: ContainerRef): void;
  readonly groups: number;
}

export interface ServiceHabit {
  readonly fingerprint: string;
  /** The mean of the last day. */
  readonly perHour: number;
  /** Epoch ms. */
  readonly since: number;
}

export interface GrouperOptions {
  /** Groups remembered per service; default 500. */
  readonly maxGroups?: number;
  /** New problems per service within 60 s; with more it is a storm. Default 20. */
  readonly newGroupsPerMinute?: number;
  onMerge?(merge: Merge): void;
}

/** Services remembered at once. Beyond that the one that was first seen is forgotten. */
const MAX_SERVICES = 2_000;
const MINUTE = 60_000;
/** The most groups, latest first, that a new error is compared with. */
const COMPARED = 48;
/** Summaries kept of a storm. */
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
  /** By the fingerprint of the error itself; a merged one maps to the group it was merged into. */
  readonly groups: Map<string, Group>;
  readonly candidates: Candidate[];
  /** Times of the latest new problems, including those in a storm; at most as many as may come within a minute. */
  readonly fresh: number[];
  /** Fingerprints in the current storm, least recently seen first; empty if there is no storm. */
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

  /** Returns a known problem whose message differs from this one only in values. */
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

  function takeIntoStorm(service: Service, name: string, kind: string, error: LogError, now: number): Grouped {
    const { storm } = service;
    const first = storm.size === 0;
    if (first) service.samples = [];
    // A repeat within the storm is not new and does not prolong the storm.
    if (!storm.delete(kind)) {
      noteFresh(service, now);
      if (service.samples.length < SAMPLES) service.samples.push(error.summary);
    }
    if (storm.size >= maxGroups) storm.delete(storm.values().next().value as string);
    storm.add(kind);
    return { kind: 'overflow', fingerprint: hash64(`${name}\u0000storm`), first };
  }

  return {
    assign(container, error, now) {
      const name = serviceKey(container);
      const service = serviceOf(name);
      const key = problemKey(error);
      const fingerprint = fingerprintOf(name, key);
      const known = service.groups.get(fingerprint);
      if (known !== undefined) {
        service.groups.delete(fingerprint);
        service.groups.set(fingerprint, known);
        service.followUps.saw(container.id, error, known.fingerprint, now);
        return count(known, now);
      }
      if (isStorm(service, now)) return takeIntoStorm(service, name, fingerprint, error, now);
      service.storm.clear();
      const cause = service.followUps.causeOf(container.id, error, now);
      if (cause !== undefined) {
        options.onMerge?.({ service: name, from: fingerprint, into: cause, similarity: 0 });
        return { kind: 'repeat', fingerprint: cause };
      }
      const alike = findAlike(name, service, key, fingerprint);
      if (alike !== undefined) {
        const { group, share } = alike;
        options.onMerge?.({ service: name, from: fingerprint, into: group.fingerprint, similarity: share });
        remember(service, fingerprint, group);
        service.followUps.saw(container.id, error, group.fingerprint, now);
        return count(group, now);
      }
      noteFresh(service, now);
      const group: Group = { fingerprint, habit: newHabit(now) };
      countHabit(group.habit, now);
      remember(service, fingerprint, group);
      if (service.candidates.length >= COMPARED) service.candidates.shift();
      service.candidates.push({ fingerprint, key });
      service.followUps.saw(container.id, error, fingerprint, now);
      return { kind: 'new', fingerprint };
    },
    samples: (container) => services.get(serviceKey(container))?.samples ?? [],
    habits(container, clock) {
      const now = clock.monotonic();
      const groups = new Set(services.get(serviceKey(container))?.groups.values());
      return [...groups]
        .filter(({ habit }) => isHabit(habit, now))
        .map(({ fingerprint, habit }) => ({
          fingerprint,
          perHour: meanPerHour(habit),
          since: clock.now() - (now - habit.firstSeen),
        }));
    },
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
