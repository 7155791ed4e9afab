/**
 * Spans, woven round plain functions at the wiring. With tracing off every function here still calls what it
 * wraps, and gives no trace link.
 */
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
  type SpanOptions,
  SpanStatusCode,
  TraceFlags,
  type Tracer,
  trace,
} from '@opentelemetry/api';
import type { ContainerRef, TraceLink } from '../domain.ts';
import { DoctorError } from '../errors.ts';
import { describeContainer } from './attributes.ts';
import { ATTRIBUTES, ON_INCIDENT, OTHER, SPANS } from './names.ts';

/** What a span says of a call; never log text, prompts or answers. */
export interface Describe<Args extends readonly unknown[], Result> {
  before?(...args: Args): Attributes;
  /** An `error.type` among these marks the span as failed: an expected failure is data, not an exception. */
  after?(result: Result): Attributes;
  /** `client` for calls that leave the process. */
  readonly kind?: 'internal' | 'client';
  /** Continues this trace in place of the active one: a queue does not carry the context, its job does. */
  readonly childOf?: TraceLink;
  /** Begins a trace of its own, linked to this one: for what is done long after it. */
  readonly linkTo?: TraceLink;
}

export interface Tracing {
  /**
   * `fn` in a span of its own, under whichever is active. What `fn` returns or throws passes unchanged; of an
   * error only its closed-list reason is written down.
   */
  traced<Args extends readonly unknown[], Result>(
    name: string | ((...args: Args) => string),
    fn: (...args: Args) => Result,
    describe?: Describe<Args, Awaited<Result>>,
  ): (...args: Args) => Result;
  /**
   * `fn` in a new trace whose root is `incident {container}`, whatever span is active. Ends with `fn`.
   * `annotate` adds to the root what is known only later.
   */
  withIncidentTrace<Result>(
    container: ContainerRef,
    attributes: Attributes,
    fn: (link: TraceLink | undefined, annotate: (attributes: Attributes) => void) => Promise<Result>,
    options?: { readonly startedAt?: number },
  ): Promise<Result>;
  /**
   * `fn` in a new trace linked to an incident's: for what comes after the incident's own trace has ended
   * (work taken up after our restart, a late recovery).
   */
  withLinkedTrace<Result>(
    name: string,
    linkTo: TraceLink | undefined,
    attributes: Attributes,
    fn: (link: TraceLink | undefined, annotate: (attributes: Attributes) => void) => Promise<Result>,
  ): Promise<Result>;
}

/** The root span of the incident that is being handled: what stages find out is wanted there too. */
const INCIDENT = createContextKey('incident');

export function createTracing(tracer: Tracer): Tracing {
  function traced<Args extends readonly unknown[], Result>(
    name: string | ((...args: Args) => string),
    fn: (...args: Args) => Result,
    describe: Describe<Args, Awaited<Result>> = {},
  ): (...args: Args) => Result {
    const { childOf, linkTo } = describe;
    const options: SpanOptions = {
      kind: describe.kind === 'client' ? SpanKind.CLIENT : SpanKind.INTERNAL,
      ...(linkTo === undefined ? {} : { root: true, links: [{ context: toSpanContext(linkTo) }] }),
    };
    return (...args) => {
      const spanName = typeof name === 'string' ? name : name(...args);
      const active = context.active();
      const parent = childOf === undefined ? active : trace.setSpanContext(active, toSpanContext(childOf));
      return tracer.startActiveSpan(spanName, options, parent, (span) => {
        annotate(span, () => describe.before?.(...args));
        return endWith(
          span,
          () => fn(...args),
          (result) => {
            const found = annotate(span, () => describe.after?.(result as Awaited<Result>));
            if (describe.kind !== 'client') annotateIncident(active, found);
          },
        );
      });
    };
  }

  function withRootSpan<Result>(
    name: string,
    options: { readonly attributes: Attributes; readonly links: Link[]; readonly startTime?: number },
    fn: (link: TraceLink | undefined, annotate: (attributes: Attributes) => void) => Promise<Result>,
  ): Promise<Result> {
    return tracer.startActiveSpan(name, { ...options, root: true }, ROOT_CONTEXT, (span) =>
      endWith(span, () =>
        context.with(context.active().setValue(INCIDENT, span), () =>
          fn(linkOf(span), (attributes) => void annotate(span, () => attributes)),
        ),
      ),
    );
  }

  return {
    traced,
    withIncidentTrace: (container, attributes, fn, { startedAt } = {}) =>
      withRootSpan(
        SPANS.incident(container.name),
        { attributes: { ...describeContainer(container), ...attributes }, links: [], startTime: startedAt },
        fn,
      ),
    withLinkedTrace: (name, linkTo, attributes, fn) =>
      withRootSpan(name, { attributes, links: linkTo === undefined ? [] : [{ context: toSpanContext(linkTo) }] }, fn),
  };
}

/** Of the active span; undefined where tracing is off or this trace is not sampled: no dead links are shown. */
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

/** Calls `fn` and ends the span when it is done, at once or later. */
function endWith<Result>(span: Span, fn: () => Result, onResult: (result: unknown) => void = () => {}): Result {
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
    result = fn();
  } catch (error) {
    return fail(error);
  }
  return result instanceof Promise ? (result.then(succeed, fail) as Result) : succeed(result);
}

/** A mistake in a description must not stop the work that it describes. */
function annotate(span: Span, describe: () => Attributes | undefined): Attributes | undefined {
  if (!span.isRecording()) return;
  try {
    const attributes = describe();
    if (attributes === undefined) return;
    span.setAttributes(attributes);
    if (attributes[ATTRIBUTES.errorType] !== undefined) span.setStatus({ code: SpanStatusCode.ERROR });
    return attributes;
  } catch (error) {
    diag.error(`a span could not be described: ${errorType(error)}`);
  }
}

/** What traces are searched by, on the incident's root as well; of several rounds the last one's. */
function annotateIncident(active: Context, found: Attributes | undefined): void {
  const root = active.getValue(INCIDENT) as Span | undefined;
  if (root === undefined || found === undefined) return;
  for (const name of ON_INCIDENT) {
    const value = found[name];
    if (value !== undefined) root.setAttribute(name, value);
  }
}

/** From a closed list, never message text: that may quote a log. */
function errorType(error: unknown): string {
  if (error instanceof DoctorError) return error.reason;
  if (error instanceof Error && error.name === 'TimeoutError') return 'timeout';
  if (error instanceof Error && error.name === 'AbortError') return 'aborted';
  return OTHER;
}
