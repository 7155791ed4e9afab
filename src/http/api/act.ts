/** The handlers of the endpoints that change something. */
import type { ServiceRef } from '../../domain/containers.ts';
import type { ActionResult, Actor } from '../../pipeline/ports/people.ts';
import { ENDPOINTS, type EndpointName } from './endpoints.ts';
import { parse } from './parse.ts';
import type { Acted } from './schemas/people.ts';
import type { ApiSource } from './source.ts';

export type Answer =
  | { readonly status: 200 | 409; readonly body: Acted }
  | { readonly status: 400 | 404; readonly error: string };

export interface ActRequest {
  readonly body: unknown;
  /** The parameter of the path; empty if it has none. */
  readonly id: string;
  readonly actor: Actor;
}

export type ActingEndpoint = {
  [Name in EndpointName]: (typeof ENDPOINTS)[Name] extends { acts: true } ? Name : never;
}[EndpointName];

export type Actors = Readonly<Record<ActingEndpoint, (request: ActRequest) => Promise<Answer>>>;

export function createActors({ actions, store, containers, hosts }: ApiSource): Actors {
  /** Undefined: there is no such problem or service. */
  const toSnooze = async (given: {
    readonly incident_id?: string | undefined;
    readonly service?: string | undefined;
    readonly project?: string | undefined;
  }): Promise<{ readonly service: ServiceRef; readonly fingerprint?: string } | undefined> => {
    if (given.incident_id !== undefined) {
      const found = await store.findIncident(given.incident_id);
      if (found === undefined) return undefined;
      const { container, fingerprint } = found.incident;
      return { service: { service: container.service, project: container.project }, fingerprint };
    }
    const { service = '', project } = given;
    const isOne = (ref: ServiceRef) => ref.service === service && ref.project === project;
    if (containers().some(({ ref }) => isOne(ref))) return { service: { service, project } };
    const elsewhere = (await hosts?.()) ?? [];
    if (elsewhere.some((host) => host.containers.some(({ ref }) => isOne(ref))))
      return { service: { service, project } };
    const { incidents } = await store.incidentPage({ service, project }, { limit: 1 });
    return incidents.some(({ incident }) => isOne(incident.container)) ? { service: { service, project } } : undefined;
  };

  return {
    async verdict({ id, body, actor }) {
      const parsed = parse(ENDPOINTS.verdict.body, body);
      if (!parsed.ok) return { status: 400, error: parsed.error };
      const { verdict, note } = parsed.value;
      return toAnswer(await actions.judge(id, verdict, note === '' ? undefined : note, actor));
    },
    async askAgain({ id, actor }) {
      const result = await actions.askAgain(id, actor);
      const isOver = result.kind === 'not_found' && (await store.findIncident(id)) !== undefined;
      return toAnswer(isOver ? { kind: 'refused', why: 'the incident is over' } : result);
    },
    approve: async ({ id, actor }) => toAnswer(await actions.approve(id, actor)),
    deny: async ({ id, actor }) => toAnswer(await actions.deny(id, actor)),
    async snooze({ body, actor }) {
      const parsed = parse(ENDPOINTS.snooze.body, body);
      if (!parsed.ok) return { status: 400, error: parsed.error };
      const what = await toSnooze(parsed.value);
      if (what === undefined) return toAnswer({ kind: 'not_found' });
      return toAnswer(await actions.snooze({ ...what, forMs: parsed.value.for_seconds * 1000 }, actor));
    },
    endSnooze: async ({ id, actor }) => toAnswer(await actions.endSnooze(id, actor)),
  };
}

function toAnswer(result: ActionResult): Answer {
  switch (result.kind) {
    case 'done':
      return { status: 200, body: { result: 'done', text: result.what } };
    case 'refused':
      return { status: 409, body: { result: 'refused', text: result.why } };
    case 'not_found':
      return { status: 404, error: 'it does not exist, or no longer' };
    default:
      return result satisfies never;
  }
}
