/** Formats the results of `scan`. */
import type { ScannedIncident, ScanResult } from './session.ts';

export function printJson(result: ScanResult): string {
  return JSON.stringify(
    {
      lines: result.lines,
      troubled_records: result.errors,
      incidents: result.incidents.map((incident) => ({
        container: incident.container,
        fingerprint: incident.fingerprint,
        tier: incident.tier,
        level: incident.level ?? null,
        occurrences: incident.occurrences,
        line: incident.line,
        first_at: iso(incident.firstAt),
        last_at: iso(incident.lastAt),
        patterns: incident.patterns,
        summary: incident.summary,
        record: incident.record,
        ...(incident.samples === undefined ? {} : { samples: incident.samples }),
      })),
    },
    null,
    2,
  );
}

/** For a terminal: the most frequent first, each with its first record. */
export function printIncidents(result: ScanResult): string {
  const head = `${count(result.lines, 'line')}, ${count(result.errors, 'error record')}, ${count(result.incidents.length, 'incident')}`;
  if (result.incidents.length === 0) return head;
  const sorted = [...result.incidents].sort((a, b) => b.occurrences - a.occurrences);
  return `${head}\n\n${sorted.map(paragraph).join('\n\n')}`;
}

const RECORD_LINES = 6;
const LINE_WIDTH = 200;

function paragraph(incident: ScannedIncident): string {
  const when = incident.firstAt === undefined ? '' : `, ${iso(incident.firstAt)} to ${iso(incident.lastAt)}`;
  const lines = (incident.samples ?? incident.record.split('\n', RECORD_LINES + 1)).map((line) =>
    line.length > LINE_WIDTH ? `${line.slice(0, LINE_WIDTH - 1)}…` : line,
  );
  const shown = lines.length > RECORD_LINES ? [...lines.slice(0, RECORD_LINES), '…'] : lines;
  return [
    `${count(incident.occurrences, 'time')}  ${incident.container}  ${incident.summary}`,
    `  ${incident.fingerprint}  ${incident.tier} (${incident.patterns.join(', ')}), line ${incident.line}${when}`,
    ...shown.map((line) => `  │ ${line}`),
  ].join('\n');
}

function count(n: number, noun: string): string {
  return `${n.toLocaleString('en-US')} ${noun}${n === 1 ? '' : 's'}`;
}

function iso(time: number | undefined): string | null {
  return time === undefined ? null : new Date(time).toISOString();
}
