/** How requests to the models end. The lists are closed: their names are label values, and appear in `/health` and alerts. */

interface FailureInfo {
  /** Completes "Only the built-in rules made this diagnosis: …". */
  readonly what: string;
  /** What a person can do about it, as a sentence without its full stop. Absent: it passes by itself. */
  readonly todo?: string;
}

export const CLAUDE_FAILURES = {
  refused: { what: 'Claude declined to answer' },
  truncated: { what: "Claude's answer was cut off" },
  invalid: { what: "Claude's answer was not valid" },
  rate_limited: { what: 'the rate limit of the Claude API is reached' },
  overloaded: { what: 'Claude is overloaded' },
  timeout: { what: 'Claude did not answer in time' },
  no_credit: {
    what: 'the Anthropic account has no credit left or has reached its spending limit',
    todo: 'Add credit or raise the limit in the Anthropic Console under Billing',
  },
  wrong_key: {
    what: 'the Claude API does not accept the API key that is set',
    todo: 'Replace ANTHROPIC_API_KEY: the present value is wrong, expired or revoked',
  },
  no_permission: {
    what: 'the API key is not allowed to use this model or workspace',
    todo: 'Check the permissions of the key in the Anthropic Console, or set another CLAUDE_MODEL',
  },
  forbidden_region: {
    what: 'the Claude API does not serve the country or region of this host',
    todo: 'Send the requests through a gateway in a supported region (ANTHROPIC_BASE_URL), or set DIAGNOSE_WITH=rules-only',
  },
  unknown_model: {
    what: 'the Claude API does not know the model',
    todo: 'Correct CLAUDE_MODEL and CLAUDE_STRONG_MODEL',
  },
  rejected: {
    what: 'the Claude API rejected the request as invalid',
    todo: 'Check that CLAUDE_MODEL supports structured output, and that a gateway passes requests on unchanged',
  },
  proxy_page: {
    what: 'a web page came back instead of an answer: a proxy, a firewall or a login page stands between the agent and Claude',
    todo: 'Allow requests from the agent to the Claude API, or correct ANTHROPIC_BASE_URL',
  },
  wrong_url: {
    what: 'the address that was asked is not that of the Claude API',
    todo: 'Correct ANTHROPIC_BASE_URL (without /v1 at its end), or remove it',
  },
  unreachable: {
    what: 'no connection to the Claude API could be made',
    todo: 'Check DNS, the network, the firewall, TLS certificates and ANTHROPIC_BASE_URL',
  },
  error: { what: 'the Claude API reported a fault of its own' },
} as const satisfies Record<string, FailureInfo>;

export type ClaudeFailure = keyof typeof CLAUDE_FAILURES;
/** How a request to Claude ended. A label value of the requests metric. */
export const CLAUDE_OUTCOMES = ['ok', ...(Object.keys(CLAUDE_FAILURES) as ClaudeFailure[])] as const;
export type ClaudeOutcome = 'ok' | ClaudeFailure;

export const LOCAL_FAILURES = {
  unreachable: {
    what: 'no connection to the local model could be made',
    todo: 'Check that its server runs, and LOCAL_MODEL_URL. In a container, localhost is the container itself',
  },
  model_missing: {
    what: 'the server of the local model does not have the model',
    todo: 'Pull it (ollama pull, docker model pull), or correct LOCAL_MODEL',
  },
  loading: { what: 'the local model is still being loaded' },
  timeout: {
    what: 'the local model did not answer in time',
    todo: 'Use a smaller model, more CPU or a GPU, or raise LOCAL_MODEL_TIMEOUT_SECONDS',
  },
  busy: { what: 'too many questions are waiting for the local model' },
  truncated: { what: "the local model's answer was cut off" },
  empty: { what: 'the local model gave an empty answer', todo: 'If it happens again, use another model' },
  invalid: {
    what: "the local model's answer does not follow the schema",
    todo: 'If it happens again, use another model, or a server that supports structured output',
  },
  too_long: {
    what: "the question is longer than the local model's context",
    todo: 'Give the server a context of at least 8192 tokens, or lower LOG_LINES',
  },
  out_of_memory: {
    what: 'the server of the local model has too little memory for the model',
    todo: 'Use a smaller model, or raise the memory limit of the server',
  },
  wrong_key: { what: 'the server of the local model does not accept the key', todo: 'Correct LOCAL_MODEL_KEY' },
  wrong_url: {
    what: 'the address that was asked is not that of a model server of this kind',
    todo: 'Correct LOCAL_MODEL_URL and LOCAL_MODEL_API',
  },
  rejected: {
    what: 'the server of the local model rejected the request as invalid',
    todo: 'Check that it supports structured output (JSON schema)',
  },
  paused: { what: 'the local model failed several times in a row and will be asked again later' },
  error: { what: 'the server of the local model reported a fault of its own' },
} as const satisfies Record<string, FailureInfo>;

export type LocalFailure = keyof typeof LOCAL_FAILURES;

/** The name of a failure, with what to do about it where a person has to act. For `/health`. */
export function failureWithRemedy(reason: ClaudeFailure): string {
  return 'todo' in CLAUDE_FAILURES[reason] ? `${reason}: ${describeClaudeFailure(reason)}` : reason;
}

/** What failed and what to do. */
export function describeClaudeFailure(reason: ClaudeFailure): string {
  return describeFailure(CLAUDE_FAILURES[reason]);
}

export function describeLocalFailure(reason: LocalFailure): string {
  return describeFailure(LOCAL_FAILURES[reason]);
}

function describeFailure({ what, todo }: FailureInfo): string {
  return todo === undefined ? what : `${what}. ${todo}`;
}
