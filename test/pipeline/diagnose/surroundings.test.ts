import { describe, expect, it } from 'vitest';
import type { ContainerFacts, ContainerRef } from '../../../src/domain/containers.ts';
import type { Signal } from '../../../src/domain/incident.ts';
import type { Clock } from '../../../src/lib/time.ts';
import type { Edge } from '../../../src/pipeline/correlate/graph.ts';
import { createCollector } from '../../../src/pipeline/diagnose/collect.ts';
import { createDependantsOf } from '../../../src/pipeline/diagnose/dependants.ts';
import { createSurroundings, type SurroundingsDeps } from '../../../src/pipeline/diagnose/surroundings.ts';
import { createOpenIncidents, type LiveIncident } from '../../../src/pipeline/incident/open-incidents.ts';
import type { ContainerStats } from '../../../src/pipeline/ports/engine.ts';
import type { DiagnosisContext } from '../../../src/pipeline/ports/model.ts';
import { createRedactor } from '../../../src/redact/redactor.ts';
import { aContainer, aSignal, someFacts } from '../../support/domain.ts';
import { sampleContext } from '../../support/samples.ts';

const NOW = 1_000_000;
const clock = { now: () => NOW, monotonic: () => NOW, sleep: async () => {} };
const shop = (service: string, letter: string): ContainerRef =>
  aContainer({ id: letter.repeat(64), name: `shop-${service}-1`, service, project: 'shop' });
const web = shop('web', 'a');
const db = shop('db', 'b');
const api = shop('api', 'c');
const worker = shop('worker', 'd');
const hang = () => new Promise<never>(() => {});
const API_SECRET = 'swordfish-of-the-api';

function live(container: ContainerRef, signal: Partial<Signal> = {}, repeats = 0): LiveIncident {
  const incidents = createOpenIncidents({ newId: () => 'inc-1', now: clock.now });
  const first = incidents.fold(aSignal({ container, ...signal })).live;
  first.phase = 'handling';
  for (let i = 0; i < repeats; i++) incidents.fold(aSignal({ container, ...signal }));
  return first;
}

const withRecord = (text: string): Partial<Signal> => ({
  record: { time: NOW, stream: 'stderr', text, lines: 1 },
  summary: 'a summary',
});

interface World {
  readonly edges?: readonly Edge[];
  readonly members?: readonly LiveIncident[];
  readonly inspect?: (id: string) => Promise<ContainerFacts | undefined>;
  readonly stats?: ContainerStats['stats'];
  readonly context?: Partial<DiagnosisContext>;
  readonly incidents?: SurroundingsDeps['incidents'];
  readonly sleep?: Clock['sleep'];
  readonly isPrepared?: boolean;
}

const NO_INCIDENTS = { open: () => [] };

function gather({
  edges = [],
  members = [],
  inspect = hang,
  stats = hang,
  context = {},
  incidents = NO_INCIDENTS,
  sleep = clock.sleep,
  isPrepared = false,
}: World) {
  const collector = createCollector({
    control: { inspect, tailLogs: hang },
    redactor: createRedactor(),
    secretsOf: (id) => (id === api.id ? [API_SECRET] : []),
    attempts: { attemptsSince: async () => [] },
    clock,
    logLinesOf: () => 50,
  });
  const deps: SurroundingsDeps = {
    graph: { dependenciesOf: (id) => edges.filter(({ from }) => from.id === id) },
    dependantsOf: createDependantsOf({ edges: () => edges }, clock),
    incidents,
    membersOf: () => members.filter(({ phase }) => phase !== 'settling'),
    timeline: { of: (services) => services.map(({ service }) => ({ at: NOW, container: service, what: 'started' })) },
    configurations: { changesOf: () => undefined },
    control: { inspect, stats },
    redact: collector.redact,
    clock: { ...clock, sleep },
    stopping: new AbortController().signal,
  };
  const failing = live(web);
  const surroundings = createSurroundings(deps);
  if (isPrepared) surroundings.prepare(failing);
  return surroundings.gather(failing, sampleContext(context));
}

describe('the surroundings of an incident', () => {
  const edges: readonly Edge[] = [
    { from: web, to: db, evidence: 'compose' },
    { from: api, to: web, evidence: 'environment' },
    { from: api, to: shop('elsewhere', 'f'), evidence: 'observed' },
  ];

  it('have the first record of each member, the most affected first', async () => {
    const members = [
      live(api, withRecord('ERROR first of api'), 1),
      live(worker, withRecord('ERROR first of worker'), 4),
      live(api, { ...withRecord('ERROR other'), fingerprint: 'f2' }),
      live({ ...web, id: 'e'.repeat(64) }, withRecord('a replica of its own service')),
    ];
    expect((await gather({ members })).members).toEqual([
      { container: 'shop-worker-1', occurrences: 5, record: 'ERROR first of worker' },
      { container: 'shop-api-1', occurrences: 2, record: 'ERROR first of api' },
    ]);
  });

  it('wait for a dependant whose incident is still being looked at', async () => {
    const victim = live(api, withRecord('ERROR first of api'));
    victim.phase = 'settling';
    const found = await gather({
      edges,
      members: [victim],
      incidents: { open: () => [victim] },
      inspect: async () => someFacts(),
      sleep: async () => {
        victim.phase = 'settled';
      },
    });
    expect(found.members?.map(({ container }) => container)).toEqual(['shop-api-1']);
    expect(found.dependants).toEqual([]);
  });

  it('have the names of dependants that have not noticed yet', async () => {
    const found = await gather({ edges, inspect: async () => someFacts() });
    expect(found.dependants).toEqual(['shop-api-1']);
  });

  it('have no secret of a member, and no number of a placeholder that the context uses for another value', async () => {
    const members = [live(api, withRecord(`ERROR cannot log in with ${API_SECRET}`))];
    const context = { logLines: ['logged in with ‹secret:7›'] };
    expect((await gather({ members, context })).members?.[0]?.record).toBe('ERROR cannot log in with ‹secret:8›');
  });

  it('describe a member by its signal if its record is too long to be redacted whole', async () => {
    const members = [live(api, withRecord('x'.repeat(9_000)))];
    expect((await gather({ members })).members?.[0]?.record).toBe('a summary');
  });

  it('have the state of direct dependencies, also of those that are well', async () => {
    const inspect = async () => someFacts({ health: 'healthy', startedAt: 5 });
    expect((await gather({ edges, inspect })).dependencies).toEqual([
      {
        container: 'shop-db-1',
        evidence: 'compose',
        state: { status: 'running', health: 'healthy', startedAt: 5, finishedAt: 0, exitCode: 0 },
      },
    ]);
    const gone = await gather({ edges, inspect: async () => undefined });
    expect(gone.dependencies).toEqual([{ container: 'shop-db-1', evidence: 'compose', state: 'gone' }]);
  });

  it('have the edges between these containers, and their events', async () => {
    const members = [live(api)];
    const found = await gather({ edges, members, inspect: async () => someFacts() });
    expect(found.edges).toEqual([
      { from: 'shop-web-1', to: 'shop-db-1', evidence: 'compose' },
      { from: 'shop-api-1', to: 'shop-web-1', evidence: 'environment' },
    ]);
    expect(found.timeline?.map(({ container }) => container)).toEqual(['web', 'api', 'db']);
  });

  it('lack what a hanging engine does not answer', async () => {
    const found = await gather({ edges, members: [live(api, withRecord('ERROR of api'))] });
    expect(found.dependencies).toEqual([{ container: 'shop-db-1', evidence: 'compose', state: undefined }]);
    expect(found.resources).toBeUndefined();
    expect(found.members?.[0]?.record).toBe('ERROR of api');
  });

  it('do not wait for the statistics of a busy engine', async () => {
    const found = await gather({ edges, inspect: async () => someFacts() });
    expect(found.resources).toBeUndefined();
    expect(found.dependencies?.[0]?.state).toBeDefined();
  });

  it('have the statistics that were asked for when the incident opened, and ask once', async () => {
    let calls = 0;
    const stats = async () => {
      calls += 1;
      return { memory: 5 };
    };
    const { resources } = await gather({ isPrepared: true, stats, inspect: async () => someFacts() });
    expect([resources, calls]).toEqual([{ memory: 5 }, 1]);
  });

  it('lack what a refusing engine does not answer', async () => {
    const refuse = () => Promise.reject(new Error('403'));
    const found = await gather({ edges, inspect: refuse, stats: refuse });
    expect(found.dependencies?.[0]?.state).toBeUndefined();
    expect(found.resources).toBeUndefined();
  });

  it('need no engine that has just not answered, and no statistics of a container that does not run', async () => {
    let calls = 0;
    const count = async () => {
      calls += 1;
      return undefined;
    };
    await gather({ edges, inspect: count, stats: count, context: { facts: undefined } });
    expect(calls).toBe(0);
    await gather({ inspect: count, stats: count, context: { facts: someFacts({ status: 'exited' }) } });
    expect(calls).toBe(0);
  });
});
