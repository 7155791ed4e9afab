/** The story of an incident: everything that happened, in order. */
import type { IconName } from '../ui/icons.tsx';
import { counted, duration, sentence, usd } from './format.ts';
import type { Incident } from './types.ts';

export interface Chapter {
  readonly at: number;
  readonly icon: IconName;
  readonly tone: 'good' | 'warn' | 'bad' | 'plain' | 'accent';
  readonly title: string;
  readonly text?: string;
}

const TIER = {
  claude: 'Claude',
  local: 'The local model',
  known: 'An earlier diagnosis',
  rules: 'The built-in rules',
} as const;
const OUTCOME_TEXT = {
  recovered: ['It recovered', 'good'],
  failed: ['The restart did not help', 'bad'],
  error: ['The engine could not restart it', 'bad'],
  unknown: ['The result of the restart is not known', 'warn'],
} as const;
const ALERT_TITLE = {
  diagnosed: 'Alert',
  repeated_failure: 'Alert: the restart limit is reached',
  crash_loop: 'Alert: it crashes in a loop',
  engine_gave_up: 'Alert: the engine no longer restarts it',
  restarting: 'Update: it is being restarted',
  outcome: 'Update: how the restart turned out',
  resolved: 'Update: resolved',
} as const;

export function story(incident: Incident): readonly Chapter[] {
  const chapters: Chapter[] = [
    ...signals(incident),
    ...engineEvents(incident),
    ...incident.requests.map(({ at, model, outcome, cost_usd }) => ({
      at: ms(at),
      icon: 'link' as const,
      tone: outcome === 'ok' ? ('accent' as const) : ('warn' as const),
      title: outcome === 'ok' ? `${model} was asked` : `${model} was asked, without success: ${outcome}`,
      text: usd(cost_usd),
    })),
    ...diagnosis(incident),
    ...incident.decisions.map(({ at, kind, explanation, detail }) => ({
      at: ms(at),
      icon: 'trust' as const,
      tone: kind === 'restart' ? ('accent' as const) : ('plain' as const),
      title: DECIDED[kind],
      text: detail === null ? sentence(explanation) : `${sentence(explanation)} (${detail})`,
    })),
    ...incident.attempts.flatMap(attempt),
    ...incident.alerts.map(({ at, kind, receiver, state, error }) => ({
      at: ms(at),
      icon: 'open' as const,
      tone: state === 'dropped' ? ('warn' as const) : ('plain' as const),
      title: `${ALERT_TITLE[kind]} to ${receiver}: ${state === 'pending' ? 'to be sent' : state}`,
      text: error ?? undefined,
    })),
    ...incident.audit.map(({ at, actor, result, action }) => ({
      at: ms(at),
      icon: 'key' as const,
      tone: 'accent' as const,
      title: `${actor.who} (${[actor.via, ...(actor.from === null ? [] : [actor.from])].join(', ')}): ${action.replaceAll('_', ' ')}`,
      text: result,
    })),
    ...end(incident),
  ];
  // Sorting keeps the order above for equal times.
  return chapters.sort((a, b) => a.at - b.at);
}

/** Events that follow each other with nothing else between them are one chapter. */
function engineEvents({ engine_events: events, signals }: Incident): readonly Chapter[] {
  const isBetween = (time: number, from: number, to: number) => time > from && time <= to;
  const groups: Incident['engine_events'][] = [];
  for (const event of events) {
    const group = groups.at(-1);
    const before = group?.at(-1);
    const isApart =
      before === undefined || signals.some((signal) => isBetween(ms(signal.at), ms(before.at), ms(event.at)));
    if (group === undefined || isApart) groups.push([event]);
    else group.push(event);
  }
  return groups.map((group) => {
    const [first] = group;
    const said = group.map(({ container, what }) => `${container} ${what}`);
    return {
      at: ms(first?.at ?? ''),
      icon: 'dot',
      tone: 'plain',
      title:
        said.length === 1 ? `Engine: ${said[0]}` : counted(said.length, 'event of the engine', 'events of the engine'),
      ...(said.length > 1 && { text: said.join(', ') }),
    };
  });
}

const DECIDED = {
  restart: 'Decided to restart it',
  ask: 'Decided to ask a person',
  notify: 'Decided not to restart it, and to send an alert',
  record: 'Decided only to record it',
} as const;

function signals({
  signals: all,
  occurrences,
  opened_at,
  last_seen_at,
  summary,
  detector,
}: Incident): readonly Chapter[] {
  const listed = all.map((signal, index) => ({
    at: ms(signal.at),
    icon: 'incidents' as const,
    tone: 'bad' as const,
    title: index === 0 ? `First seen: ${nameOf(signal.detector)}` : `Seen: ${nameOf(signal.detector)}`,
    text: signal.exit_code === null ? signal.text : `${signal.text} (exit code ${signal.exit_code})`,
  }));
  const first =
    listed.length > 0
      ? []
      : [
          {
            at: ms(opened_at),
            icon: 'incidents' as const,
            tone: 'bad' as const,
            title: `First seen: ${nameOf(detector)}`,
            text: summary,
          },
        ];
  const more = occurrences - Math.max(1, listed.length);
  if (more <= 0) return [...first, ...listed];
  return [
    ...first,
    ...listed,
    {
      at: ms(last_seen_at),
      icon: 'dot',
      tone: 'plain',
      title: `${counted(more, 'further occurrence')}; this is the time of the last one`,
    },
  ];
}

function nameOf(detector: string): string {
  const names: Readonly<Record<string, string>> = {
    log: 'an error in the log',
    crash: 'a crash',
    oom: 'killed for using too much memory',
    health: 'the health check fails',
    crash_loop: 'a crash loop',
    storm: 'a log storm',
  };
  return names[detector] ?? detector;
}

function diagnosis({ diagnosis: found }: Incident): readonly Chapter[] {
  if (found === null) return [];
  const who = TIER[found.tier];
  const fallback = found.fallback === null ? '' : ` (Claude: ${found.fallback.replaceAll('_', ' ')})`;
  return [
    {
      at: ms(found.at),
      icon: 'now',
      tone: 'accent',
      title: `${who}${found.model === null ? '' : `, ${found.model},`} diagnosed it: severity ${found.severity}${fallback}`,
      text: found.root_cause,
    },
  ];
}

function attempt({
  started_at,
  finished_at,
  outcome,
  detail,
  container,
}: Incident['attempts'][number]): readonly Chapter[] {
  const begin: Chapter = { at: ms(started_at), icon: 'restart', tone: 'accent', title: `Restarted ${container}` };
  if (finished_at === null || outcome === null) return [{ ...begin, text: 'The result is being verified.' }];
  const [title, tone] = OUTCOME_TEXT[outcome];
  const took = duration(ms(finished_at) - ms(started_at));
  return [
    begin,
    {
      at: ms(finished_at),
      icon: tone === 'good' ? 'good' : 'bad',
      tone,
      title: `${title}, verified after ${took}`,
      text: detail ?? undefined,
    },
  ];
}

function end({ resolved_at, aftermath, outcome, opened_at }: Incident): readonly Chapter[] {
  if (resolved_at === null) return [];
  const why =
    aftermath === 'came_back'
      ? 'It was over without a restart.'
      : aftermath === 'restarted_by_person'
        ? 'A person restarted, stopped or removed the container.'
        : outcome === 'recovered'
          ? undefined
          : 'It has not occurred again.';
  return [
    {
      at: ms(resolved_at),
      icon: 'good',
      tone: 'good',
      title: `Resolved after ${duration(ms(resolved_at) - ms(opened_at))}`,
      text: why,
    },
  ];
}

function ms(time: string): number {
  return Date.parse(time);
}
