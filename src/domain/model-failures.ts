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
  timeout: {
    what: 'Claude did not answer in time',
    todo: 'If it happens again, check the network, or set a faster CLAUDE_MODEL',
  },
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

/** A sentence: what failed and what to do. */
export function describeFailure({ what, todo }: FailureInfo): string {
  return todo === undefined ? what : `${what}. ${todo}`;
}

export function describeClaudeFailure(reason: ClaudeFailure): string {
  return describeFailure(CLAUDE_FAILURES[reason]);
}
