/** The alert rules, checked with promtool. */
import { cpSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { parse } from 'yaml';
import { REPOSITORY, readComposeFile, readRepositoryFile } from '../deploy/compose-file.ts';
import { check, describeWith } from './programs.ts';
import { FILES } from './prometheus.ts';

const RULES = path.join(FILES, 'rules/container-doctor.yml');

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
  it('has a severity, says what is wrong, and names a runbook that lists it', () => {
    expect(['critical', 'warning']).toContain(labels.severity);
    expect(annotations.summary).toMatch(/\{\{/);
    expect(annotations.description).toMatch(/\.$/);
    const [runbook = ''] = /docs\/runbooks\/.*$/.exec(annotations.runbook_url as string) ?? [];
    const page = readRepositoryFile(runbook);
    expect(page).toContain(`\`${name}\``);
    expect(page).toContain('## What to do');
  });

  it('has unit tests in which it fires and in which it does not', () => {
    const cases = unitTests.filter(({ alertname }) => alertname === name);
    expect(cases.some(({ exp_alerts }) => exp_alerts.length > 0)).toBe(true);
    expect(cases.some(({ exp_alerts }) => exp_alerts.length === 0)).toBe(true);
  });
});

it('every alert about a container names it', () => {
  const byContainer = alerts.filter(({ expr }) => expr.includes('container_name') || expr.includes('crash_loops'));
  expect(byContainer.length).toBeGreaterThan(2);
  for (const { annotations } of byContainer) expect(annotations.summary).toContain('{{ $labels.container_name }}');
});

it('compose mounts the tested files', () => {
  const { services } = readComposeFile();
  expect(services.prometheus?.volumes).toEqual(
    expect.arrayContaining([
      './grafana/prometheus/prometheus.yml:/etc/prometheus/prometheus.yml:ro',
      './grafana/prometheus/rules:/etc/prometheus/rules:ro',
    ]),
  );
});

describeWith(['promtool'], 'promtool', (promtool) => {
  it('accepts the configuration with the token file that compose mounts', () => {
    cpSync(FILES, folder, { recursive: true });
    writeFileSync(path.join(folder, 'doctor-token'), 'none');
    const { output, code } = check(promtool as string, ['check', 'config', path.join(folder, 'prometheus.yml')]);
    expect({ output, code }).toMatchObject({ code: 0, output: expect.stringContaining(`${rules.length} rules found`) });
  });

  it('accepts the example for a Swarm', () => {
    const file = path.join(REPOSITORY, 'docs/deploy/prometheus-swarm.yml');
    const { output, code } = check(promtool as string, ['check', 'config', '--syntax-only', file]);
    expect({ output, code }).toMatchObject({ code: 0 });
  });

  const examples = [...readRepositoryFile('docs/integrations.md').matchAll(/```yaml\n(.*?)```/gs)]
    .map(([, text]) => text as string)
    .filter((text) => /^(global|scrape_configs|rule_files):/m.test(text));

  it.each(examples)('accepts example %# of docs/integrations.md', (text) => {
    const file = path.join(folder, 'example.yml');
    writeFileSync(file, text);
    const { output, code } = check(promtool as string, ['check', 'config', '--syntax-only', file]);
    expect({ output, code }).toMatchObject({ code: 0 });
  });

  it('finds no problem in the rules', () => {
    const { output, code } = check(promtool as string, ['check', 'rules', '--lint=all', '--lint-fatal', RULES]);
    expect({ output, code }).toMatchObject({ code: 0 });
  });

  it('runs the unit tests of the rules', () => {
    const file = path.join(REPOSITORY, 'test/observability/alerts.promtool.yml');
    const { output, code } = check(promtool as string, ['test', 'rules', file]);
    expect({ output, code }).toMatchObject({ code: 0 });
  });
});
