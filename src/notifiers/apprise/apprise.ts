import { httpUrl, type SettingTable, text, type ValuesOf } from '../../config/setting.ts';
import { SEVERITIES, type Severity } from '../../domain/diagnosis.ts';
import { withoutCredentials } from '../post.ts';
import { minSeveritySetting, onlySetting, type ReceiverModule, type ReceiverSettings } from '../receiver-module.ts';
import { type AppriseOptions, checkApprise, createApprise } from './api.ts';

/** Apprise notifies services that have this tag, whatever their other tags are. */
const ALL = 'all';

const SETTINGS = {
  APPRISE_URL: {
    schema: httpUrl().refine((url) => /\/notify\/[^/]+\/?$/.test(new URL(url).pathname)),
    allowed: 'the address of an Apprise API server with a configuration key: http://host:8000/notify/KEY',
    about: 'an Apprise API server, which passes alerts on to a hundred services',
    details: 'See [receivers.md](receivers.md#apprise).',
    secret: true,
  },
  APPRISE_TAGS: {
    schema: text()
      .transform(parseTags)
      .refine((tags) => tags !== undefined),
    default: 'high=high, medium=medium, low=low',
    allowed: `a tag of Apprise for some severities, such as high=pager, medium=chat; a severity without one: ${ALL}`,
    about: 'which services of Apprise get alerts of a severity, by tag',
  },
  APPRISE_MIN_SEVERITY: minSeveritySetting('Apprise'),
  APPRISE_ONLY: onlySetting('Apprise'),
} as const satisfies SettingTable;

interface AppriseSettings extends ReceiverSettings, Pick<AppriseOptions, 'url' | 'authorization' | 'tags'> {}

/** Sends alerts through an Apprise API server. */
export const apprise: ReceiverModule<typeof SETTINGS, AppriseSettings> = {
  name: 'apprise',
  title: 'Apprise',
  settings: SETTINGS,
  configure: (values: ValuesOf<typeof SETTINGS>) =>
    values.APPRISE_URL === undefined
      ? undefined
      : {
          ...withoutCredentials(values.APPRISE_URL),
          tags: values.APPRISE_TAGS ?? {},
          minSeverity: values.APPRISE_MIN_SEVERITY,
          only: values.APPRISE_ONLY,
        },
  create: (settings, deps) => createApprise({ ...settings, ...deps }),
  check: (settings) => checkApprise(settings),
};

function parseTags(given: string): Readonly<Record<Severity, string>> | undefined {
  const tags: Record<Severity, string> = { low: ALL, medium: ALL, high: ALL };
  for (const part of given.split(',')) {
    if (part.trim() === '') continue;
    const [, severity, tag] = /^\s*(\w+)\s*=\s*([\w.-]+)\s*$/.exec(part) ?? [];
    const known = SEVERITIES.find((each) => each === severity);
    if (known === undefined || tag === undefined) return undefined;
    tags[known] = tag;
  }
  return tags;
}
