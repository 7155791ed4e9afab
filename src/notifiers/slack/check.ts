import { post } from './sender.ts';

/**
 * Whether the webhook exists, without posting anything: an empty message is refused by a webhook that works
 * (400), and a webhook that was revoked says so (403, 404, 410). Never rejects.
 */
export async function checkSlack(options: {
  readonly webhookUrl: string;
  readonly timeoutMs?: number;
}): Promise<{ readonly ok: true } | { readonly ok: false; readonly why: string }> {
  const result = await post(options, {}, new AbortController().signal);
  if (result.kind === 'sent' || result.status === 400) return { ok: true };
  return { ok: false, why: result.why };
}
