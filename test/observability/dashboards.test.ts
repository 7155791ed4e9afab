/** The dashboard files: what they must contain, and that they are up to date with their sources. */
import { describe, expect, it } from 'vitest';
import { buildDashboards } from '../../grafana/src/build.ts';
import { readComposeFile, readRepositoryFile } from '../deploy/compose-file.ts';
import { panelsOf, readDashboard } from './dashboards.ts';

it('grafana/dashboards contains what `npm run dashboards` writes', () => {
  for (const [file, text] of Object.entries(buildDashboards())) {
    expect(readRepositoryFile(`grafana/dashboards/${file}`) === text, `${file}: run \`npm run dashboards\``).toBe(true);
  }
});

it('compose lets viewers use Explore, which the links to traces need and Grafana forbids by default', () => {
  const environment = readComposeFile().services.grafana?.environment;
  expect(environment).toMatchObject({ GF_AUTH_ANONYMOUS_ORG_ROLE: 'Viewer', GF_USERS_VIEWERS_CAN_EDIT: 'true' });
});

describe.each(['overview', 'detail'] as const)('dashboard %s', (name) => {
  const board = readDashboard(name);
  const panels = panelsOf(name, { all: true });

  it('has a fixed uid, because links and bookmarks refer to it', () => {
    expect(board.uid).toBe(`container-doctor-${name}`);
  });

  it('has variables for data source, agent and container', () => {
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

  it('gives each panel its own id', () => {
    const ids = panels.map(({ id }) => id);
    expect(new Set(ids).size).toBe(ids.length);
    expect(ids.every((id) => id > 0)).toBe(true);
  });

  it('uses no fixed data source, and limits every query to the selected agents', () => {
    for (const panel of panels) expect([`\${datasource}`, `\${traces}`]).toContain(panel.datasource?.uid);
    for (const { queries, title } of panels) {
      for (const expr of queries) {
        for (const [, labels] of expr.matchAll(/\{([^}]*)\}/g))
          expect(labels, title).toContain('instance=~"$instance"');
      }
    }
  });

  it('uses $__rate_interval as the range of queries, or a range that the title names', () => {
    for (const { queries, title } of panels) {
      for (const [, range] of queries.join(' ').matchAll(/\[([^\]]+)\]/g)) {
        if (range === '24h') expect(title).toContain('24 h');
        else expect(range, title).toBe('$__rate_interval');
      }
    }
  });

  it('links every panel by container to traces and to /history', () => {
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
