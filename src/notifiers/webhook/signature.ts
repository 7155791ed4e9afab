import { createHmac } from 'node:crypto';

/** https://www.standardwebhooks.com: receivers can use one of its libraries to verify a request. */
export interface SignedHeaders {
  readonly 'webhook-id': string;
  /** Seconds since the epoch. */
  readonly 'webhook-timestamp': string;
  /** `v1,` and the HMAC-SHA256 of `id.timestamp.body` in base64. */
  readonly 'webhook-signature': string;
}

export function sign(secret: string, message: { id: string; body: string; now: number }): SignedHeaders {
  const seconds = String(Math.floor(message.now / 1000));
  const mac = createHmac('sha256', keyOf(secret)).update(`${message.id}.${seconds}.${message.body}`, 'utf8');
  return {
    'webhook-id': message.id,
    'webhook-timestamp': seconds,
    'webhook-signature': `v1,${mac.digest('base64')}`,
  };
}

/** A secret of the form `whsec_<base64>` stands for its bytes; any other one for its text. */
function keyOf(secret: string): Buffer {
  return secret.startsWith('whsec_')
    ? Buffer.from(secret.slice('whsec_'.length), 'base64')
    : Buffer.from(secret, 'utf8');
}
