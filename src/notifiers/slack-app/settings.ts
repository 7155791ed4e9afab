import { httpUrl, type SettingTable, text, token, type ValuesOf } from '../../config/setting.ts';
import { minSeveritySetting, type ReceiverSettings, type RefuseSetting } from '../receiver-module.ts';

/** Ids of channels begin with C, of private ones from before 2021 with G, of direct messages with D. */
const CHANNEL_ID = /^[CGD][A-Z0-9]{7,20}$/;
const USER_ID = /^[UW][A-Z0-9]{7,20}$/;

export const SLACK_APP_SETTINGS = {
  SLACK_BOT_TOKEN: {
    schema: token().startsWith('xoxb-'),
    allowed: 'the bot token of a Slack app, which begins with xoxb-',
    about: 'a Slack app for alerts, with one message for each incident; see slack.md',
    secret: true,
  },
  SLACK_CHANNEL: {
    schema: text().regex(CHANNEL_ID),
    allowed: 'the id of a channel, such as C0123456789, not its name (in Slack: the name of the channel, then About)',
    about: 'the channel of the Slack app, by its id',
  },
  SLACK_APP_TOKEN: {
    schema: token().startsWith('xapp-'),
    allowed: 'the app-level token of the Slack app, which begins with xapp-',
    about: 'makes the buttons of the Slack app work, without an open port',
    secret: true,
  },
  SLACK_APPROVERS: {
    schema: text()
      .transform((value) => value.split(/[\s,]+/).filter((id) => id !== ''))
      .refine((ids) => ids.every((id) => USER_ID.test(id))),
    allowed:
      'ids of Slack users, such as U0123456789, separated by commas, not their names (in Slack: their profile, ⋮)',
    about: 'who may press the buttons; if unset, nobody',
  },
  SLACK_API_URL: {
    schema: httpUrl(),
    default: 'https://slack.com/api/',
    allowed: 'an http or https URL',
    about: "the address of Slack's Web API",
  },
  SLACK_APP_MIN_SEVERITY: minSeveritySetting('the Slack app'),
} as const satisfies SettingTable;

export interface SlackAppSettings extends ReceiverSettings {
  readonly botToken: string;
  readonly channel: string;
  readonly appToken?: string;
  readonly approvers: readonly string[];
  readonly apiUrl: string;
}

export function configureSlackApp(
  values: ValuesOf<typeof SLACK_APP_SETTINGS>,
  refuse: RefuseSetting<typeof SLACK_APP_SETTINGS>,
): SlackAppSettings | undefined {
  const { SLACK_BOT_TOKEN: botToken, SLACK_CHANNEL: channel, SLACK_APP_TOKEN: appToken } = values;
  const approvers = values.SLACK_APPROVERS ?? [];
  const needs = (name: keyof typeof SLACK_APP_SETTINGS, because: string) =>
    refuse(name, `is required with ${because}; must be ${SLACK_APP_SETTINGS[name].allowed}`);

  if (approvers.length > 0 && appToken === undefined) needs('SLACK_APP_TOKEN', 'SLACK_APPROVERS');
  if (botToken === undefined) {
    const other = channel !== undefined ? 'SLACK_CHANNEL' : appToken !== undefined ? 'SLACK_APP_TOKEN' : undefined;
    if (other !== undefined) needs('SLACK_BOT_TOKEN', other);
    return undefined;
  }
  if (channel === undefined) {
    needs('SLACK_CHANNEL', 'SLACK_BOT_TOKEN');
    return undefined;
  }
  const { SLACK_API_URL: apiUrl, SLACK_APP_MIN_SEVERITY: minSeverity } = values;
  return { botToken, channel, appToken, approvers, apiUrl, minSeverity };
}
