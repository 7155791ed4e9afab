/** The rules file and Alertmanager's settings, by the programs that will read them. */
import { spawn } from 'node:child_process';
import { cpSync, existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { parse } from 'yaml';
import { REPOSITORY, readComposeFile, readRepositoryFile } from '../deploy/compose-file.ts';
import { eventually } from '../support/eventually.ts';
import { type SlackServer, startSlackServer } from '../support/slack-server.ts';
import { check, describeWith } from './programs.ts';
import { FILES, freePort } from './prometheus.ts';

const RULES = path.join(FILES, 'rules/container-doctor.yml');
const ALERTMANAGER = path.join(REPOSITORY, 'grafana/alertmanager/alertmanager.yml');

interface Alert {
  readonly alert: string;
  readonly expr: string;
  readonly labels: Readonly<Record<string, string>>;
  readonly annotations: Readonly<Record<string, string>>;
}

const rules = (parse(readFileSync(RULES, 'utf8')).groups as { rules: (Alert | { record: string })[] }[]).flatMap(
  (group) => group.rules,
);
const alerts = rules.filter((rule) => 'alert' in rule);

interface UnitTest {
  readonly alert_rule_test: readonly { readonly alertname: string; readonly exp_alerts: readonly unknown[] }[];
}
const unitTests = (parse(readRepositoryFile('test/observability/alerts.promtool.yml')).tests as UnitTest[]).flatMap(
  (test) => test.alert_rule_test,
);

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(path.join(tmpdir(), 'alerts-'));
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

describe.each(alerts.map((alert) => [alert.alert, alert] as const))('alert %s', (name, { labels, annotations }) => {
  it('says how bad it is, what is wrong, and where to read what to do', () => {
    expect(['critical', 'warning']).toContain(labels.severity);
    expect(annotations.summary).toMatch(/\{\{/);
    expect(annotations.description).toMatch(/\.$/);
    const page = readRepositoryFile(annotations.runbook_url as string);
    expect(page).toContain(`\`${name}\``);
    expect(page).toContain('## What to do');
  });

  it('is proven by unit tests to come, and not to come', () => {
    const cases = unitTests.filter(({ alertname }) => alertname === name);
    expect(cases.some(({ exp_alerts }) => exp_alerts.length > 0)).toBe(true);
    expect(cases.some(({ exp_alerts }) => exp_alerts.length === 0)).toBe(true);
  });
});

it('every alert about one container names it', () => {
  const byContainer = alerts.filter(({ expr }) => expr.includes('container_name') || expr.includes('crash_loops'));
  expect(byContainer.length).toBeGreaterThan(2);
  for (const { annotations } of byContainer) expect(annotations.summary).toContain('{{ $labels.container_name }}');
});

it('compose mounts the files that are tested here', () => {
  const { services } = readComposeFile();
  expect(services.prometheus?.volumes).toEqual(
    expect.arrayContaining([
      './grafana/prometheus/prometheus.yml:/etc/prometheus/prometheus.yml:ro',
      './grafana/prometheus/rules:/etc/prometheus/rules:ro',
    ]),
  );
  expect(services.alertmanager?.volumes).toContain(
    './grafana/alertmanager/alertmanager.yml:/etc/alertmanager/alertmanager.yml:ro',
  );
  expect(existsSync(RULES) && existsSync(ALERTMANAGER)).toBe(true);
});

describeWith(['promtool'], 'promtool', (promtool) => {
  it('takes the settings, with the token beside them as compose puts it', () => {
    cpSync(FILES, folder, { recursive: true });
    writeFileSync(path.join(folder, 'doctor-token'), 'none');
    const { said, code } = check(promtool as string, ['check', 'config', path.join(folder, 'prometheus.yml')]);
    expect({ said, code }).toMatchObject({ code: 0, said: expect.stringContaining(`${rules.length} rules found`) });
  });

  const examples = [...readRepositoryFile('docs/integrations.md').matchAll(/```yaml\n(.*?)```/gs)]
    .map(([, text]) => text as string)
    .filter((text) => /^(scrape_configs|rule_files):/m.test(text));

  it.each(examples)('takes the example %# of docs/integrations.md', (text) => {
    const file = path.join(folder, 'example.yml');
    writeFileSync(file, text);
    const { said, code } = check(promtool as string, ['check', 'config', '--syntax-only', file]);
    expect({ said, code }).toMatchObject({ code: 0 });
  });

  it('finds no fault with the rules', () => {
    const { said, code } = check(promtool as string, ['check', 'rules', '--lint=all', '--lint-fatal', RULES]);
    expect({ said, code }).toMatchObject({ code: 0 });
  });

  it('proves them by their unit tests', () => {
    const file = path.join(REPOSITORY, 'test/observability/alerts.promtool.yml');
    const { said, code } = check(promtool as string, ['test', 'rules', file]);
    expect({ said, code }).toMatchObject({ code: 0 });
  });
});

describeWith(['amtool'], 'amtool', (amtool) => {
  it('takes the settings of Alertmanager', () => {
    const { said, code } = check(amtool as string, ['check-config', ALERTMANAGER]);
    expect({ said, code }).toMatchObject({ code: 0 });
  });
});

describeWith(['prometheus-alertmanager'], 'Alertmanager', (program) => {
  let slack: SlackServer;
  beforeEach(async () => {
    slack = await startSlackServer();
  });
  afterEach(() => slack.close());

  it('tells the doctor’s Slack webhook what is wrong and what to do', async () => {
    const config = readFileSync(ALERTMANAGER, 'utf8');
    writeFileSync(path.join(folder, 'slack-webhook'), slack.webhookUrl);
    writeFileSync(
      path.join(folder, 'alertmanager.yml'),
      config
        .replace('/etc/alertmanager/slack-webhook', path.join(folder, 'slack-webhook'))
        .replace('group_wait: 15s', 'group_wait: 0s'),
    );
    const port = await freePort();
    const child = spawn(
      program as string,
      [
        `--config.file=${folder}/alertmanager.yml`,
        `--storage.path=${folder}/data`,
        `--web.listen-address=127.0.0.1:${port}`,
        '--cluster.listen-address=',
      ],
      { stdio: 'ignore' },
    );
    const exited = new Promise<void>((resolve) => child.on('close', () => resolve()));
    try {
      const alert = alerts.find(({ alert }) => alert === 'ContainerDoctorRestartsNotHelping') as Alert;
      const body = JSON.stringify([
        {
          labels: { alertname: alert.alert, container_name: '<!channel>', severity: 'critical' },
          annotations: { ...alert.annotations, summary: '<!channel> is not well after a restart' },
        },
      ]);
      await eventually(
        async () => {
          const { ok } = await fetch(`http://127.0.0.1:${port}/api/v2/alerts`, {
            method: 'POST',
            headers: { 'content-type': 'application/json' },
            body,
          });
          return ok ? true : undefined;
        },
        { deadlineMs: 15_000 },
      );
      const post = await eventually(() => slack.posts[0], { deadlineMs: 15_000 });
      const [attachment] = post.body.attachments;
      expect(attachment).toMatchObject({ title: alert.alert, color: 'danger' });
      expect(attachment.text).toContain('is not well after a restart');
      expect(attachment.text).toContain('docs/runbooks/restarts-not-helping.md');
    } finally {
      child.kill('SIGTERM');
      await exited;
    }
  });
});
