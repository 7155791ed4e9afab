/**
 * Recognises error messages that are harmless: of programs that are starting or stopping, and of problems that the
 * program has handled.
 */

/** Refusals while a program starts or stops; an error only if they persist. */
const TRANSIENT =
  /\b(?:is|are|still|currently) (?:already )?(?:starting(?: up)?|initiali[sz]ing|booting(?: up)?|warming up|loading|shutting down|stopping|in recovery mode)\b|\bnot (?:yet|currently) (?:ready|accepting|available|initiali[sz]ed)\b|\bnot accepting connections\b|\bstill (?:starting|loading|in progress)\b|\b(?:shutdown|startup) (?:is )?in progress\b/i;

/** PostgreSQL in its translations: starting up, shutting down, in recovery mode, not yet accepting connections. */
const TRANSIENT_TRANSLATED = [
  'das Datenbanksystem startet',
  'das Datenbanksystem fährt herunter',
  'das Datenbanksystem ist im Wiederherstellungsmodus',
  'das Datenbanksystem nimmt noch keine Verbindungen an',
  'sistema de base de datos está iniciándose',
  'sistema de base de datos está apagándose',
  'sistema de base de datos está en modo de recuperación',
  'sistema de bases de datos aún no está aceptando conexiones',
  'le système de bases de données se lance',
  "le système de base de données s'arrête",
  'le système de bases de données est en cours de restauration',
  "le système de bases de données n'accepte pas encore",
  'il database si sta avviando',
  'il database si sta spegnendo',
  'il database è in modalità di ripristino',
  'il sistema di database non accetta ancora connessioni',
  'データベースシステムは起動処理中です',
  'データベースシステムはシャットダウンしています',
  'データベースシステムはリカバリモードです',
  'データベースシステムはまだ接続を受け付けていません',
  '데이터베이스 시스템이 새로 가동 중입니다',
  '데이터베이스 시스템이 중지 중입니다',
  '데이터베이스 시스템이 자동 복구 작업 중입니다',
  'система баз данных запускается',
  'система баз данных останавливается',
  'система баз данных в режиме восстановления',
  'система БД ещё не принимает подключения',
  'databassystemet startar upp',
  'databassystemet stänger ner',
  'databassystemet är återställningsläge',
  'система бази даних запускається',
  'система бази даних завершує роботу',
  'система бази даних у режимі відновлення',
  '数据库系统正在启动',
  '数据库系统正在关闭',
  '数据库系统在恢复模式中',
  '数据库系统尚未接受连接',
  '資料庫系統正在啟動',
  '資料庫系統正在關閉',
  '資料庫系統處於復原模式',
  'o sistema de banco de dados está iniciando',
  'o sistema de banco de dados está desligando',
  'veritabanı sistemi başlatılıyor',
  'veritabanı sistemi kapanıyor',
  'system bazy danych uruchamia się',
  'system bazy danych jest zamykany',
];

/** Something ended because a stop was requested. */
const REQUESTED_STOP =
  /\bdue to (?:administrator command|user request|operator request)\b|\bsignal:? SIG(?:TERM|INT|QUIT)\b|\b(?:received|caught|got) (?:signal )?SIG(?:TERM|INT|QUIT)\b|\bsignal: (?:terminated|interrupt)\b|\b(?:terminated|exited|exiting|killed) (?:by|on|with|due to) signal:? ?(?:15|2|SIGTERM|SIGINT)\b|\bexit(?:ed)?(?: with)? (?:code|status)[ :=]{0,2}(?:143|130)\b|\bhttp: Server closed\b|^(?:asyncio\.exceptions\.)?CancelledError$/m;

const REQUESTED_STOP_TRANSLATED = [
  'aufgrund von Anweisung des Administrators',
  'debido a una orden del administrador',
  "suite à la demande de l'administrateur",
  "su comando dell'amministratore",
  '管理者コマンドにより接続を終了しています',
  '관리자 요청에 의해서 연결을 끝냅니다',
  'по команде администратора',
  'på grund av ett administratörskommando',
  'по команді адміністратора',
  '由于管理员命令',
  '因管理員命令',
  'por um comando do administrador',
  'yönetici talimatı',
];

/** Characters of a record that are examined. */
const EXAMINED_LENGTH = 4_096;

function head(text: string): string {
  return text.length > EXAMINED_LENGTH ? text.slice(0, EXAMINED_LENGTH) : text;
}

function isAscii(text: string): boolean {
  for (let i = 0; i < text.length; i++) if (text.charCodeAt(i) > 0x7f) return false;
  return true;
}

/** Whether the record is a refusal because the program is starting or stopping. */
export function isTransient(record: string): boolean {
  const text = head(record);
  if (TRANSIENT.test(text)) return true;
  return mayBeTranslated(text) && TRANSIENT_TRANSLATED.some((phrase) => text.includes(phrase));
}

/** Whether the record reports an end that was requested. */
export function isRequestedStop(record: string): boolean {
  const text = head(record);
  if (REQUESTED_STOP.test(text)) return true;
  return mayBeTranslated(text) && REQUESTED_STOP_TRANSLATED.some((phrase) => text.includes(phrase));
}

function mayBeTranslated(text: string): boolean {
  return (
    !isAscii(text) ||
    /\b(?:Datenbanksystem|database|databassystemet|amministratore|administrador|Administrators|administratörskommando)\b/.test(
      text,
    )
  );
}

/** The message says what the program did instead: the problem is handled. */
const HANDLED =
  /\b(?:fall(?:s|ing)? back|fallback to|using (?:the )?(?:default|built-?in|fallback|system)s?\b|(?:will|to) use (?:the )?(?:default|built-?in)s?|defaulting to|assuming (?:the )?default|continuing (?:anyway|without)|ignoring|will be ignored|(?:safely|can be) ignored?|is harmless|(?:is|are) (?:normal|expected)\b|to suppress this (?:message|warning)|skipping|(?:is|has been|was) skipped|already exists|file exists|not (?:a|an) (?:fatal )?error|non-fatal|optional)\b/i;

/** Calls that tune a process and that a container may not be permitted to make. */
const TUNING =
  /\b(?:mbind|set_mempolicy|mlock(?:all)?|madvise|sched_set\w+|setpriority|nice(?:ness)?|ioprio_set|prctl|setrlimit|perf_event_open|io_uring\w*|huge ?pages?|(?:process |thread |realtime |scheduling )priority|overcommit\w*|somaxconn|CAP_SYS_\w+)\b/i;

/** Labels of tools whose complaints while a container is set up are harmless. */
const SETUP_LABEL =
  /^(?:SLF4J(?:\([A-Z]\))?|debconf|AH00558|invoke-rc\.d|update-alternatives|rm|ldconfig(?:\.real)?): /;

/** The message labels itself as a warning: weak evidence does not count then. */
const WARNING_LABEL = /^.{0,100}?(?:\b[Ww]arning|\bWARN(?:ING)?|\bwarn|\w+Warning)(?: ?\[[\w.-]+\])?(?:: |!)/;

/** Whether the message itself explains its weak evidence away. */
export function isExplainedAway(message: string): boolean {
  const text = message.length > 1_000 ? message.slice(0, 1_000) : message;
  return SETUP_LABEL.test(text) || HANDLED.test(text) || TUNING.test(text) || WARNING_LABEL.test(text);
}
