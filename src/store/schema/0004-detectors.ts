import type { Migration } from './migration.ts';

/** All detectors of an incident, as a JSON array. Null in rows of earlier versions, which listed them in `patterns`. */
export const incidentDetectors: Migration = {
  version: 4,
  name: 'incident-detectors',
  statements: ['ALTER TABLE incidents ADD COLUMN detectors TEXT'],
};
