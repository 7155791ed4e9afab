import { type PointerEvent, type ReactElement, useState } from 'react';
import { counted, duration, local } from '../lib/format.ts';
import { isPlainClick, navigate } from '../lib/router.ts';
import { iconPath } from '../ui/icons.tsx';
import { joinSpans, type Span, type TimeRange, tickLabel, timeTicks } from './scale.ts';
import { useWidth } from './use-width.ts';

export interface LaneIncident extends Span {
  readonly id: string;
  readonly title: string;
  readonly severity: string | null;
  readonly isOpen: boolean;
}

export interface LaneMark {
  readonly at: number;
  readonly kind: 'restart' | 'deployment';
  readonly title: string;
}

export interface Lane {
  readonly name: string;
  /** In the order of `from`. */
  readonly incidents: readonly LaneIncident[];
  readonly marks: readonly LaneMark[];
}

const AXIS = 30;
/** The label of a tick, at most. */
const TICK_WIDTH = 62;
/** The shape of the severity, and the bar behind it. */
const SHAPE = 14;
const BAR = 8;
const MARK = 14;
/** Marks nearer than this, in pixels, are drawn as one. */
const NEAR = 4;
/** A shorter drag is a click. */
const DRAG = 8;
const WORST = ['high', 'medium', 'low'];
/** An octagon, a triangle, a circle, as elsewhere on the page. */
const SHAPES: Readonly<Record<string, string>> = {
  high: 'M4 0h6l4 4v6l-4 4H4l-4-4V4Z',
  medium: 'M7 .5 14 13.5H0Z',
  low: 'M7 1a6 6 0 1 1 0 12A6 6 0 0 1 7 1Z',
};

/** Incidents of each service as bars over time, with restarts and deployments above them. */
export function Lanes({
  lanes,
  absences,
  range,
  now,
  onRange,
}: {
  readonly lanes: readonly Lane[];
  /** When the agent did not run. */
  readonly absences: readonly Span[];
  readonly range: TimeRange;
  readonly now: number;
  readonly onRange: (range: TimeRange) => void;
}): ReactElement {
  const [ref, width] = useWidth<HTMLDivElement>();
  const [drag, setDrag] = useState<{ readonly from: number; readonly to: number }>();
  const isNarrow = width < 640;
  const labels = isNarrow ? 0 : 168;
  const laneHeight = isNarrow ? 56 : 42;
  const height = AXIS + lanes.length * laneHeight + 6;
  // Room for the shape of an incident that begins now.
  const chart = Math.max(1, width - labels - SHAPE / 2);
  const perPixel = (range.to - range.from) / chart;
  const x = (time: number) => labels + Math.min(chart, Math.max(0, (time - range.from) / perPixel));
  const timeAt = (event: PointerEvent<SVGSVGElement>) =>
    range.from + Math.max(0, event.clientX - event.currentTarget.getBoundingClientRect().left - labels) * perPixel;

  return (
    <div ref={ref} className="lanes">
      {width === 0 ? null : (
        <svg
          width={width}
          height={height}
          role="group"
          aria-label={`Incidents of ${counted(lanes.length, 'service')} over time`}
          onPointerDown={(event) => {
            if (event.button === 0 && event.pointerType === 'mouse')
              setDrag({ from: timeAt(event), to: timeAt(event) });
          }}
          onPointerMove={(event) => {
            if (drag) setDrag({ ...drag, to: timeAt(event) });
          }}
          onPointerLeave={() => setDrag(undefined)}
          onPointerUp={() => {
            setDrag(undefined);
            if (!drag || Math.abs(drag.to - drag.from) < DRAG * perPixel) return;
            onRange({ from: Math.min(drag.from, drag.to), to: Math.max(drag.from, drag.to) });
          }}
        >
          <defs>
            <pattern id="absent" width="7" height="7" patternUnits="userSpaceOnUse" patternTransform="rotate(45)">
              <rect className="absent-line" width="2" height="7" />
            </pattern>
          </defs>
          {timeTicks(range, Math.max(2, Math.floor(chart / (isNarrow ? TICK_WIDTH : 96)))).map((tick) => (
            <g key={tick}>
              <line className="grid" x1={x(tick)} x2={x(tick)} y1={AXIS - 6} y2={height} />
              {x(tick) + TICK_WIDTH > width ? null : (
                <text className="tick" x={x(tick) + 4} y="14">
                  {tickLabel(tick, range)}
                </text>
              )}
            </g>
          ))}
          {absences.map(({ from, to }) => (
            <rect
              key={from}
              x={x(from)}
              y={AXIS}
              width={Math.max(2, x(to) - x(from))}
              height={height - AXIS}
              fill="url(#absent)"
            >
              <title>{`The agent did not run for ${duration(to - from)}: ${local(from, now)} to ${local(to, now)}`}</title>
            </rect>
          ))}
          {lanes.map((lane, row) => (
            <g key={lane.name} transform={`translate(0 ${AXIS + row * laneHeight})`}>
              <line className="grid" x1="0" x2={width} y1="0" y2="0" />
              <text className="lane-name" x="0" y={isNarrow ? 16 : laneHeight / 2 + 5}>
                {shorten(lane.name, isNarrow ? 40 : 20)}
                <title>{lane.name}</title>
              </text>
              <LaneMarks marks={lane.marks} x={x} range={range} now={now} top={isNarrow ? 20 : 4} />
              <LaneBars
                lane={lane}
                x={x}
                perPixel={perPixel}
                range={range}
                now={now}
                top={laneHeight - SHAPE - 5}
                onRange={onRange}
              />
            </g>
          ))}
          {now > range.from && now < range.to ? (
            <line className="now-line" x1={x(now)} x2={x(now)} y1={AXIS - 8} y2={height} />
          ) : null}
          {drag ? (
            <rect
              className="selection"
              x={x(Math.min(drag.from, drag.to))}
              y={AXIS}
              width={Math.abs(x(drag.to) - x(drag.from))}
              height={height - AXIS}
            />
          ) : null}
        </svg>
      )}
    </div>
  );
}

interface Drawing {
  readonly x: (time: number) => number;
  readonly range: TimeRange;
  readonly now: number;
  readonly top: number;
}

function LaneBars({
  lane,
  x,
  perPixel,
  range,
  now,
  top,
  onRange,
}: Drawing & {
  readonly lane: Lane;
  readonly perPixel: number;
  readonly onRange: (range: TimeRange) => void;
}): ReactElement {
  const visible = lane.incidents.filter(({ from, to }) => to >= range.from && from <= range.to);
  return (
    <>
      {joinSpans(visible, NEAR * perPixel).map(({ from, to, all }) => {
        const [first] = all;
        if (!first) return null;
        const worst = WORST.find((severity) => all.some((one) => one.severity === severity)) ?? 'none';
        const one = all.length === 1;
        const title = one
          ? `${first.title}\n${first.severity ?? 'not diagnosed'}, ${local(first.from, now)}, ${first.isOpen ? 'open' : `lasted ${duration(first.to - first.from)}`}`
          : `${counted(all.length, 'incident')} of ${lane.name}, ${local(from, now)} to ${local(to, now)}; the worst is ${worst}`;
        const margin = Math.max((to - from) * 0.1, 1_000);
        const href = `/incidents/${encodeURIComponent(first.id)}`;
        return (
          <a
            key={first.id}
            href={one ? href : `/timeline?from=${Math.floor(from - margin)}&to=${Math.ceil(to + margin)}`}
            aria-label={title}
            data-entry
            onClick={(event) => {
              if (!isPlainClick(event)) return;
              event.preventDefault();
              if (one) navigate(href);
              else onRange({ from: from - margin, to: to + margin });
            }}
          >
            <title>{title}</title>
            <Bar
              severity={worst}
              isOpen={all.some(({ isOpen }) => isOpen)}
              x={x(from)}
              width={x(to) - x(from)}
              y={top}
            />
          </a>
        );
      })}
    </>
  );
}

/** Severity is a colour and a shape: on its own where the bar is short, else at its beginning. */
function Bar({
  severity,
  isOpen,
  x,
  y,
  width,
}: {
  readonly severity: string;
  readonly isOpen: boolean;
  readonly x: number;
  readonly y: number;
  readonly width: number;
}): ReactElement {
  const shape = SHAPES[severity] ?? SHAPES.low;
  const left = Math.max(0, x - (width < SHAPE ? (SHAPE - width) / 2 : 0));
  return (
    <g className={`bar ${severity}${isOpen ? ' open' : ''}`} transform={`translate(${left} ${y})`}>
      <rect className="hit" x="-2" y="-4" width={Math.max(SHAPE, width) + 4} height={SHAPE + 8} />
      {width > SHAPE ? <rect className="length" y={(SHAPE - BAR) / 2} width={width} height={BAR} rx="3" /> : null}
      <path className="shape" d={shape} />
    </g>
  );
}

function LaneMarks({ marks, x, range, now, top }: Drawing & { readonly marks: readonly LaneMark[] }): ReactElement {
  let last = Number.NEGATIVE_INFINITY;
  return (
    <>
      {marks
        .filter(({ at }) => at >= range.from && at <= range.to)
        .map((mark) => {
          // Where marks would cover each other, the first one stands for all; the table below has each.
          if (x(mark.at) - last < MARK) return null;
          last = x(mark.at);
          return (
            <g
              key={`${mark.kind} ${mark.at}`}
              className={`mark ${mark.kind}`}
              transform={`translate(${x(mark.at) - MARK / 2} ${top})`}
            >
              <title>{`${mark.title}, ${local(mark.at, now)}`}</title>
              <rect width={MARK} height={MARK} fill="transparent" />
              <path d={iconPath(mark.kind)} transform="scale(.65)" />
            </g>
          );
        })}
    </>
  );
}

function shorten(text: string, most: number): string {
  return text.length <= most ? text : `${text.slice(0, most - 1)}…`;
}
