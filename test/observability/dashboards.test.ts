/** The dashboards as files: what Grafana is given, and that it is what the sources say. */
import { describe, expect, it } from 'vitest';
import { buildDashboards } from '../../grafana/src/build.ts';
import { readComposeFile, readRepositoryFile } from '../deploy/compose-file.ts';
import { panelsOf, readDashboard } from './dashboards.ts';

it('grafana/dashboards is what `npm run dashboards` writes', () => {
  for (const [file, text] of Object.entries(buildDashboards())) {
    expect(readRepositoryFile(`grafana/dashboards/${file}`) === text, `${file}: run \`npm run dashboards\``).toBe(true);
  }
});

it('compose lets whoever looks at Grafana follow a link to a trace: Explore is closed to viewers by default', () => {
  const environment = readComposeFile().services.grafana?.environment;
  expect(environment).toMatchObject({ GF_AUTH_ANONYMOUS_ORG_ROLE: 'Viewer', GF_USERS_VIEWERS_CAN_EDIT: 'true' });
});

describe.each(['overview', 'detail'] as const)('dashboard %s', (name) => {
  const board = readDashboard(name);
  const panels = panelsOf(name, { all: true });

  it('keeps its uid: links and bookmarks hold on to it', () => {
    expect(board.uid).toBe(`container-doctor-${name}`);
  });

  it('can be pointed at another data source, doctor and container', () => {
    expect(board.templating.list.map((variable) => variable.name)).toEqual(
      expect.arrayContaining(['datasource', 'instance', 'container']),
    );
  });

  it('has a unit, thresholds and a description on every panel', () => {
    for (const panel of panels) {
      const { unit, thresholds } = panel.fieldConfig?.defaults ?? {};
      expect(panel.description, panel.title).toMatch(/\w.*\.$/);
      expect(unit, panel.title).toMatch(/\w/);
      expect(thresholds?.steps.length, panel.title).toBeGreaterThan(0);
    }
  });

  it('numbers its panels, each once', () => {
    const ids = panels.map(({ id }) => id);
    expect(new Set(ids).size).toBe(ids.length);
    expect(ids.every((id) => id > 0)).toBe(true);
  });

  it('uses no fixed data source, and limits every query to the doctors chosen', () => {
    for (const panel of panels) expect([`\${datasource}`, `\${traces}`]).toContain(panel.datasource?.uid);
    for (const { queries, title } of panels) {
      for (const expr of queries) {
        for (const [, labels] of expr.matchAll(/\{([^}]*)\}/g))
          expect(labels, title).toContain('instance=~"$instance"');
      }
    }
  });

  it('measures rates over $__rate_interval, or over a time that its title names', () => {
    for (const { queries, title } of panels) {
      for (const [, range] of queries.join(' ').matchAll(/\[([^\]]+)\]/g)) {
        if (range === '24h') expect(title).toContain('24 h');
        else expect(range, title).toBe('$__rate_interval');
      }
    }
  });

  it('leads to the trace and to /history with one click, from every panel by container', () => {
    const byContainer = panels.filter(({ queries }) => /sum by \(container_name/.test(queries.join()));
    expect(byContainer.length).toBeGreaterThan(1);
    for (const { fieldConfig, title } of byContainer) {
      const urls = (fieldConfig?.defaults.links ?? []).map(({ url }) => url);
      expect(
        urls.some((url) => url.startsWith('/explore?') && url.includes('__field.labels.container_name')),
        title,
      ).toBe(true);
      expect(
        urls.some((url) => url.includes('/history?container=')),
        title,
      ).toBe(true);
    }
    expect(board.links.map(({ title }) => title)).toEqual(expect.arrayContaining(['Traces', 'History']));
  });

  it('shows restarts as annotations', () => {
    expect(board.annotations.list.map(({ expr }) => expr).join()).toContain('container_doctor_restarts_total');
  });
});
