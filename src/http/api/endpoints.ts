/** Every endpoint of `/api/v1` with its schemas: the routes and the OpenAPI document are made from this table. */
import type { z } from 'zod';
import { Incident, IncidentPage, IncidentQuery } from './schemas/incidents.ts';
import {
  Containers,
  ContainersQuery,
  Graph,
  GraphQuery,
  Stats,
  StatsQuery,
  Status,
  Targets,
  Timeline,
  TimelineQuery,
} from './schemas/overview.ts';
import { Acted, Nothing, Session, SignIn, SnoozeGiven, VerdictGiven, Waiting } from './schemas/people.ts';

export const API = '/api/v1';

export interface Endpoint {
  readonly method: 'get' | 'post';
  /** Below `/api/v1`, with Express parameters. */
  readonly path: string;
  readonly about: string;
  readonly query?: z.ZodObject;
  readonly body?: z.ZodType;
  readonly response: z.ZodType;
  /** Changes something: HTTP_TOKEN is required, and a CSRF token with a session. */
  readonly acts?: true;
}

export const ENDPOINTS = {
  status: {
    method: 'get',
    path: '/status',
    about: 'whether all is well, and what waits for a person',
    response: Status,
  },
  incidents: {
    method: 'get',
    path: '/incidents',
    about: 'incidents, newest first',
    query: IncidentQuery,
    response: IncidentPage,
  },
  incident: {
    method: 'get',
    path: '/incidents/:id',
    about: 'everything that is known of one incident',
    response: Incident,
  },
  timeline: {
    method: 'get',
    path: '/timeline',
    about: 'incidents, restarts, deployments and absences; the last 24 hours by default',
    query: TimelineQuery,
    response: Timeline,
  },
  stats: {
    method: 'get',
    path: '/stats',
    about: 'fixes, times, questions and cost; the last 30 days by default',
    query: StatsQuery,
    response: Stats,
  },
  containers: {
    method: 'get',
    path: '/containers',
    about: 'containers with their policy, habits and snoozes',
    query: ContainersQuery,
    response: Containers,
  },
  graph: {
    method: 'get',
    path: '/graph',
    about: 'the dependencies between the containers of a host',
    query: GraphQuery,
    response: Graph,
  },
  targets: {
    method: 'get',
    path: '/fleet/targets',
    about: 'the agents that share the database, for `http_sd_configs` of Prometheus',
    response: Targets,
  },
  waiting: {
    method: 'get',
    path: '/waiting',
    about: 'restarts that wait for a person, and snoozes',
    response: Waiting,
  },
  session: { method: 'get', path: '/session', about: 'what this client may do', response: Session },
  signIn: { method: 'post', path: '/session', about: 'sign in with HTTP_TOKEN', body: SignIn, response: Session },
  signOut: { method: 'post', path: '/session/end', about: 'sign out', body: Nothing, response: Session },
  verdict: {
    method: 'post',
    path: '/incidents/:id/verdict',
    about: 'judge the decision',
    body: VerdictGiven,
    response: Acted,
    acts: true,
  },
  askAgain: {
    method: 'post',
    path: '/incidents/:id/ask-again',
    about: 'ask the model once more about an open incident',
    body: Nothing,
    response: Acted,
    acts: true,
  },
  approve: {
    method: 'post',
    path: '/restart-requests/:id/approve',
    about: 'approve a waiting restart; every other condition is checked again',
    body: Nothing,
    response: Acted,
    acts: true,
  },
  deny: {
    method: 'post',
    path: '/restart-requests/:id/deny',
    about: 'deny a waiting restart',
    body: Nothing,
    response: Acted,
    acts: true,
  },
  snooze: {
    method: 'post',
    path: '/snoozes',
    about: 'hold back alerts and questions for a time',
    body: SnoozeGiven,
    response: Acted,
    acts: true,
  },
  endSnooze: {
    method: 'post',
    path: '/snoozes/:id/end',
    about: 'end a snooze',
    body: Nothing,
    response: Acted,
    acts: true,
  },
} as const satisfies Record<string, Endpoint>;

export type EndpointName = keyof typeof ENDPOINTS;
export type ResponseOf<Name extends EndpointName> = z.output<(typeof ENDPOINTS)[Name]['response']>;
