import type { ReactElement } from 'react';
import { DependencyGraph, type NodeLook } from '../charts/graph.tsx';
import type { NodeSize } from '../charts/graph-layout.ts';
import { counted } from '../lib/format.ts';
import { EVIDENCE, type Evidence, type GraphNode, incidentGraph, inWords, ROLE } from '../lib/incident-graph.ts';
import type { Incident } from '../lib/types.ts';
import { Details } from '../ui/details.tsx';
import { Link } from '../ui/link.tsx';
import { incidentPath } from './incident-row.tsx';

/** Two lines in each node, and room for the evidence on the edges. */
const SIZE: NodeSize = { width: 156, height: 48, gapX: 104, gapY: 18 };

/** What caused the incident, what suffers from it, and how each dependency is known. */
export function IncidentGraphCard({ incident }: { readonly incident: Incident }): ReactElement | null {
  const graph = incidentGraph(incident);
  if (graph === undefined) return null;
  const { nodes, edges } = graph;
  const byName = new Map(nodes.map((node) => [node.name, node]));
  return (
    <section className="card" aria-labelledby="incident-graph">
      <div className="head">
        <h2 id="incident-graph">What depends on what</h2>
        <span className="muted small">{counted(nodes.length, 'container')}; on each line, how it is known</span>
      </div>
      <DependencyGraph
        edges={edges}
        others={nodes.map(({ name }) => name)}
        size={SIZE}
        label={inWords(graph)}
        lookOf={(name) => lookOf(byName.get(name) ?? { name, role: 'other' }, incident)}
        wordOf={({ evidence }) => EVIDENCE[evidence as Evidence]?.word ?? ''}
      />
      <Details summary="The same as a table">
        {() => (
          <div className="table-box">
            <table>
              <thead>
                <tr>
                  <th scope="col">Container</th>
                  <th scope="col">Role</th>
                  <th scope="col">Depends on</th>
                </tr>
              </thead>
              <tbody>
                {nodes.map((node) => (
                  <tr key={node.name}>
                    <th scope="row" className="wrap-any">
                      {node.incidentId === undefined ? (
                        node.name
                      ) : (
                        <Link href={incidentPath(node.incidentId)}>{node.name}</Link>
                      )}
                    </th>
                    <td>
                      {ROLE[node.role]}
                      {node.state === undefined ? '' : `; ${node.state} then`}
                    </td>
                    <td className="wrap-any">
                      {edges
                        .filter(({ from }) => from === node.name)
                        .map(({ to, evidence }) =>
                          evidence === undefined ? to : `${to} (${EVIDENCE[evidence].sentence})`,
                        )
                        .join(', ') || '–'}
                    </td>
                  </tr>
                ))}
              </tbody>
            </table>
          </div>
        )}
      </Details>
    </section>
  );
}

const LOOK: Readonly<Record<GraphNode['role'], Pick<NodeLook, 'icon' | 'tone'>>> = {
  cause: { icon: 'high', tone: 'bad' },
  suspect: { icon: 'unknown', tone: 'warn' },
  self: { icon: 'incidents', tone: 'accent' },
  member: { icon: 'medium', tone: 'warn' },
  dependency: {},
  dependant: {},
  other: {},
};

function lookOf({ name, role, state, incidentId }: GraphNode, { container }: Incident): NodeLook {
  const role_ = role === 'cause' && name === container ? 'the cause, this one' : ROLE[role];
  // A role that says something matters more than the state.
  const note = role === 'dependency' || role === 'other' ? (state ?? role_) : role_;
  return {
    ...LOOK[role],
    note,
    title: `${name}: ${role_}${state === undefined ? '' : `, ${state} when it was diagnosed`}`,
    ...(incidentId !== undefined && { href: incidentPath(incidentId) }),
  };
}
