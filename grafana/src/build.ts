/** `npm run dashboards` writes grafana/dashboards/*.json from these sources. */
import { writeFileSync } from 'node:fs';
import type * as dashboard from '@grafana/grafana-foundation-sdk/dashboard';
import { detail } from './detail.ts';
import { overview } from './overview.ts';

/** File names in grafana/dashboards/ with their content. */
export function buildDashboards(): Readonly<Record<string, string>> {
  const dashboards = { 'overview.json': overview(), 'detail.json': detail() };
  return Object.fromEntries(
    Object.entries(dashboards).map(([file, builder]) => {
      const built = builder.build();
      assignIds(built.panels ?? []);
      return [file, `${JSON.stringify(built, null, 2)}\n`];
    }),
  );
}

/** Assigns ids, also to panels inside rows. URLs of single panels contain the id. */
function assignIds(panels: readonly (dashboard.Panel | dashboard.RowPanel)[], from = 1): number {
  let next = from;
  for (const panel of panels) {
    panel.id = next++;
    if ('panels' in panel) next = assignIds(panel.panels, next);
  }
  return next;
}

if (import.meta.main) {
  for (const [file, text] of Object.entries(buildDashboards())) {
    writeFileSync(new URL(`../dashboards/${file}`, import.meta.url), text);
  }
}
