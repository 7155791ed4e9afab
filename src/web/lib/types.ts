/** The types of the API's responses. Types only: the page does not contain the schemas. */
import type { ENDPOINTS, EndpointName } from '../../http/api/endpoints.ts';
import type { ResponseOf } from '../../http/api/responses.ts';
import type { Incident } from '../../http/api/schemas/incidents.ts';
import type { Container } from '../../http/api/schemas/overview.ts';
import type { ScorecardView } from '../../http/scorecard.ts';

export type { Incident, IncidentSummary } from '../../http/api/schemas/incidents.ts';
export type { Changed, Container, FixCounts, Graph, Stats, Status, Timeline } from '../../http/api/schemas/overview.ts';
export type { Acted, AuditEntry, RestartRequest, Session, Snooze } from '../../http/api/schemas/people.ts';
export type Endpoints = typeof ENDPOINTS;
export type { EndpointName, ResponseOf };

export type Diagnosis = NonNullable<Incident['diagnosis']>;
export type Decision = NonNullable<Incident['decision']>;
export type Cause = NonNullable<Incident['cause']>;
export type Gate = Incident['decisions'][number]['gates'][number];
export type ExcerptLine = Incident['excerpt'][number];
export type PolicyEntry = Container['policy'][number];
export type ScorecardCase = ScorecardView['cases'][number];
