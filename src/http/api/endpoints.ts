/** Every endpoint of `/api/v1`: the routes and the OpenAPI document are made from this table. */
import type { z } from 'zod';
import {
  ContainersQuery,
  GraphQuery,
  IncidentQuery,
  Nothing,
  SignIn,
  SnoozeGiven,
  StatsQuery,
  TimelineQuery,
  VerdictGiven,
} from './schemas/requests.ts';

export const API = '/api/v1';

export interface Endpoint {
  readonly method: 'get' | 'post';
  /** Below `/api/v1`, with Express parameters. */
  readonly path: string;
  readonly about: string;
  readonly query?: z.ZodObject;
  readonly body?: z.ZodType;
  /** Changes something: HTTP_TOKEN is required, and a CSRF token with a session. */
  readonly acts?: true;
}

export const ENDPOINTS = {
  status: {
    method: 'get',
    path: '/status',
    about: 'whether all is well, and what waits for a person',
  },
  incidents: {
    method: 'get',
    path: '/incidents',
    about: 'incidents, newest first',
    query: IncidentQuery,
  },
  incident: {
    method: 'get',
    path: '/incidents/:id',
    about: 'everything that is known of one incident',
  },
  timeline: {
    method: 'get',
    path: '/timeline',
    about: 'incidents, restarts, deployments and absences; the last 24 hours by default',
    query: TimelineQuery,
  },
  stats: {
    method: 'get',
    path: '/stats',
    about: 'fixes, times, questions and cost; the last 30 days by default',
    query: StatsQuery,
  },
  containers: {
    method: 'get',
    path: '/containers',
    about: 'containers with their policy, habits and snoozes',
    query: ContainersQuery,
  },
  graph: {
    method: 'get',
    path: '/graph',
    about: 'the dependencies between the containers of a host',
    query: GraphQuery,
  },
  targets: {
    method: 'get',
    path: '/fleet/targets',
    about: 'the agents that share the database, for `http_sd_configs` of Prometheus',
  },
  waiting: {
    method: 'get',
    path: '/waiting',
    about: 'restarts that wait for a person, and snoozes',
  },
  session: { method: 'get', path: '/session', about: 'what this client may do' },
  signIn: { method: 'post', path: '/session', about: 'sign in with HTTP_TOKEN', body: SignIn },
  signOut: { method: 'post', path: '/session/end', about: 'sign out', body: Nothing },
  verdict: {
    method: 'post',
    path: '/incidents/:id/verdict',
    about: 'judge the decision',
    body: VerdictGiven,
    acts: true,
  },
  askAgain: {
    method: 'post',
    path: '/incidents/:id/ask-again',
    about: 'ask the model once more about an open incident',
    body: Nothing,
    acts: true,
  },
  approve: {
    method: 'post',
    path: '/restart-requests/:id/approve',
    about: 'approve a waiting restart; every other condition is checked again',
    body: Nothing,
    acts: true,
  },
  deny: {
    method: 'post',
    path: '/restart-requests/:id/deny',
    about: 'deny a waiting restart',
    body: Nothing,
    acts: true,
  },
  snooze: {
    method: 'post',
    path: '/snoozes',
    about: 'hold back alerts and questions for a time',
    body: SnoozeGiven,
    acts: true,
  },
  endSnooze: {
    method: 'post',
    path: '/snoozes/:id/end',
    about: 'end a snooze',
    body: Nothing,
    acts: true,
  },
} as const satisfies Record<string, Endpoint>;

export type EndpointName = keyof typeof ENDPOINTS;
