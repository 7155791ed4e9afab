import { describeLocalFailure } from '../../domain/model-failures.ts';
import { failureOfStatus } from './api.ts';
import { LOCAL_APIS, type LocalOptions } from './local.ts';
import { parseJson, request } from './transport.ts';

type CheckResult = { readonly ok: true } | { readonly ok: false; readonly why: string };

/** Checks that the server answers and has the model, without asking it anything. Never rejects. */
export async function checkLocalModel(
  options: Pick<LocalOptions, 'url' | 'key' | 'api' | 'model'> & { readonly timeoutMs?: number },
): Promise<CheckResult> {
  const { model, timeoutMs = 10_000 } = options;
  const api = LOCAL_APIS[options.api];
  const host = URL.parse(options.url)?.host ?? options.url;
  const response = await request(api.modelsUrl(options.url), options, undefined, AbortSignal.timeout(timeoutMs));
  const why = (reason: Parameters<typeof describeLocalFailure>[0]) =>
    ({ ok: false, why: `${host}: ${describeLocalFailure(reason)}` }) as const;
  if (response.kind === 'failed') return why(response.reason);
  if (response.status !== 200) return why(failureOfStatus(response.status, response.body, parseJson(response.body)));
  const models = api.models(response.body);
  if (models === undefined) return why('wrong_url');
  if (models.some((listed) => api.isModel(listed, model))) return { ok: true };
  const has = models.length === 0 ? 'It has none' : `It has ${models.slice(0, 10).join(', ')}`;
  return { ok: false, why: `${why('model_missing').why}. ${has}` };
}
