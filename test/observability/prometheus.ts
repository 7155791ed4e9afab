/**
 * A real Prometheus with the files that compose mounts. It scrapes an agent on this machine every two seconds. The
 * scrape timeout cannot be longer than that, and a shorter one would fail on a machine that is busy with other tests.
 */
import { cpSync, mkdtempSync, readFileSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { parse, stringify } from 'yaml';
import { REPOSITORY } from '../deploy/compose-file.ts';
import { freePort } from '../support/free-port.ts';
import { startProgram } from './programs.ts';

export const FILES = path.join(REPOSITORY, 'grafana/prometheus');

export interface Sample {
  readonly labels: Readonly<Record<string, string>>;
  /** The finite values; for a range query, one per point. */
  readonly values: readonly number[];
}

export interface Target {
  readonly job: string;
  readonly health: string;
  readonly lastError: string;
  readonly scrapes: number;
}

export interface Prometheus {
  readonly url: string;
  query(expr: string): Promise<readonly Sample[]>;
  /** Over the last `seconds`, one point per second. */
  queryRange(expr: string, seconds: number): Promise<readonly Sample[]>;
  target(job: string): Promise<Target>;
  /** Alerts that are pending or firing. */
  alerts(): Promise<readonly { readonly name: string; readonly labels: Readonly<Record<string, string>> }[]>;
  /** Result of the last evaluation of every rule. */
  rules(): Promise<readonly { readonly name: string; readonly health: string; readonly lastError: string }[]>;
  stop(): Promise<void>;
}

interface ScrapeJob {
  readonly job_name: string;
  static_configs: { targets: string[] }[];
}

/** `doctorUrl` replaces `doctor:8080`. The other scrape jobs are removed, because their programs do not run. */
export async function startPrometheus(
  program: string,
  doctorUrl: string,
  options: {
    readonly token?: string;
    readonly runbookBaseUrl?: string;
    /** Host and port. Default: alerts are not sent. */
    readonly alertmanager?: string;
    /** Replaces the scrape jobs. */
    readonly jobs?: readonly object[];
  } = {},
): Promise<Prometheus> {
  const folder = mkdtempSync(path.join(tmpdir(), 'prometheus-test-'));
  cpSync(FILES, folder, { recursive: true });
  writeFileSync(path.join(folder, 'doctor-token'), options.token ?? 'none');
  const config = parse(readFileSync(path.join(folder, 'prometheus.yml'), 'utf8'));
  const jobs = (config.scrape_configs as ScrapeJob[]).filter((job) => job.job_name === 'container-doctor');
  for (const job of jobs) job.static_configs = [{ targets: [new URL(doctorUrl).host] }];
  const adapted = {
    ...config,
    global: { ...config.global, scrape_interval: '2s', scrape_timeout: '2s', evaluation_interval: '1s' },
    alerting:
      options.alertmanager === undefined
        ? undefined
        : { ...config.alerting, alertmanagers: [{ static_configs: [{ targets: [options.alertmanager] }] }] },
    scrape_configs: options.jobs ?? jobs,
  };
  writeFileSync(path.join(folder, 'prometheus.yml'), stringify(adapted));
  const port = await freePort();
  const url = `http://127.0.0.1:${port}`;
  const { stop } = await startProgram(
    program,
    [
      `--config.file=${folder}/prometheus.yml`,
      `--storage.tsdb.path=${folder}/data`,
      `--web.listen-address=127.0.0.1:${port}`,
      '--log.level=warn',
      // Since version 3 this is always on.
      '--enable-feature=expand-external-labels',
    ],
    {
      readyUrl: `${url}/-/ready`,
      folder,
      // As in compose, the variable is set even if it is empty.
      env: { ...process.env, RUNBOOK_BASE_URL: options.runbookBaseUrl ?? '' },
    },
  );

  const get = async (page: string, query: Record<string, string> = {}) => {
    const response = await fetch(`${url}${page}?${new URLSearchParams(query)}`, {
      signal: AbortSignal.timeout(10_000),
    });
    const body = (await response.json()) as { status: string; error?: string; data: unknown };
    if (body.status !== 'success') throw new Error(`${query.query ?? page}: ${body.error}`);
    // biome-ignore lint/suspicious/noExplicitAny: JSON from Prometheus
    return body.data as any;
  };
  const ruleGroups = async () =>
    (await get('/api/v1/rules')).groups.flatMap((group: { rules: unknown[] }) => group.rules);
  return {
    url,
    async query(expr) {
      const { resultType, result } = await get('/api/v1/query', { query: expr });
      if (resultType === 'scalar') return [{ labels: {}, values: [Number(result[1])] }];
      return result.map(({ metric, value }: { metric: Record<string, string>; value: [number, string] }) => ({
        labels: metric,
        values: finite([value]),
      }));
    },
    async queryRange(expr, seconds) {
      const end = Date.now() / 1e3;
      const range = { start: String(end - seconds), end: String(end), step: '1' };
      const { result } = await get('/api/v1/query_range', { query: expr, ...range });
      return result.map(({ metric, values }: { metric: Record<string, string>; values: [number, string][] }) => ({
        labels: metric,
        values: finite(values),
      }));
    },
    async target(job) {
      const { activeTargets } = await get('/api/v1/targets', { state: 'active' });
      const found = activeTargets.find((one: { labels: { job: string } }) => one.labels.job === job);
      if (found === undefined) throw new Error(`no target of job ${job}`);
      const scrapes = (await get('/api/v1/query', { query: `count_over_time(up{job="${job}"}[1h])` })).result;
      return { job, health: found.health, lastError: found.lastError, scrapes: Number(scrapes[0]?.value[1] ?? 0) };
    },
    async alerts() {
      const { alerts } = await get('/api/v1/alerts');
      return alerts.map(({ labels }: { labels: Record<string, string> }) => ({ name: labels.alertname, labels }));
    },
    rules: ruleGroups,
    stop,
  };
}

function finite(points: readonly (readonly [number, string])[]): number[] {
  return points.map(([, value]) => Number(value)).filter(Number.isFinite);
}
