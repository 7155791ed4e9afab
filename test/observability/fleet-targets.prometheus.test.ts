/** A real Prometheus finds the agents of a fleet through the API of any of them, as docs/deploy/fleet.md shows. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { parse, stringify } from 'yaml';
import { readRepositoryFile } from '../deploy/compose-file.ts';
import { eventually } from '../support/eventually.ts';
import type { FastWorld } from '../support/fast-world.ts';
import { startFleet, type TestFleet } from '../support/fleet.ts';
import { type PostgresServer, startPostgres, whyNoPostgres } from '../support/postgres-server.ts';
import { check, describeWith } from './programs.ts';
import { type Prometheus, startPrometheus } from './prometheus.ts';

const TOKEN = 'open-sesame-open';
const NAME = 'Prometheus, with the targets of a fleet';
const why = whyNoPostgres();

const [, example = ''] = /```yaml\n(scrape_configs:.*?)```/s.exec(readRepositoryFile('docs/deploy/fleet.md')) ?? [];

const soon = <T>(probe: () => Promise<T | undefined>) => eventually(probe, { deadlineMs: 60_000, everyMs: 100 });

if (why === undefined) describeWith(['prometheus', 'promtool'], NAME, define);
else it.skip(`${NAME} (${why})`, () => {});

function define(program: string, promtool: string): void {
  let server: PostgresServer;
  let fleet: TestFleet;
  let prometheus: Prometheus | undefined;
  const agents: FastWorld[] = [];
  const folder = mkdtempSync(path.join(tmpdir(), 'targets-'));

  beforeAll(async () => {
    server = await startPostgres();
    const env = { HTTP_TOKEN: TOKEN, METRICS_ADDRESS: '127.0.0.1' };
    fleet = await startFleet({ databaseUrl: server.createDatabase(), speed: 10, env });
    for (const name of ['web-1', 'web-2']) agents.push(await fleet.start(name));
  });
  afterAll(async () => {
    await prometheus?.stop();
    await fleet?.close();
    await server?.close();
    rmSync(folder, { recursive: true, force: true });
  });

  const targetsOf = async ({ url }: FastWorld) => {
    const response = await fetch(`${url}/api/v1/fleet/targets`, { headers: { authorization: `Bearer ${TOKEN}` } });
    return (await response.json()) as { targets: string[]; labels: Record<string, string> }[];
  };

  it('scrapes each agent once, under the name of its host', async () => {
    for (const agent of agents) {
      const targets = await soon(async () => {
        const found = await targetsOf(agent);
        return found.length === 2 ? found : undefined;
      });
      expect(targets).toEqual(
        agents.map(({ url }, index) => ({
          targets: [new URL(url).host],
          labels: {
            instance: `web-${index + 1}`,
            __meta_container_doctor_version: '0.0.0-test',
            __meta_container_doctor_state: 'alive',
          },
        })),
      );
    }

    const { scrape_configs: jobs } = parse(example);
    const [job] = jobs;
    const [discovery] = job.http_sd_configs;
    expect(job.http_sd_configs).toHaveLength(2);
    const token = path.join(folder, 'token');
    writeFileSync(token, TOKEN);
    const withToken = <T extends { authorization: object }>(of: T) => ({
      ...of,
      authorization: { ...of.authorization, credentials_file: token },
    });
    const adapted = {
      ...withToken(job),
      http_sd_configs: agents.map(({ url }) => ({
        ...withToken(discovery),
        url: `${url}${new URL(discovery.url).pathname}`,
        refresh_interval: '1s',
      })),
    };
    const file = path.join(folder, 'prometheus.yml');
    writeFileSync(file, stringify({ scrape_configs: [adapted] }));
    expect(check(promtool, ['check', 'config', file])).toMatchObject({ code: 0 });

    prometheus = await startPrometheus(program, agents[0]?.url ?? '', { jobs: [adapted] });
    const { query } = prometheus;
    const hosts = async (expr: string) => (await query(expr)).map(({ labels }) => labels.instance).sort();
    await soon(async () => ((await hosts('up == 1')).length === 2 ? true : undefined));
    expect(await hosts('up')).toEqual(['web-1', 'web-2']);
    expect(await hosts('container_doctor_agents{state="alive"} == 2')).toEqual(['web-1', 'web-2']);
    expect((await query('up'))[0]?.labels).toMatchObject({ job: 'container-doctor', version: '0.0.0-test' });
  });
}
