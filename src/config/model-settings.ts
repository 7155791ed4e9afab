/** The settings of the models that diagnose. */
import { DIAGNOSE_WITH, LOCAL_MODEL_MAY_RESTART } from '../domain/diagnosis.ts';
import { decimal, either, httpUrl, integer, oneOf, type SettingTable, text, token } from './setting.ts';

const LOCAL_MODEL_APIS = ['ollama', 'openai'] as const;

export const DIAGNOSIS = {
  ANTHROPIC_API_KEY: {
    schema: token(),
    allowed: 'printable ASCII without spaces',
    about: 'the API key for Claude; unset: a local model or the built-in rules diagnose',
    secret: true,
  },
  DIAGNOSE_WITH: {
    schema: oneOf(DIAGNOSE_WITH),
    allowed: either(DIAGNOSE_WITH),
    about: 'which of Claude, the local model and the built-in rules diagnose; unset: claude-first',
    details:
      '`claude-first`: Claude, or the built-in rules if it cannot be asked. `rules-first`: a rule answers alone if the case is clear (out of memory, full disk, port in use, …), Claude answers the rest. `local-first`: the local model, then Claude if the answer is unsure or not supported by the log, if the problem came back after a restart, or if a restart would follow. `local-only`: the local model; Claude is never contacted. `rules-only`: no model is contacted. If no model answers, the built-in rules do. With a local model, `claude-first` and `rules-first` ask it while Claude cannot be asked. Unset, it is `local-only` if there is a local model and no `ANTHROPIC_API_KEY`.',
  },
  CLAUDE_MODEL: {
    schema: text().regex(/^[\w.:@/-]+$/),
    default: 'claude-haiku-5-5',
    allowed: 'the name of a model',
    about: 'the model to ask first',
  },
  CLAUDE_STRONG_MODEL: {
    schema: text().regex(/^[\w.:@/-]+$/),
    default: 'claude-sonnet-5-5',
    allowed: 'the name of a model',
    about: 'the model to ask if the first one is unsure or a restart did not help',
  },
  ANTHROPIC_BASE_URL: {
    schema: httpUrl(),
    allowed: 'an http or https URL',
    about: 'the address of a gateway or proxy for the Claude API',
  },
  MAX_DIAGNOSES_PER_HOUR: {
    schema: integer(0, 10_000),
    default: '20',
    allowed: 'a whole number, 0 to 10000',
    about: 'the most questions to Claude in any 60 minutes',
  },
  MAX_SPEND_PER_DAY: {
    schema: decimal(0, 100_000),
    default: '1.00',
    allowed: 'an amount in US dollars, 0 to 100000',
    about: 'the most US dollars to spend on Claude in any 24 hours',
  },
  MAX_DIAGNOSES_PER_HOUR_FLEET: {
    schema: integer(0, 1_000_000),
    default: '60',
    allowed: 'a whole number, 0 to 1000000',
    about: 'the most questions to Claude of all hosts together that share a DATABASE_URL, in any 60 minutes',
    details: 'Set it to the same value on all hosts. Without DATABASE_URL it has no effect.',
  },
  MAX_SPEND_PER_DAY_FLEET: {
    schema: decimal(0, 1_000_000),
    default: '5.00',
    allowed: 'an amount in US dollars, 0 to 1000000',
    about: 'the most US dollars that all hosts together that share a DATABASE_URL spend on Claude, in any 24 hours',
    details: 'Set it to the same value on all hosts. Without DATABASE_URL it has no effect.',
  },
  LOG_LINES: {
    schema: integer(1, 1000),
    default: '50',
    allowed: 'a whole number, 1 to 1000',
    about: 'log lines that a diagnosis gets as context',
  },
} as const satisfies SettingTable;

export const LOCAL_MODEL = {
  LOCAL_MODEL_URL: {
    schema: httpUrl().refine((s) => new URL(s).username === '' && new URL(s).password === ''),
    allowed: 'an http or https URL without a user name and password',
    about: 'the address of a server with a model of your own; unset: there is none',
    details:
      'Ollama: `http://ollama:11434`. Docker Model Runner: `http://model-runner.docker.internal/engines/v1`. llama.cpp, vLLM, LM Studio: `http://host:port/v1`. See [local-model.md](local-model.md).',
  },
  LOCAL_MODEL: {
    schema: text().regex(/^[\w.:@/+-]{1,200}$/),
    allowed: 'the name of a model',
    about: 'the model to ask there; required with LOCAL_MODEL_URL',
  },
  LOCAL_MODEL_API: {
    schema: oneOf(LOCAL_MODEL_APIS),
    default: 'ollama',
    allowed: either(LOCAL_MODEL_APIS),
    about: "the API of the server: Ollama's own, or the one of OpenAI that most other servers have",
  },
  LOCAL_MODEL_KEY: {
    schema: token(),
    allowed: 'printable ASCII without spaces',
    about: 'the bearer token that the server requires; unset: none',
    secret: true,
  },
  LOCAL_MODEL_TIMEOUT_SECONDS: {
    schema: integer(1, 280),
    default: '90',
    allowed: 'a number of seconds, 1 to 280',
    about: 'how long an answer of the local model may take; alerts wait for it',
  },
  LOCAL_MODEL_MAY_RESTART: {
    schema: oneOf(LOCAL_MODEL_MAY_RESTART),
    default: 'earned',
    allowed: either(LOCAL_MODEL_MAY_RESTART),
    about: 'whether an answer of the local model may lead to a restart that the built-in rules alone would not allow',
    details:
      '`earned`: once 20 of its cases on this agent have a verdict (`container-doctor review`) and none is wrong about a restart. It can prevent a restart in any case.',
  },
} as const satisfies SettingTable;
