import { httpUrl, type SettingTable, token, type ValuesOf } from '../../config/setting.ts';
import { withoutCredentials } from '../post.ts';
import { minSeveritySetting, onlySetting, type ReceiverModule, type ReceiverSettings } from '../receiver-module.ts';
import { type AlertmanagerOptions, checkAlertmanager, createAlertmanager } from './api.ts';

const SETTINGS = {
  ALERTMANAGER_URL: {
    schema: httpUrl(),
    allowed: 'an http or https URL',
    about: 'an Alertmanager that gets alerts; user name and password may be in the URL',
    details: 'See [receivers.md](receivers.md#alertmanager).',
    secret: true,
  },
  ALERTMANAGER_TOKEN: {
    schema: token(),
    allowed: 'printable ASCII without spaces',
    about: 'the bearer token for Alertmanager',
    secret: true,
  },
  ALERTMANAGER_MIN_SEVERITY: minSeveritySetting('Alertmanager'),
  ALERTMANAGER_ONLY: onlySetting('Alertmanager'),
} as const satisfies SettingTable;

interface AlertmanagerSettings extends ReceiverSettings, Pick<AlertmanagerOptions, 'url' | 'authorization'> {}

/** Sends alerts to Alertmanager, repeats them while the incident is open, and resolves them at its end. */
export const alertmanager: ReceiverModule<typeof SETTINGS, AlertmanagerSettings> = {
  name: 'alertmanager',
  title: 'Alertmanager',
  follows: true,
  groups: true,
  settings: SETTINGS,
  configure(values: ValuesOf<typeof SETTINGS>, refuse) {
    const { ALERTMANAGER_URL: given, ALERTMANAGER_TOKEN: bearer } = values;
    if (given === undefined) {
      if (bearer !== undefined) refuse('ALERTMANAGER_TOKEN', 'has no effect without ALERTMANAGER_URL');
      return undefined;
    }
    const { url, authorization } = withoutCredentials(given);
    if (authorization !== undefined && bearer !== undefined) {
      refuse('ALERTMANAGER_TOKEN', 'must be unset if ALERTMANAGER_URL contains a user name or a password');
      return undefined;
    }
    return {
      url,
      authorization: bearer === undefined ? authorization : `Bearer ${bearer}`,
      minSeverity: values.ALERTMANAGER_MIN_SEVERITY,
      only: values.ALERTMANAGER_ONLY,
    };
  },
  create: (settings, deps) => createAlertmanager({ ...settings, ...deps }),
  check: (settings) => checkAlertmanager(settings),
};
