/** What an agent can be connected to at once: PostgreSQL, a Slack app, a local model and an open page. */
import { launchBrowser, openPage, WITHOUT_BROWSER } from '../support/browser.ts';
import { eventually } from '../support/eventually.ts';
import { LOCAL_MODEL, startLocalModelServer } from '../support/local-model-server.ts';
import { startPostgres, whyNoPostgres } from '../support/postgres-server.ts';
import { slackAppEnv } from '../support/slack-app-env.ts';
import { startSlackApp } from '../support/slack-app-server.ts';

export interface Surroundings {
  readonly env: Readonly<Record<string, string>>;
  /** Resolves once the local model was asked and Slack has a message. */
  alerted(): Promise<unknown>;
  openPage(url: string): Promise<void>;
  close(): Promise<void>;
}

/** Why they cannot be started here; undefined if they can. */
export function whyNoSurroundings(): string | undefined {
  return whyNoPostgres() ?? (WITHOUT_BROWSER ? 'needs Chromium' : undefined);
}

export async function startSurroundings(): Promise<Surroundings> {
  const postgres = await startPostgres();
  const slack = await startSlackApp();
  const model = await startLocalModelServer();
  const browser = await launchBrowser();
  return {
    env: {
      ...slackAppEnv(slack),
      AGENT_NAME: 'bench',
      DATABASE_URL: postgres.createDatabase(),
      LOCAL_MODEL,
      LOCAL_MODEL_URL: model.url,
      DIAGNOSE_WITH: 'local-first',
    },
    alerted: () => eventually(() => (slack.shown().length > 0 && model.requests.length > 0) || undefined),
    async openPage(url) {
      const { page } = await openPage(browser, url);
      await page.goto('/');
      await page.getByRole('main').getByRole('heading', { level: 1 }).waitFor();
    },
    async close() {
      await browser.close();
      await Promise.all([slack.close(), model.close(), postgres.close()]);
    },
  };
}
