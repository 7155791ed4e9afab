/** A real Alertmanager with the configuration file that compose mounts. */
import { spawn } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { readRepositoryFile } from '../deploy/compose-file.ts';
import { eventually } from '../support/eventually.ts';
import { freePort } from './prometheus.ts';

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
  const child = spawn(
    program,
    [
      `--config.file=${config}`,
      `--storage.path=${folder}/data`,
      `--web.listen-address=${address}`,
      '--cluster.listen-address=',
    ],
    { stdio: ['ignore', 'ignore', 'pipe'] },
  );
  let output = '';
  child.stderr.on('data', (chunk) => {
    output += chunk;
  });
  const exited = new Promise<void>((resolve) => child.on('close', () => resolve()));
  const stop = async () => {
    child.kill('SIGTERM');
    const timer = setTimeout(() => child.kill('SIGKILL'), 10_000);
    await exited;
    clearTimeout(timer);
    rmSync(folder, { recursive: true, force: true });
  };
  try {
    await Promise.race([
      eventually(async () => ((await fetch(`http://${address}/-/ready`)).ok ? true : undefined), {
        deadlineMs: 20_000,
      }),
      exited.then(() => Promise.reject(new Error(`Alertmanager exited:\n${output}`))),
    ]);
  } catch (error) {
    await stop();
    throw error;
  }
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
