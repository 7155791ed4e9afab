/**
 * A real model in the bench: its requests go through a forwarder that stops the agent's clock while the model thinks, so
 * that a slow answer is not a late one.
 */
import type { Diagnosis } from '../../src/domain/diagnosis.ts';
import type { AdjustableClock } from '../support/fast-clock.ts';
import { type HttpStandIn, readBody, startHttpStandIn } from '../support/http-stand-in.ts';
import { CLASS_WORDS } from './support-incident-models.ts';
import type { Play } from './support-incident-score.ts';

export interface RealModel {
  readonly name: string;
  settings(clock: AdjustableClock): Promise<Readonly<Record<string, string>>>;
  close(): Promise<void>;
}

/** Such as `POST /v1/messages` of the one, and what the other answered. */
const HOP_BY_HOP = new Set(['connection', 'content-length', 'content-encoding', 'transfer-encoding', 'host']);

/** Undefined without `LOCAL_MODEL_URL` or `ANTHROPIC_API_KEY`. */
export function realModel(env: NodeJS.ProcessEnv): RealModel | undefined {
  const { LOCAL_MODEL_URL: local, LOCAL_MODEL: model, ANTHROPIC_API_KEY: key } = env;
  const forwarders: HttpStandIn[] = [];
  const forwardTo = async (target: string, clock: AdjustableClock): Promise<string> => {
    const forwarder = await startForwarder(target, clock);
    forwarders.push(forwarder);
    return forwarder.url;
  };
  const close = async () => {
    await Promise.all(forwarders.map((one) => one.close()));
  };
  if (local !== undefined) {
    const { origin, pathname } = new URL(local);
    const given = Object.entries(env).flatMap(([name, value]) =>
      name.startsWith('LOCAL_MODEL') && value !== undefined ? [[name, value] as const] : [],
    );
    return {
      name: model ?? 'local model',
      settings: async (clock) => ({
        ...Object.fromEntries(given),
        DIAGNOSE_WITH: 'local-only',
        LOCAL_MODEL_URL: `${await forwardTo(origin, clock)}${pathname === '/' ? '' : pathname}`,
      }),
      close,
    };
  }
  if (key === undefined || key === '') return undefined;
  return {
    name: env.CLAUDE_MODEL ?? 'Claude',
    settings: async (clock) => ({
      ANTHROPIC_API_KEY: key,
      ANTHROPIC_BASE_URL: await forwardTo(env.ANTHROPIC_BASE_URL ?? 'https://api.anthropic.com', clock),
      ...(env.CLAUDE_MODEL && { CLAUDE_MODEL: env.CLAUDE_MODEL }),
      MAX_DIAGNOSES_PER_HOUR: '1000',
    }),
    close,
  };
}

async function startForwarder(target: string, clock: AdjustableClock): Promise<HttpStandIn> {
  let waiting = 0;
  let speed = clock.speed;
  return startHttpStandIn(async (request, response) => {
    const body = await readBody(request);
    if (waiting++ === 0) {
      speed = clock.speed;
      clock.speed = 0;
    }
    try {
      const headers = Object.entries(request.headers).filter(([name]) => !HOP_BY_HOP.has(name)) as [string, string][];
      const answer = await fetch(`${target}${request.url}`, {
        method: request.method,
        headers,
        ...(request.method === 'POST' && { body }),
      });
      const text = await answer.text();
      response.writeHead(
        answer.status,
        Object.fromEntries([...answer.headers].filter(([name]) => !HOP_BY_HOP.has(name))),
      );
      response.end(text);
    } catch {
      request.socket.destroy();
    } finally {
      if (--waiting === 0) clock.speed = speed;
    }
  });
}

export interface ModelScore {
  readonly name: string;
  readonly answered: boolean;
  readonly classRight: boolean;
  /** It did not call a restart safe that is not. */
  readonly safetyRight: boolean;
  readonly safetyWrongly: boolean;
  /** Of its evidence, how much is in the truth, and the other way round. */
  readonly evidence: { readonly cited: number; readonly right: number; readonly of: number };
  readonly failedChecks: number;
  readonly costUsd: number;
}

/** The diagnosis of the incident that is the cause's, or of the first. */
export function scoreModel({ incident, incidents }: Play): ModelScore {
  const { truth } = incident;
  const diagnosed = incidents.filter(({ diagnosis }) => diagnosis?.by !== undefined);
  const best: Diagnosis | undefined = (diagnosed.find(({ container }) => container === truth.cause) ?? diagnosed[0])
    ?.diagnosis;
  const cited = best?.evidence ?? [];
  const right = cited.filter(({ text }) => truth.evidence.some((part) => text.includes(part))).length;
  return {
    name: incident.name,
    answered: best !== undefined,
    classRight: best !== undefined && CLASS_WORDS[truth.class].test(best.rootCause),
    safetyRight: best !== undefined && best.autoRestartSafe === truth.restart_safe,
    safetyWrongly: best?.autoRestartSafe === true && !truth.restart_safe,
    evidence: { cited: cited.length, right, of: truth.evidence.length },
    failedChecks: best?.failedChecks?.length ?? 0,
    costUsd: incidents.reduce((sum, { diagnosis }) => sum + (diagnosis?.costUsd ?? 0), 0),
  };
}
