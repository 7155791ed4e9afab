/** Draws docs/images/alert.svg: an alert as Slack shows it. The message comes from the Slack renderer. */
import type { Alert } from '../src/domain/alert.ts';
import type { Block, Mrkdwn, PlainText, RichElement, RichLink, RichText } from '../src/notifiers/slack/blocks.ts';
import { renderSlack } from '../src/notifiers/slack/message.ts';
import { textWidth } from './text-width.ts';

const AT = Date.UTC(2026, 10, 23, 3, 12, 7);

const ALERT: Alert = {
  id: 'mib3u1c0-1f6d0a7c42',
  kind: 'diagnosed',
  at: AT + 14_000,
  incident: {
    id: 'mib3u1c0-9b1e4d7a50',
    container: {
      id: 'c'.repeat(64),
      name: 'shop-api-1',
      image: 'shop/api:5.1',
      service: 'api',
      project: 'shop',
      labels: {},
      host: 'prod-1',
    },
    fingerprint: 'f1',
    detector: 'log',
    detectors: ['log'],
    summary: 'request 1000 failed: QueuePool limit of size 5 overflow 10 reached',
    patterns: ['error'],
    openedAt: AT,
    lastSeenAt: AT + 2_000,
    occurrences: 40,
    state: 'open',
    trace: { traceId: '4bf92f3577b34da6a3ce929d0e0e4736', spanId: '00f067aa0ba902b7' },
  },
  diagnosis: {
    rootCause:
      'All 15 database connections of the pool are in use and none is returned. The code path that answers /orders takes a connection and does not give it back if the request is cancelled.',
    severity: 'high',
    suggestedFix:
      'Close the session in a finally block in the /orders handler. Until then, raise the size of the pool.',
    autoRestartSafe: true,
    configSuggestions: ['DB_POOL_SIZE=20', 'DB_POOL_TIMEOUT=5'],
    likelyRecurring: true,
    estimatedImpact: 'Requests that need the database wait 30 s and fail. The rest of the shop works.',
    tier: 'claude',
    model: 'claude-haiku-5-5',
    rules: ['pool_exhausted'],
    costUsd: 0.0011,
    at: AT + 3_000,
    afterFailedRestart: false,
    answeredAt: AT + 3_000,
  },
  decision: { kind: 'restart', reason: 'restart_allowed' },
  attempt: {
    id: 'mib3u1c0-77aa01c2d3',
    incidentId: 'mib3u1c0-9b1e4d7a50',
    containerId: 'c'.repeat(64),
    containerName: 'shop-api-1',
    service: 'api',
    project: 'shop',
    startedAt: AT + 3_500,
    outcome: 'recovered',
    detail: 'healthy after 9 s',
    finishedAt: AT + 12_500,
  },
  restartsLastHour: 1,
  excerpt: [
    'ERROR request 1038 failed: QueuePool limit of size 5 overflow 10 reached',
    'ERROR request 1039 failed: QueuePool limit of size 5 overflow 10 reached',
  ],
};

const WIDTH = 760;
const LEFT = 72;
const RIGHT = WIDTH - 28;
const COLUMN = 120;
const GAP = 10;
const SANS = "-apple-system, 'Segoe UI', Helvetica, Arial, sans-serif";
const MONO = "ui-monospace, 'SF Mono', Menlo, Consolas, monospace";
const NO_BREAK_SPACE = '\u00a0';
const COLORS = { text: '#1d1c1d', gray: '#616061', line: '#dddddd', code: '#f8f8f8' };

interface Style {
  readonly size: number;
  readonly bold?: boolean;
  readonly mono?: boolean;
  readonly color?: string;
}

interface Run {
  readonly text: string;
  readonly style: Style;
}

const BODY: Style = { size: 15 };
const SMALL: Style = { size: 12, color: COLORS.gray };
const lineHeight = ({ size }: Style): number => Math.round(size * 1.47);

/** An SVG fragment, and its height in pixels. */
interface Drawn {
  readonly svg: string;
  readonly height: number;
}

export function alertPicture(): string {
  let y = 50;
  let content = '';
  for (const block of renderSlack(ALERT, AT).blocks) {
    const drawn = drawBlock(block, y);
    content += drawn.svg;
    y += drawn.height + GAP;
  }
  const height = y + 14;
  return `<svg xmlns="http://www.w3.org/2000/svg" width="${WIDTH}" height="${height}" viewBox="0 0 ${WIDTH} ${height}" role="img" aria-label="An alert of Container Doctor in Slack" font-family="${SANS}">
<rect x="0.5" y="0.5" width="${WIDTH - 1}" height="${height - 1}" rx="10" fill="#ffffff" stroke="${COLORS.line}"/>
${sender()}${content}</svg>
`;
}

function sender(): string {
  return `<rect x="20" y="20" width="38" height="38" rx="8" fill="#0b7285"/>
<path d="M26 40h6l3-8 5 15 4-10 2 3h6" fill="none" stroke="#ffffff" stroke-width="2.5" stroke-linejoin="round" stroke-linecap="round"/>
${textSvg([{ text: 'Container Doctor', style: { size: 15, bold: true } }], LEFT, 34)}<rect x="${LEFT + 134}" y="22" width="32" height="15" rx="3" fill="#e8e8e8"/>
${textSvg([{ text: 'APP', style: { size: 10, bold: true, color: COLORS.gray } }], LEFT + 139, 33.5)}${textSvg([{ text: '3:12 AM', style: SMALL }], LEFT + 174, 34)}`;
}

function drawBlock(block: Block, y: number): Drawn {
  switch (block.type) {
    case 'header':
      return drawRuns([{ text: unescaped(block.text.text), style: { size: 18, bold: true } }], LEFT, y, RIGHT - LEFT);
    case 'section':
      return drawFields(block.fields, y);
    case 'rich_text':
      return stacked(
        block.elements.map((element) => (at: number) => drawRich(element, at)),
        y,
      );
    case 'context': {
      // Lines break only between the elements.
      const text = block.elements.map((element) => unescaped(element.text).replaceAll(' ', NO_BREAK_SPACE)).join('   ');
      return drawRuns([{ text, style: SMALL }], LEFT, y, RIGHT - LEFT);
    }
    case 'divider':
      return { svg: `<path d="M${LEFT} ${y + 4}H${RIGHT}" stroke="${COLORS.line}"/>\n`, height: 8 };
    default:
      return block satisfies never;
  }
}

/** Slack shows fields in two columns, row by row. */
function drawFields(fields: readonly (PlainText | Mrkdwn)[], y: number): Drawn {
  const rows: ((at: number) => Drawn)[] = [];
  for (let i = 0; i < fields.length; i += 2) {
    rows.push((at) => {
      const [left, right] = fields.slice(i, i + 2).map((field, column) => {
        const text = unescaped(field.text);
        const bold = field.type === 'mrkdwn' && text.startsWith('*');
        const run = { text: bold ? text.slice(1, -1) : text, style: { ...BODY, bold } };
        const x = LEFT + column * COLUMN;
        return drawRuns([run], x, at, (column === 0 ? LEFT + COLUMN : RIGHT) - x);
      });
      return {
        svg: `${left?.svg ?? ''}${right?.svg ?? ''}`,
        height: Math.max(left?.height ?? 0, right?.height ?? 0) + 2,
      };
    });
  }
  return stacked(rows, y);
}

function drawRich(element: RichElement, y: number): Drawn {
  switch (element.type) {
    case 'rich_text_section':
      return drawRuns(element.elements.map(runOf), LEFT, y, RIGHT - LEFT);
    case 'rich_text_list':
      return stacked(
        element.elements.map((item) => (at: number) => {
          const drawn = drawRuns(item.elements.map(runOf), LEFT + 24, at, RIGHT - LEFT - 24);
          return {
            ...drawn,
            svg: `<circle cx="${LEFT + 12}" cy="${at + 11}" r="2.5" fill="${COLORS.text}"/>\n${drawn.svg}`,
          };
        }),
        y,
      );
    case 'rich_text_preformatted': {
      const style: Style = { size: 12, mono: true };
      const runs = element.elements.map(({ text }) => ({ text: unescaped(text), style }));
      const drawn = drawRuns(runs, LEFT + 10, y + 9, RIGHT - LEFT - 20);
      const height = drawn.height + 18;
      return {
        svg: `<rect x="${LEFT}" y="${y}" width="${RIGHT - LEFT}" height="${height}" rx="4" fill="${COLORS.code}" stroke="${COLORS.line}"/>\n${drawn.svg}`,
        height,
      };
    }
    default:
      return element satisfies never;
  }
}

function runOf(element: RichText | RichLink): Run {
  const { text } = element;
  const style = 'style' in element ? element.style : undefined;
  return { text: unescaped(text), style: { ...BODY, bold: style?.bold ?? false } };
}

function stacked(parts: readonly ((y: number) => Drawn)[], y: number): Drawn {
  let svg = '';
  let height = 0;
  for (const part of parts) {
    const drawn = part(y + height);
    svg += drawn.svg;
    height += drawn.height;
  }
  return { svg, height };
}

function drawRuns(runs: readonly Run[], x: number, y: number, width: number): Drawn {
  const lines = wrap(runs, width);
  const step = Math.max(...runs.map(({ style }) => lineHeight(style)));
  const ascent = Math.max(...runs.map(({ style }) => style.size));
  const baseline = (step + ascent * 0.72) / 2;
  return {
    svg: lines.map((line, i) => textSvg(line, x, y + i * step + baseline)).join(''),
    height: lines.length * step,
  };
}

/** Breaks at spaces and newlines. */
function wrap(runs: readonly Run[], width: number): Run[][] {
  const lines: Run[][] = [[]];
  let used = 0;
  const newLine = (): void => {
    lines.push([]);
    used = 0;
  };
  for (const { text, style } of runs) {
    for (const [i, paragraph] of text.split('\n').entries()) {
      if (i > 0) newLine();
      for (const word of paragraph.match(/ +|[^ ]+/g) ?? []) {
        const wordWidth = textWidth(word, style);
        if (used > 0 && used + wordWidth > width) {
          newLine();
          if (word.trim() === '') continue;
        }
        lines.at(-1)?.push({ text: word, style });
        used += wordWidth;
      }
    }
  }
  return lines;
}

function textSvg(line: readonly Run[], x: number, y: number): string {
  const spans = joined(line).map(({ text, style }) => {
    const { size, bold, mono, color = COLORS.text } = style;
    const font = `font-size="${size}" fill="${color}"${bold ? ' font-weight="700"' : ''}${mono ? ` font-family="${MONO}"` : ''}`;
    return `<tspan ${font}>${escaped(text)}</tspan>`;
  });
  return spans.length === 0 ? '' : `<text x="${x}" y="${round(y)}" xml:space="preserve">${spans.join('')}</text>\n`;
}

/** Merges adjacent runs of the same style. */
function joined(line: readonly Run[]): Run[] {
  const runs: Run[] = [];
  for (const run of line) {
    const last = runs.at(-1);
    if (last?.style === run.style) runs[runs.length - 1] = { text: last.text + run.text, style: last.style };
    else runs.push(run);
  }
  return runs;
}

function round(value: number): number {
  return Math.round(value * 10) / 10;
}

function unescaped(text: string): string {
  return text.replaceAll('&lt;', '<').replaceAll('&gt;', '>').replaceAll('&amp;', '&');
}

function escaped(text: string): string {
  return text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;');
}
