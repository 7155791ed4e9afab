/** The handlers of the reading endpoints. */
import { serviceKey } from '../../domain/containers.ts';
import type { Severity } from '../../domain/diagnosis.ts';
import type { FleetMember } from '../../pipeline/ports/fleet.ts';
import type { ListedIncident } from '../../pipeline/ports/pages.ts';
import type { Snooze } from '../../pipeline/ports/people.ts';
import { ENDPOINTS, type EndpointName } from './endpoints.ts';
import { decodeCursor, encodeCursor, parse, toFilter, toRange } from './parse.ts';
import type { ResponseOf } from './responses.ts';
import type { Container } from './schemas/overview.ts';
import type { ApiSource, KnownContainer, KnownHost } from './source.ts';
import { iso, toRestartRequest, toSnooze } from './views/common.ts';
import { toIncident, toSummary } from './views/incident.ts';
import { toStats, toTimeline } from './views/overview.ts';

export type Answer<T> =
  | { readonly status: 200; readonly body: T }
  | { readonly status: 400 | 403 | 404 | 503; readonly error: string };

export interface ReadRequest {
  readonly query: unknown;
  readonly params: Readonly<Record<string, string | undefined>>;
}

type Reader<Name extends EndpointName> = (request: ReadRequest) => Promise<Answer<ResponseOf<Name>>>;

export type Readers = {
  readonly [Name in
    | 'status'
    | 'incidents'
    | 'incident'
    | 'timeline'
    | 'stats'
    | 'containers'
    | 'graph'
    | 'targets'
    | 'waiting']: Reader<Name>;
};

const HOUR_MS = 3_600_000;
const DAY_MS = 24 * HOUR_MS;
const TIMELINE_INCIDENTS = 2_000;
/** Enough to mark containers with open problems. */
const OPEN_INCIDENTS = 500;

/** Of all hosts: people see and answer what waits anywhere. */
const ALL = { ofFleet: true } as const;

const NO_HOST = { status: 404, error: 'there is no such host, or it has not said what it has' } as const;

const ok = <T>(body: T): Answer<T> => ({ status: 200, body });
const invalid = (error: string) => ({ status: 400, error }) as const;

export function createReaders(source: ApiSource): Readers {
  const { store, now } = source;

  const openIncidents = async (): Promise<readonly ListedIncident[]> =>
    (await store.incidentPage({ state: 'open' }, { limit: OPEN_INCIDENTS })).incidents;

  const ownHost = (): KnownHost => ({
    host: source.host(),
    containers: source.containers(),
    dependencies: source.dependencies(),
  });

  /** `*`: all. Empty if there is no such host. */
  const hostsOf = async (host: string | undefined): Promise<readonly KnownHost[]> => {
    if (host === undefined || host === source.host()) return [ownHost()];
    const others = (await source.hosts?.(host === '*' ? undefined : host)) ?? [];
    return host === '*' ? [ownHost(), ...others] : others;
  };

  /** Containers of two hosts may have the same name. */
  const placeOf = (host: string | undefined, name: string): string => `${host ?? source.host() ?? ''}\n${name}`;

  /** The text of a habit is the redacted summary of the incident that it once opened. */
  const habitsOf = ({ ref, habits }: KnownContainer) =>
    Promise.all(
      habits.map(async ({ fingerprint, perHour, since }) => {
        const known = await store.lastCase({ service: ref.service, project: ref.project, fingerprint });
        return { fingerprint, text: known?.incident.summary ?? null, per_hour: perHour, since: iso(since) };
      }),
    );

  return {
    async status() {
      const agents = source.agents?.() ?? [];
      const [health, open, requests, snoozes] = await Promise.all([
        source.health(),
        agents.length > 1 ? store.incidentPage({ state: 'open' }, { limit: 1 }) : undefined,
        store.waitingRequests(ALL),
        store.snoozes(ALL),
      ]);
      return ok({
        status: health.status,
        problems: [...health.problems],
        version: health.version,
        host: source.host() ?? null,
        mode: health.mode,
        now: iso(now()),
        started_at: health.started_at,
        docker_connected: health.docker_connected,
        watching: [...health.monitoring],
        open_incidents: health.open_incidents,
        open_incidents_of_fleet: open?.total ?? health.open_incidents,
        questions_left_this_hour: health.rate_limit_remaining,
        questions_per_hour: health.rate_limit_limit,
        spent_today_usd: health.spend_today_usd,
        budget_per_day_usd: health.spend_limit_usd,
        alerts_pending: health.outbox_pending,
        agents: agents.map(toAgent),
        restart_requests: requests.map((request) => toRestartRequest(request, source.host())),
        snoozes: snoozes.map((snooze) => toSnooze(snooze, source.host())),
        trace_url: source.traceUrl ?? null,
        grafana_url: source.grafanaUrl ?? null,
      });
    },

    async incidents({ query }) {
      const parsed = parse(ENDPOINTS.incidents.query, query);
      if (!parsed.ok) return invalid(parsed.error);
      const { cursor, limit } = parsed.value;
      const after = cursor === undefined ? undefined : decodeCursor(cursor);
      if (cursor !== undefined && after === undefined) return invalid('cursor must be the next_cursor of a page');
      // One more than asked for shows whether there is another page.
      const { incidents, total } = await store.incidentPage(toFilter(parsed.value), { limit: limit + 1, after });
      const page = incidents.slice(0, limit);
      const context = { host: source.host(), waits: source.waits() };
      const last = page.at(-1)?.incident;
      return ok({
        incidents: page.map((one) => toSummary(one, context)),
        total,
        next_cursor: incidents.length > limit && last ? encodeCursor(last) : null,
      });
    },

    async incident({ params }) {
      const id = params.id ?? '';
      const listed = await store.findIncident(id);
      if (listed === undefined) return { status: 404, error: `there is no incident with this id; it may be too old` };
      const [records, related, requests, snoozes, audit] = await Promise.all([
        store.incidentRecords(id),
        store.relatedIncidents(listed.incident),
        store.requestsOf(id),
        store.snoozes(ALL),
        store.auditOf(id),
      ]);
      const { container, fingerprint } = listed.incident;
      const own = snoozesOf(snoozes, serviceKey(container)).filter(
        (snooze) => snooze.fingerprint === undefined || snooze.fingerprint === fingerprint,
      );
      return ok(
        toIncident({
          listed,
          records,
          related,
          requests,
          snoozes: own,
          audit,
          host: source.host(),
          waits: source.waits(),
          traceUrl: source.traceUrl,
        }),
      );
    },

    async timeline({ query }) {
      const parsed = parse(ENDPOINTS.timeline.query, query);
      if (!parsed.ok) return invalid(parsed.error);
      const range = toRange(parsed.value, now(), DAY_MS);
      if (!range.ok) return invalid(range.error);
      const { service, container, host } = parsed.value;
      const stored = await store.timeline(range.value, { service, container, host }, TIMELINE_INCIDENTS + 1);
      return ok(toTimeline(range.value, stored, TIMELINE_INCIDENTS));
    },

    async stats({ query }) {
      const parsed = parse(ENDPOINTS.stats.query, query);
      if (!parsed.ok) return invalid(parsed.error);
      const range = toRange(parsed.value, now(), 30 * DAY_MS);
      if (!range.ok) return invalid(range.error);
      return ok(
        toStats(range.value, await store.stats({ ...range.value, host: parsed.value.host }), source.budgetPerDayUsd),
      );
    },

    async containers({ query }) {
      const parsed = parse(ENDPOINTS.containers.query, query);
      if (!parsed.ok) return invalid(parsed.error);
      const isAll = parsed.value.host === '*';
      const hosts = await hostsOf(parsed.value.host);
      if (hosts.length === 0) return NO_HOST;
      const [open, snoozes] = await Promise.all([openIncidents(), store.snoozes(ALL)]);
      const ids = new Map<string, string[]>();
      for (const { incident } of open) {
        const key = placeOf(incident.container.host, incident.container.name);
        ids.set(key, [...(ids.get(key) ?? []), incident.id]);
      }
      const snoozed = Map.groupBy(snoozes, ({ service }) => serviceKey(service));
      const all = hosts.flatMap(({ host, containers }) =>
        containers.map((known) => ({ known, shown: toContainer(known, host) })),
      );
      // All hosts may have thousands: no promise for each.
      if (isAll) return ok({ containers: all.map(({ shown }) => shown) });
      const withDetails = all.map(async ({ known, shown }) => ({
        ...shown,
        policy: known.policy,
        habits: await habitsOf(known),
      }));
      return ok({ containers: await Promise.all(withDetails) });

      function toContainer(known: KnownContainer, host: string | undefined): Container {
        const { id, name, service, project, image } = known.ref;
        return {
          id,
          name,
          service,
          project: project ?? null,
          image,
          host: host ?? null,
          status: known.status,
          health: known.health,
          is_watched: known.isWatched,
          open_incidents: ids.get(placeOf(host, name)) ?? [],
          policy: [],
          warnings: [...known.warnings],
          habits: [],
          snoozes: (snoozed.get(serviceKey(known.ref)) ?? []).map((snooze) => toSnooze(snooze, source.host())),
        };
      }
    },

    async graph({ query }) {
      const parsed = parse(ENDPOINTS.graph.query, query);
      if (!parsed.ok) return invalid(parsed.error);
      const [known] = await hostsOf(parsed.value.host);
      if (known === undefined) return NO_HOST;
      const { host, containers: existing, dependencies: edges } = known;
      const isHere = ({ incident: { container } }: ListedIncident) => placeOf(container.host, '') === placeOf(host, '');
      const worst = worstByContainer((await openIncidents()).filter(isHere));
      const status = new Map(existing.map((known) => [known.ref.name, known.status]));
      const refs = new Map(
        [...edges.flatMap(({ from, to }) => [from, to]), ...existing.map(({ ref }) => ref)].map((ref) => [
          ref.name,
          ref,
        ]),
      );
      return ok({
        host: host ?? null,
        containers: [...refs.values()]
          .sort((one, other) => (one.name < other.name ? -1 : 1))
          .map(({ name, service, project }) => {
            const incident = worst.get(name);
            return {
              name,
              service,
              project: project ?? null,
              status: status.get(name) ?? null,
              open_incident: incident?.incident.id ?? null,
              severity: incident?.diagnosis?.severity ?? null,
            };
          }),
        edges: edges.map(({ from, to, evidence }) => ({ from: from.name, to: to.name, evidence })),
      });
    },

    async targets() {
      const agents = source.agents?.();
      // An empty list would remove all targets. After an error, Prometheus keeps those that it has.
      if (agents?.length === 0) return { status: 503, error: 'the other agents are not known yet' };
      return ok((agents ?? []).flatMap(toTarget));
    },

    async waiting() {
      const [requests, snoozes] = await Promise.all([store.waitingRequests(ALL), store.snoozes(ALL)]);
      return ok({
        restart_requests: requests.map((request) => toRestartRequest(request, source.host())),
        snoozes: snoozes.map((snooze) => toSnooze(snooze, source.host())),
      });
    },
  };
}

function toAgent({ name, id, version, isSilent, startedAt, seenAt }: FleetMember) {
  const state = isSilent ? ('silent' as const) : ('alive' as const);
  return { host: name, id, version, state, started_at: iso(startedAt), last_seen_at: iso(seenAt) };
}

function toTarget({ name, version, isSilent, metricsAddress }: FleetMember): ResponseOf<'targets'> {
  if (metricsAddress === undefined) return [];
  const labels = {
    instance: name,
    __meta_container_doctor_version: version,
    __meta_container_doctor_state: isSilent ? ('silent' as const) : ('alive' as const),
  };
  return [{ targets: [metricsAddress], labels }];
}

function snoozesOf(snoozes: readonly Snooze[], key: string): readonly Snooze[] {
  return snoozes.filter(({ service }) => serviceKey(service) === key);
}

const RANK: Readonly<Record<Severity, number>> = { low: 1, medium: 2, high: 3 };

function worstByContainer(open: readonly ListedIncident[]): ReadonlyMap<string, ListedIncident> {
  const rank = ({ diagnosis }: ListedIncident) => (diagnosis === undefined ? 0 : RANK[diagnosis.severity]);
  const worst = new Map<string, ListedIncident>();
  for (const one of open) {
    const { name } = one.incident.container;
    const known = worst.get(name);
    if (known === undefined || rank(one) > rank(known)) worst.set(name, one);
  }
  return worst;
}
