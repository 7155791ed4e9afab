/** Implements the tracing port of the pipeline with OpenTelemetry. */
import {
  type Attributes,
  type Context,
  context,
  createContextKey,
  diag,
  type Link,
  ROOT_CONTEXT,
  type Span,
  type SpanContext,
  SpanKind,
  SpanStatusCode,
  TraceFlags,
  type Tracer,
  trace,
} from '@opentelemetry/api';
import type { Incident, TraceLink } from '../domain/incident.ts';
import { DoctorError } from '../errors.ts';
import { SPANS, type SpanDetails, type SpanOptions, type Tracing } from '../pipeline/tracing.ts';
import { describe, describeContainer, describeIncident } from './attributes.ts';
import { ATTRIBUTES, ON_INCIDENT, OTHER } from './names.ts';

/** Context key of the incident's root span, to which some attributes of its stages are copied (ON_INCIDENT). */
const INCIDENT = createContextKey('incident');

export function createTracing(tracer: Tracer): Tracing {
  function span<Result>(
    name: string,
    work: () => Result,
    details?: (result: Awaited<Result>) => SpanDetails,
    { kind, childOf, linkTo }: SpanOptions = {},
  ): Result {
    const active = context.active();
    const parent = childOf === undefined ? active : trace.setSpanContext(active, toSpanContext(childOf));
    const options = {
      kind: kind === 'client' ? SpanKind.CLIENT : SpanKind.INTERNAL,
      ...(linkTo === undefined ? {} : { root: true, links: [{ context: toSpanContext(linkTo) }] }),
    };
    return tracer.startActiveSpan(name, options, parent, (started) =>
      endWith(started, work, (result) => {
        if (details === undefined) return;
        const attributes = annotate(started, () => describe(details(result as Awaited<Result>)));
        if (kind !== 'client') annotateIncident(active, attributes);
      }),
    );
  }

  function incident<Result>(
    of: Incident,
    earlier: TraceLink | undefined,
    work: (link: TraceLink | undefined) => Promise<Result>,
  ): Promise<Result> {
    const links: Link[] = earlier === undefined ? [] : [{ context: toSpanContext(earlier) }];
    const attributes = { ...describeContainer(of.container), ...describeIncident(of) };
    // A trace that continues an earlier one starts now, not when the incident was opened.
    const startTime = earlier === undefined ? of.openedAt : undefined;
    return tracer.startActiveSpan(
      SPANS.incident(of.container.name),
      { root: true, attributes, links, startTime },
      ROOT_CONTEXT,
      (root) => endWith(root, () => context.with(context.active().setValue(INCIDENT, root), () => work(linkOf(root)))),
    );
  }

  return { span, incident };
}

/**
 * A link to the active span; undefined if tracing is off or the trace is not sampled, so that no dead link is shown.
 */
export function currentTraceLink(): TraceLink | undefined {
  const span = trace.getSpan(context.active());
  return span && linkOf(span);
}

function linkOf(span: Span): TraceLink | undefined {
  const { traceId, spanId, traceFlags } = span.spanContext();
  return span.isRecording() && (traceFlags & TraceFlags.SAMPLED) !== 0 ? { traceId, spanId } : undefined;
}

function toSpanContext({ traceId, spanId }: TraceLink): SpanContext {
  return { traceId, spanId, traceFlags: TraceFlags.SAMPLED, isRemote: true };
}

/** Runs `work` and ends the span when it is done, synchronously or later. */
function endWith<Result>(span: Span, work: () => Result, onResult: (result: unknown) => void = () => {}): Result {
  const fail = (error: unknown): never => {
    span.setAttribute(ATTRIBUTES.errorType, errorType(error));
    span.setStatus({ code: SpanStatusCode.ERROR });
    span.end();
    throw error;
  };
  const succeed = <T>(result: T): T => {
    onResult(result);
    span.end();
    return result;
  };
  let result: Result;
  try {
    result = work();
  } catch (error) {
    return fail(error);
  }
  return result instanceof Promise ? (result.then(succeed, fail) as Result) : succeed(result);
}

/** Adds attributes to the span. `error.type` marks it as failed. An error in `attributesOf` must not stop the work. */
function annotate(span: Span, attributesOf: () => Attributes): Attributes | undefined {
  if (!span.isRecording()) return undefined;
  try {
    const attributes = attributesOf();
    span.setAttributes(attributes);
    if (attributes[ATTRIBUTES.errorType] !== undefined) span.setStatus({ code: SpanStatusCode.ERROR });
    return attributes;
  } catch (error) {
    diag.error(`a span could not be described: ${errorType(error)}`);
    return undefined;
  }
}

/**
 * Copies attributes to the incident's root span. If the incident has several rounds, the values of the last one remain.
 */
function annotateIncident(active: Context, attributes: Attributes | undefined): void {
  const root = active.getValue(INCIDENT) as Span | undefined;
  if (root === undefined || attributes === undefined) return;
  for (const name of ON_INCIDENT) {
    const value = attributes[name];
    if (value !== undefined) root.setAttribute(name, value);
  }
}

/** Returns a value from a closed list, never the message, which may quote a log. */
function errorType(error: unknown): string {
  if (error instanceof DoctorError) return error.reason;
  if (error instanceof Error && error.name === 'TimeoutError') return 'timeout';
  if (error instanceof Error && error.name === 'AbortError') return 'aborted';
  return OTHER;
}
