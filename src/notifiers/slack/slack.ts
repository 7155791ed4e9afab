import { httpUrl, type SettingTable, type ValuesOf } from '../../config/setting.ts';
import { minSeveritySetting, type ReceiverModule, type ReceiverSettings } from '../receiver-module.ts';
import { checkSlackWebhook, createSlackWebhook } from './webhook.ts';

const SETTINGS = {
  SLACK_WEBHOOK_URL: {
    schema: httpUrl(),
    allowed: 'an http or https URL',
    about: "an incoming webhook for alerts; without any receiver, alerts are written to the agent's log",
    secret: true,
  },
  SLACK_MIN_SEVERITY: minSeveritySetting('Slack'),
} as const satisfies SettingTable;

interface SlackSettings extends ReceiverSettings {
  readonly webhookUrl: string;
}

/** Sends alerts to an incoming webhook of Slack. */
export const slack: ReceiverModule<typeof SETTINGS, SlackSettings> = {
  name: 'slack',
  title: 'Slack',
  settings: SETTINGS,
  configure: ({ SLACK_WEBHOOK_URL: webhookUrl, SLACK_MIN_SEVERITY: minSeverity }: ValuesOf<typeof SETTINGS>) =>
    webhookUrl === undefined ? undefined : { webhookUrl, minSeverity },
  create: ({ webhookUrl }, { now, timeoutMs, publicUrl }) =>
    createSlackWebhook({ webhookUrl, now, timeoutMs, publicUrl }),
  check: ({ webhookUrl }) => checkSlackWebhook({ webhookUrl }),
};
