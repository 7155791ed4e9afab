/** docs/settings.md, generated from the tables in src/config/settings.ts. */
import type { Setting } from '../src/config/setting.ts';
import { SETTING_GROUPS } from '../src/config/settings.ts';

const INTRODUCTION = `# Settings

<!-- Generated from src/config/settings.ts by \`npm run docs\`. Edit that file instead. -->

All settings are environment variables. \`npm start\` also reads \`.env\`; [.env.example](../.env.example) lists them all. An empty value counts as unset.

Each secret can also be read from a file: set \`NAME_FILE\` to its path instead of \`NAME\`.

If settings are invalid the agent prints all problems at once and exits with code 78. \`container-doctor check\` does the same without starting the agent, and tests whether Docker, Claude and Slack are reachable.

Settings for single containers are labels, or rules in a policy file: see [policy.md](policy.md). Variables that only Compose reads are in [deployment.md](deployment.md).
`;

const OPENTELEMETRY = `### OpenTelemetry

Every \`OTEL_*\` variable has the meaning that OpenTelemetry specifies; the agent does not override any. Traces are off until \`OTEL_EXPORTER_OTLP_ENDPOINT\` or \`OTEL_TRACES_EXPORTER\` is set. \`/metrics\` is always served, unless \`OTEL_METRICS_EXPORTER=none\`; \`OTEL_METRICS_EXPORTER=otlp\` also pushes the metrics. \`OTEL_LOGS_EXPORTER=otlp\` also sends the agent's own log. \`OTEL_SERVICE_NAME\` is \`container-doctor\` by default. More in [telemetry.md](telemetry.md).
`;

export function settingsPage(): string {
  const groups = SETTING_GROUPS.map(({ title, settings }) => {
    const rows = Object.entries(settings).map(([name, setting]) => row(name, setting));
    return `## ${title}

| name | default | allowed | meaning |
|---|---|---|---|
${rows.join('\n')}
`;
  });
  return [INTRODUCTION, ...groups, OPENTELEMETRY].join('\n');
}

function row(name: string, { default: byDefault, allowed, about, details, secret }: Setting): string {
  const meaning = [`${about}.`, details, secret && `Secret; also \`${name}_FILE\`.`].filter((part) => part);
  const cells = [`\`${name}\``, byDefault ? `\`${byDefault}\`` : '', allowed, capitalized(meaning.join(' '))];
  return `| ${cells.map((cell) => cell.replaceAll('|', '\\|').replaceAll('*', '\\*')).join(' | ')} |`;
}

function capitalized(text: string): string {
  return text.charAt(0).toUpperCase() + text.slice(1);
}
