/** A real Alertmanager with the configuration file that compose mounts. */
import { mkdtempSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { readRepositoryFile } from '../deploy/compose-file.ts';
import { freePort } from '../support/free-port.ts';
import { startProgram } from './programs.ts';

export interface Alertmanager {
  /** Host and port. */
  readonly address: string;
  post(alert: {
    readonly labels: Readonly<Record<string, string>>;
    readonly annotations: Readonly<Record<string, string>>;
  }): Promise<void>;
  stop(): Promise<void>;
}

/** `webhookUrl`: takes the place of Slack's incoming webhook. Groups are sent at once. */
export async function startAlertmanager(program: string, webhookUrl: string): Promise<Alertmanager> {
  const folder = mkdtempSync(path.join(tmpdir(), 'alertmanager-'));
  const webhookFile = path.join(folder, 'slack-webhook');
  writeFileSync(webhookFile, webhookUrl);
  const config = path.join(folder, 'alertmanager.yml');
  writeFileSync(
    config,
    readRepositoryFile('grafana/alertmanager/alertmanager.yml')
      .replace('/etc/alertmanager/slack-webhook', webhookFile)
      .replace('group_wait: 15s', 'group_wait: 0s'),
  );
  const address = `127.0.0.1:${await freePort()}`;
  const { stop } = await startProgram(
    program,
    [
      `--config.file=${config}`,
      `--storage.path=${folder}/data`,
      `--web.listen-address=${address}`,
      '--cluster.listen-address=',
    ],
    { readyUrl: `http://${address}/-/ready`, folder },
  );
  return {
    address,
    async post(alert) {
      const response = await fetch(`http://${address}/api/v2/alerts`, {
        method: 'POST',
        headers: { 'content-type': 'application/json' },
        body: JSON.stringify([alert]),
      });
      if (!response.ok) throw new Error(`Alertmanager answered ${response.status}: ${await response.text()}`);
    },
    stop,
  };
}
