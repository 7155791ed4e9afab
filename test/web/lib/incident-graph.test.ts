import { describe, expect, it } from 'vitest';
import { incidentGraph, inWords } from '../../../src/web/lib/incident-graph.ts';
import type { Incident, IncidentSummary } from '../../../src/web/lib/types.ts';

const summary = (id: string, container: string, cause: IncidentSummary['cause'] = null) =>
  ({ id, container, cause }) as IncidentSummary;

/** Only what the graph reads. */
const incident = (over: Partial<Incident>) =>
  ({
    container: 'api',
    cause: null,
    cause_incident: null,
    members: [],
    member_incidents: [],
    graph: null,
    ...over,
  }) as Incident;

const becauseOf = (id: string, evidence: 'compose' | 'observed' = 'compose') =>
  ({ kind: 'incident', incident_id: id, evidence, host: null }) as const;

const roles = (given: Incident) =>
  Object.fromEntries(incidentGraph(given)?.nodes.map(({ name, role }) => [name, role]) ?? []);

describe('the graph of an incident', () => {
  it('is absent if only one container is concerned', () => {
    expect(incidentGraph(incident({}))).toBeUndefined();
    const graph = { containers: [{ name: 'api', role: 'self' as const, state: null }], edges: [] };
    expect(incidentGraph(incident({ graph }))).toBeUndefined();
  });

  it('names the container as the cause if others suffer from it, and links their incidents', () => {
    const given = incident({
      members: [{ container: 'web', occurrences: 2 }],
      member_incidents: [summary('m', 'web', becauseOf('root'))],
    });
    expect(incidentGraph(given)).toEqual({
      nodes: [
        { name: 'api', role: 'cause' },
        { name: 'web', role: 'member', incidentId: 'm' },
      ],
      edges: [{ from: 'web', to: 'api', evidence: 'compose' }],
    });
    expect(inWords(incidentGraph(given) ?? { nodes: [], edges: [] })).toBe(
      'api is the cause. Affected: web. web depends on api, known from the Compose file.',
    );
  });

  it('leads from an affected container to the incident that is the cause', () => {
    const given = incident({ cause: becauseOf('root', 'observed'), cause_incident: summary('root', 'db') });
    expect(incidentGraph(given)).toEqual({
      nodes: [
        { name: 'db', role: 'cause', incidentId: 'root' },
        { name: 'api', role: 'self' },
      ],
      edges: [{ from: 'api', to: 'db', evidence: 'observed' }],
    });
  });

  it('keeps the state of each container and does not draw a second way between two of them', () => {
    const given = incident({
      cause: becauseOf('root'),
      cause_incident: summary('root', 'db'),
      graph: {
        containers: [
          { name: 'api', role: 'self', state: null },
          { name: 'pool', role: 'dependency', state: 'running' },
          { name: 'db', role: 'dependency', state: 'exited' },
        ],
        edges: [
          { from: 'api', to: 'pool', evidence: 'compose' },
          { from: 'pool', to: 'db', evidence: 'environment' },
          { from: 'db', to: 'api', evidence: 'observed' },
        ],
      },
    });
    expect(incidentGraph(given)?.edges).toHaveLength(3);
    expect(incidentGraph(given)?.nodes[0]).toEqual({ name: 'db', role: 'cause', state: 'exited', incidentId: 'root' });
  });

  it('connects what depends on the container, and what it depends on, also if nobody recorded how that is known', () => {
    const given = incident({
      graph: {
        containers: [
          { name: 'api', role: 'self', state: null },
          { name: 'web', role: 'dependant', state: null },
          { name: 'db', role: 'dependency', state: 'running' },
        ],
        edges: [],
      },
    });
    expect(incidentGraph(given)?.edges).toEqual([
      { from: 'web', to: 'api' },
      { from: 'api', to: 'db' },
    ]);
    expect(inWords(incidentGraph(given) ?? { nodes: [], edges: [] })).toBe('web depends on api. api depends on db.');
  });

  it('shows a cause that is no container, and one that is only suspected', () => {
    expect(roles(incident({ cause: { kind: 'external', host: 'api.example.com' } }))).toEqual({
      'api.example.com': 'cause',
      api: 'self',
    });
    expect(roles(incident({ cause: { kind: 'unknown', named: 'db' } }))).toEqual({ db: 'suspect', api: 'self' });
    expect(incidentGraph(incident({ cause: { kind: 'unknown', named: null } }))).toBeUndefined();
  });

  it('has a place for an affected container without a known dependency', () => {
    expect(roles(incident({ members: [{ container: 'cron', occurrences: 1 }] }))).toEqual({
      api: 'cause',
      cron: 'member',
    });
  });
});
