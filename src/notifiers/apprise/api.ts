import type { Alert } from '../../domain/alert.ts';
import { SEVERITIES, type Severity } from '../../domain/diagnosis.ts';
import { formatUsd } from '../../lib/money.ts';
import type { Receiver, SendResult } from '../../pipeline/ports/receiver.ts';
import {
  actionText,
  alsoAffected,
  diagnosedBy,
  headline,
  lateness,
  occurrences,
  rulesNote,
  unknownCause,
  urgentNote,
} from '../alert-text.ts';
import { cut, inert, inertLine } from '../inert.ts';
import { request } from '../post.ts';
import { type CheckResult, incidentUrl } from '../receiver-module.ts';

export interface AppriseOptions {
  /** `…/notify/KEY`. The key is a secret. */
  readonly url: string;
  readonly authorization?: string;
  readonly tags: Readonly<Partial<Record<Severity, string>>>;
  readonly timeoutMs?: number;
  now(): number;
  readonly publicUrl?: string;
}

interface AppriseMessage {
  readonly title: string;
  readonly body: string;
  readonly type: 'info' | 'success' | 'warning' | 'failure';
  /** The body has no markup. */
  readonly format: 'text';
  readonly tag: string;
}

const TYPES = { high: 'failure', medium: 'warning', low: 'info' } as const;
/** Most services cut a title at about 250 characters. */
const MAX_TITLE = 200;
/** Discord accepts 2,000 characters, the smallest of the usual chats. */
const MAX_BODY = 1_800;
const MAX_EXCERPT_LINES = 6;
const DEFAULT_TAG = 'all';
/** The server sends to all services before it answers. */
const TIMEOUT_MS = 9_500;

export function createApprise(options: AppriseOptions): Omit<Receiver, 'name'> {
  const { tags, now } = options;
  const noticeTag = tags.medium ?? DEFAULT_TAG;
  return {
    paceMs: 1_000,
    send: (alert, signal) => post(options, renderApprise(alert, options, now()), signal),
    sendNotice: ({ title, text, host, url }, signal) =>
      post(
        options,
        {
          title: inertLine(`${title}${host === undefined ? '' : ` (host ${host})`}`, MAX_TITLE),
          // The link is ours.
          body: [...cutLines(inert(text).split('\n')), ...(url === undefined ? [] : [url])].join('\n'),
          type: 'warning',
          format: 'text',
          tag: noticeTag,
        },
        signal,
      ),
  };
}

export function renderApprise(
  alert: Alert,
  { tags, publicUrl }: Pick<AppriseOptions, 'tags' | 'publicUrl'>,
  now: number,
): AppriseMessage {
  const { incident, diagnosis, attempt } = alert;
  const { severity } = diagnosis;
  const { action, reason } = actionText(alert);
  const late = lateness(alert, now);
  const affected = alsoAffected(alert);
  const unknown = unknownCause(alert);
  const url = incidentUrl(publicUrl, incident.id);
  const row = (name: string, text: string | undefined, max = 400) =>
    text === undefined || text === '' ? [] : [`${name}: ${inertLine(text, max)}`];
  const lines = [
    ...row('Late', late),
    ...row('Urgent', urgentNote(alert)),
    ...row('Severity', severity),
    ...row('Detected', incident.summary),
    ...row('Host', incident.container.host, 80),
    ...row('Seen', occurrences(alert)),
    ...(affected ? row(affected.title, affected.text) : []),
    ...(unknown ? row(unknown.title, unknown.text) : []),
    ...row('Cause', diagnosis.rootCause, 500),
    ...row('Fix', diagnosis.suggestedFix, 500),
    ...row('Impact', diagnosis.estimatedImpact, 300),
    ...row('Done', `${action}. Why: ${reason}`),
    ...row('Note', rulesNote(alert)),
    ...alert.excerpt
      .flatMap((line) => inert(line).split('\n'))
      .slice(-MAX_EXCERPT_LINES)
      .map((line) => `  ${cut(line.trim(), 160)}`),
    inertLine(`${diagnosedBy(alert)}, cost ${formatUsd(diagnosis.costUsd)}, incident ${incident.id}`, 200),
  ];
  return {
    title: inertLine(headline(alert), MAX_TITLE),
    body: [...cutLines(lines), ...(url === undefined ? [] : [url])].join('\n'),
    type: attempt?.outcome === 'recovered' ? 'success' : TYPES[severity],
    format: 'text',
    tag: tags[severity] ?? DEFAULT_TAG,
  };
}

/** As many lines as fit. */
function cutLines(lines: readonly string[]): readonly string[] {
  let length = 0;
  const shown = lines.filter((line) => {
    length += line.length + 1;
    return length <= MAX_BODY;
  });
  return shown.length > 0 ? shown : [cut(lines[0] ?? '', MAX_BODY)];
}

async function post(options: AppriseOptions, message: AppriseMessage, signal: AbortSignal): Promise<SendResult> {
  const { url, authorization, timeoutMs = TIMEOUT_MS, now } = options;
  const { result } = await request({
    service: 'Apprise',
    url,
    headers: { accept: 'application/json', ...(authorization !== undefined && { authorization }) },
    body: JSON.stringify(message),
    timeoutMs,
    now,
    signal,
  });
  switch (result.status) {
    case 204:
      return { kind: 'dropped', status: 204, why: 'Apprise has no configuration under the key of APPRISE_URL' };
    case 424:
      // Some services may have got it, and would get it again with every further try.
      return {
        kind: 'dropped',
        status: 424,
        why: `Apprise could not notify all services with the tag "${message.tag}", or there is none; its log says why`,
      };
    default:
      return result;
  }
}

/** Checks the key, and that each severity has a service. Sends nothing. Never rejects. */
export async function checkApprise(
  options: Pick<AppriseOptions, 'url' | 'authorization' | 'tags' | 'timeoutMs'>,
): Promise<CheckResult> {
  const { authorization, timeoutMs, tags } = options;
  const url = new URL(options.url);
  url.pathname = url.pathname.replace(/\/notify\/([^/]+)\/?$/, '/json/urls/$1');
  url.searchParams.set('privacy', '1');
  const { result, answer } = await request({
    service: 'Apprise',
    url: url.href,
    method: 'GET',
    headers: { accept: 'application/json', ...(authorization !== undefined && { authorization }) },
    timeoutMs,
    now: Date.now,
    signal: new AbortController().signal,
  });
  if (result.status === 204 || (result.kind === 'sent' && answer === '')) {
    return { ok: false, why: 'Apprise answers, but has no configuration under the key of APPRISE_URL' };
  }
  if (result.kind !== 'sent') return { ok: false, why: result.why };
  const services = tagsOf(answer);
  if (services === undefined) return { ok: false, why: 'the server answers, but it is no Apprise API server' };
  const missing = SEVERITIES.filter((severity) => {
    const tag = tags[severity] ?? DEFAULT_TAG;
    return !services.some((its) => tag === DEFAULT_TAG || its.includes(tag) || its.includes('always'));
  });
  if (missing.length > 0) {
    const named = missing.map((severity) => `"${tags[severity] ?? DEFAULT_TAG}" (severity ${severity})`).join(', ');
    return { ok: false, why: `Apprise has no service with the tag ${named}; see APPRISE_TAGS` };
  }
  return { ok: true, detail: `Apprise answers, with ${services.length} service${services.length === 1 ? '' : 's'}` };
}

function tagsOf(answer: string): readonly (readonly string[])[] | undefined {
  try {
    const { urls } = JSON.parse(answer) as { urls?: readonly { readonly tags?: unknown }[] };
    return urls?.map(({ tags }) => (Array.isArray(tags) ? tags.map(String) : []));
  } catch {
    return undefined;
  }
}
