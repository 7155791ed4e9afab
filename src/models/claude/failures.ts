/** Names the reason why a response of the Claude API, or of whatever answers instead, is not an answer. */
import { z } from 'zod';
import type { ClaudeFailure } from '../../domain/model-failures.ts';

/** The API's errors. Gateways use the same form, some without the outer `type`. */
const API_ERROR = z.object({ error: z.object({ type: z.string(), message: z.string().catch('') }) });

const WEB_PAGE = /^[\s\uFEFF]*<(?:!doctype|\?xml|html|head|body|script|meta|title)\b/i;
const REGION = /request not allowed|\b(?:region|countr(?:y|ies)|territor(?:y|ies)|location)\b/i;
const CREDIT =
  /credit balance|out of credit|insufficient (?:credit|funds|quota)|usage limits?|spend(?:ing)? limit|billing/i;
const MODEL = /\bmodel\b/i;
const NOT_KNOWN = /not (?:found|exist|supported|available|valid)|does ?n[o']t exist|unknown|invalid model|retired/i;

export function isWebPage(text: string): boolean {
  return WEB_PAGE.test(text);
}

/** `body`: the beginning of the response's body. */
export function failureOfResponse(status: number, body: string): ClaudeFailure {
  const { type, message } = apiError(body);
  if (status === 429) return 'rate_limited';
  if (status === 529 || type === 'overloaded_error') return 'overloaded';
  if (status >= 500) return 'error';
  if (status === 407) return 'proxy_page';
  if (isWebPage(body)) return status === 403 && REGION.test(body) ? 'forbidden_region' : 'proxy_page';
  if (status < 400) return 'wrong_url';
  if (status === 402 || type === 'billing_error') return 'no_credit';
  if (status === 401 || type === 'authentication_error') return 'wrong_key';
  if (status === 403) return type === 'forbidden' || REGION.test(message) ? 'forbidden_region' : 'no_permission';
  if (status === 404 || status === 405) {
    return type === 'not_found_error' && MODEL.test(message) ? 'unknown_model' : 'wrong_url';
  }
  if (CREDIT.test(message)) return 'no_credit';
  return MODEL.test(message) && NOT_KNOWN.test(message) ? 'unknown_model' : 'rejected';
}

function apiError(body: string): { readonly type: string; readonly message: string } {
  try {
    return API_ERROR.parse(JSON.parse(body)).error;
  } catch {
    return { type: '', message: '' };
  }
}
