/** The models that the settings name, and how far the local one is trusted. */
import { type Config, claudeKey, usedLocalModel } from '../config/config.ts';
import { createClaudeOnDemand } from '../models/claude/on-demand.ts';
import { NO_TOKENS } from '../models/local/api.ts';
import { createLocalModel, LOCAL_APIS } from '../models/local/local.ts';
import { describeTrust, type LocalRecord, localRecord, mayOpenRestart } from '../pipeline/decide/local-trust.ts';
import type { Observer } from '../pipeline/observer.ts';
import type { ClaudePort, LocalPort } from '../pipeline/ports/model.ts';
import type { ReviewStore } from '../pipeline/ports/store.ts';
import { SPANS, type Tracing } from '../pipeline/tracing.ts';

export interface Models {
  readonly claude?: ClaudePort;
  readonly local?: LocalPort;
}

export function createModels(
  config: Config,
  deps: { readonly observer: Observer; readonly tracing: Tracing; now(): number; readonly claudeTimeoutMs?: number },
): Models {
  const { observer, now, claudeTimeoutMs: timeoutMs } = deps;
  const apiKey = claudeKey(config);
  const localModel = usedLocalModel(config);
  const onRateLimits: Parameters<typeof createClaudeOnDemand>[0]['onRateLimits'] = (all) => {
    for (const rateLimit of all) observer.anthropicRateLimit(rateLimit);
  };
  return {
    ...(apiKey !== undefined && {
      claude: createClaudeOnDemand({ ...config.anthropic, apiKey, timeoutMs, now, onRateLimits }),
    }),
    ...(localModel !== undefined && {
      local: traced(createLocalModel({ ...localModel, now }), localModel, deps.tracing),
    }),
  };
}

/** One span a question, with its wait for other questions. */
function traced(local: LocalPort, { model, api }: NonNullable<Config['localModel']>, tracing: Tracing): LocalPort {
  const { provider } = LOCAL_APIS[api];
  return {
    ask: (...question) =>
      tracing.span(
        SPANS.chat(model),
        () => local.ask(...question),
        (answer) => {
          const tokens = answer.requests.at(-1)?.tokens ?? NO_TOKENS;
          return { chat: { provider, model, tokens, ...(answer.kind === 'failed' && { failure: answer.reason }) } };
        },
        { kind: 'client' },
      ),
  };
}

/** For `gen_ai.provider.name`. */
export function localProvider({ localModel }: Config): string | undefined {
  return localModel && LOCAL_APIS[localModel.api].provider;
}

/** A person cannot judge more cases; older ones say less about the model of today. */
const JUDGED_CASES = 1_000;

/** The record is read when it is needed, because `container-doctor review` writes it while the agent runs. */
export function createLocalTrust(
  { localModel }: Config,
  store: Pick<ReviewStore, 'judgedDiagnoses'>,
): {
  mayRestart(model: string): Promise<boolean>;
  /** For people. Undefined without a local model. */
  describe(): Promise<string | undefined>;
} {
  const recordOf = async (model: string): Promise<LocalRecord> =>
    localRecord(await store.judgedDiagnoses(JUDGED_CASES).catch(() => []), model);
  return {
    // Without the record, nothing is earned.
    mayRestart: async (model) =>
      localModel !== undefined && mayOpenRestart(localModel.mayRestart, await recordOf(model)),
    describe: async () => localModel && describeTrust(localModel.mayRestart, await recordOf(localModel.model)),
  };
}
