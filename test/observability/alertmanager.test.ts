/** The real Alertmanager with our configuration. A local HTTP server takes the place of Slack. */
import path from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { REPOSITORY, readComposeFile } from '../deploy/compose-file.ts';
import { eventually } from '../support/eventually.ts';
import { startHttpStandIn } from '../support/http-stand-in.ts';
import { type SlackServer, startSlackServer } from '../support/slack-server.ts';
import { type Alertmanager, startAlertmanager } from './alertmanager.ts';
import { check, describeWith } from './programs.ts';
import { startPrometheus } from './prometheus.ts';

it('compose mounts the tested file', () => {
  expect(readComposeFile().services.alertmanager?.volumes).toContain(
    './grafana/alertmanager/alertmanager.yml:/etc/alertmanager/alertmanager.yml:ro',
  );
});

describeWith(['amtool'], 'amtool', (amtool) => {
  it('accepts the configuration', () => {
    const file = path.join(REPOSITORY, 'grafana/alertmanager/alertmanager.yml');
    const { output, code } = check(amtool as string, ['check-config', file]);
    expect({ output, code }).toMatchObject({ code: 0 });
  });
});

interface Attachment {
  readonly title: string;
  readonly title_link?: string;
  readonly text: string;
  readonly fallback: string;
  readonly color: string;
  readonly mrkdwn_in: readonly string[];
}

describeWith(['prometheus-alertmanager'], 'a Slack message from Alertmanager', (program) => {
  let slack: SlackServer;
  let alertmanager: Alertmanager;
  beforeEach(async () => {
    slack = await startSlackServer();
    alertmanager = await startAlertmanager(program as string, slack.webhookUrl);
  });
  afterEach(async () => {
    await alertmanager.stop();
    await slack.close();
  });

  async function send(annotations: Readonly<Record<string, string>>): Promise<Attachment> {
    const labels = { alertname: 'ContainerDoctorRestartsNotHelping', severity: 'critical' };
    await alertmanager.post({ labels, annotations });
    const post = await eventually(() => slack.posts[0], { deadlineMs: 60_000 });
    return post.body.attachments[0];
  }

  it('says what is wrong, and names the runbook', async () => {
    const attachment = await send({
      summary: 'web did not recover',
      description: 'Someone must look at it.',
      runbook_url: 'docs/runbooks/restarts-not-helping.md',
    });
    expect(attachment).toMatchObject({ title: 'ContainerDoctorRestartsNotHelping', color: 'danger' });
    expect(attachment.text.trim().split('\n')).toEqual([
      'web did not recover',
      'Someone must look at it.',
      'What to do: docs/runbooks/restarts-not-helping.md',
    ]);
    expect(attachment.title_link ?? '').toBe('');
  });

  it('links the runbook if its URL is complete', async () => {
    const runbook_url = 'https://git.example/docs/runbooks/restarts-not-helping.md';
    const attachment = await send({ summary: 'web did not recover', description: 'Look at it.', runbook_url });
    expect(attachment.title_link).toBe(runbook_url);
    expect(attachment.text).toContain(`What to do: ${runbook_url}\n`);
  });

  it('shows text from a log verbatim, without formatting, links or mentions', async () => {
    const hostile =
      '<!channel> <@U123> <https://evil.example|our runbook> https://evil.example *b* _i_ ~s~ `c` a & b > c';
    const attachment = await send({
      summary: hostile,
      description: hostile,
      runbook_url: 'docs/runbooks/restarts-not-helping.md',
    });
    // Alertmanager replaces an empty list with its default, which turns formatting on.
    expect(attachment.mrkdwn_in).toEqual(['pretext']);
    expect(attachment).not.toHaveProperty('pretext');
    for (const text of [attachment.text, attachment.fallback]) {
      // Slack turns these into mentions and links.
      expect(text).not.toMatch(/[<>]|:\/\//);
      const shown = text.replaceAll('&lt;', '<').replaceAll('&gt;', '>').replaceAll('&amp;', '&');
      expect(shown).toContain(hostile.replaceAll('://', ': //'));
    }
  });
});

describeWith(['prometheus', 'prometheus-alertmanager'], 'an alert from Prometheus to Slack', (prometheus, program) => {
  it.each([
    ['names the runbook by its path in the repository', undefined, ''],
    ['links the runbook with RUNBOOK_BASE_URL', 'https://git.example/doctor', 'https://git.example/doctor/'],
  ])(
    '%s',
    async (_, runbookBaseUrl, base) => {
      const slack = await startSlackServer();
      const alertmanager = await startAlertmanager(program as string, slack.webhookUrl);
      const agent = await startHttpStandIn((_request, response) => {
        response.writeHead(200, { 'content-type': 'text/plain; version=0.0.4' });
        response.end(`process_start_time_seconds ${Date.now() / 1e3}
container_doctor_restarts_total{container_name="web",outcome="failed"} 1
`);
      });
      const server = await startPrometheus(prometheus as string, agent.url, {
        runbookBaseUrl,
        alertmanager: alertmanager.address,
      });
      try {
        const { body } = await eventually(() => slack.posts[0], { deadlineMs: 60_000 });
        const [attachment] = body.attachments as Attachment[];
        const runbook = `${base}docs/runbooks/restarts-not-helping.md`;
        expect(attachment?.text).toContain(`web did not recover after a restart by Container Doctor\n`);
        expect(attachment?.text).toContain(`What to do: ${runbook}\n`);
        expect(attachment?.title_link ?? '').toBe(base === '' ? '' : runbook);
        const alerts = (await (await fetch(`http://${alertmanager.address}/api/v2/alerts`)).json()) as {
          labels: Record<string, string>;
        }[];
        expect(Object.keys(alerts[0]?.labels ?? {})).not.toContain('runbook_base_url');
      } finally {
        await server.stop();
        await Promise.all([alertmanager.stop(), agent.close(), slack.close()]);
      }
    },
    60_000,
  );
});
