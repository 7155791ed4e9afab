/** The schema of each endpoint's answer, for types, the OpenAPI document, and clients in this repository. */
import type { z } from 'zod';
import type { EndpointName } from './endpoints.ts';
import { Incident, IncidentPage } from './schemas/incidents.ts';
import { Containers, Graph, Stats, Status, Targets, Timeline } from './schemas/overview.ts';
import { Acted, Session, Waiting } from './schemas/people.ts';

export const RESPONSES = {
  status: Status,
  incidents: IncidentPage,
  incident: Incident,
  timeline: Timeline,
  stats: Stats,
  containers: Containers,
  graph: Graph,
  targets: Targets,
  waiting: Waiting,
  session: Session,
  signIn: Session,
  signOut: Session,
  verdict: Acted,
  askAgain: Acted,
  approve: Acted,
  deny: Acted,
  snooze: Acted,
  endSnooze: Acted,
} as const satisfies Record<EndpointName, z.ZodType>;

export type ResponseOf<Name extends EndpointName> = z.output<(typeof RESPONSES)[Name]>;
