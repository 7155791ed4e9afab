/**
 * Level words of programs that translate them, from the programs' own message catalogues: PostgreSQL (`src/backend/po`,
 * versions 9 to 17) and the JDK (`sun.util.logging.resources.logging_*`).
 */
import { DEBUG, ERROR, FATAL, INFO, NO_LEVEL, TRACE, WARN } from './levels.ts';

/** de, es, fr, it, ja, ka, ko, pl, pt_BR, ru, sv, tr, uk, zh_CN, zh_TW; words equal to the English ones are omitted. */
const POSTGRES: readonly (readonly [rank: number, words: string])[] = [
  [DEBUG, 'გამართვა 디버그 ОТЛАДКА НАЛАГОДЖЕННЯ 调试 除錯'],
  [INFO, 'ჟურნალი 로그 СООБЩЕНИЕ LOGG ЗАПИСУВАННЯ 日志 日誌 DZIENNIK'],
  [INFO, 'ინფორმაცია 정보 ИНФОРМАЦИЯ ІНФОРМАЦІЯ 信息 資訊 INFORMACJA BİLGİ'],
  [INFO, 'HINWEIS NOTIFICA 알림 ЗАМЕЧАНИЕ NOTIS ПОВІДОМЛЕННЯ 注意 UWAGA'],
  [
    WARN,
    'WARNUNG ATTENTION ATTENZIONE გაფრთხილება 경고 ПРЕДУПРЕЖДЕНИЕ VARNING ПОПЕРЕДЖЕННЯ 警告 OSTRZEŻENIE AVISO UYARI',
  ],
  [ERROR, 'FEHLER ERREUR ERRORE შეცდომა 오류 ОШИБКА FEL ПОМИЛКА 错误 錯誤 BŁĄD ERRO HATA'],
  [FATAL, 'FATALE ფატალური 치명적오류 ВАЖНО FATALT ФАТАЛЬНО 致命错误 致命錯誤 KATASTROFALNY ÖLÜMCÜL'],
  [FATAL, 'PANIK PANICO პანიკა 손상 ПАНИКА ПАНІКА 灾难性错误 嚴重錯誤 PANIKA PÂNICO PANİK 比致命错误还过分的错误'],
];

/** DETAIL, HINT, QUERY, CONTEXT, STATEMENT, LOCATION, BACKTRACE: lines that belong to the message above them. */
const POSTGRES_COMPANIONS =
  'DETAIL HINT CONTEXT STATEMENT QUERY LOCATION BACKTRACE ' +
  'TIPP ANFRAGE ZUSAMMENHANG ANWEISUNG DETALLE CONSULTA CONTEXTO SENTENCIA SUGERENCIA UBICACIÓN ' +
  'DÉTAIL ASTUCE REQUÊTE CONTEXTE INSTRUCTION EMPLACEMENT DETTAGLI SUGGERIMENTO CONTESTO ISTRUZIONE POSIZIONE ' +
  '詳細 ヒント 問い合わせ 文脈 文 コンテキスト 場所 バックトレース ' +
  'დეტალები მინიშნება მოთხოვნა კონტექსტი ოპერატორი სტეკი 상세정보 힌트 쿼리 내용 구문 위치 역추적 ' +
  'ПОДРОБНОСТИ ПОДСКАЗКА ЗАПРОС КОНТЕКСТ ОПЕРАТОР ПОЛОЖЕНИЕ СТЕК DETALJ TIPS FRÅGA KONTEXT SATS ' +
  'ВІДОМОСТІ УКАЗІВКА ЗАПИТ ІНСТРУКЦІЯ РОЗТАШУВАННЯ 详细信息 详情 提示 查询 上下文 背景 语句 位置 回溯 ' +
  '詳情 查詢 陳述式 SZCZEGÓŁY PODPOWIEDŹ ZAPYTANIE KONTEKST WYRAŻENIE LOKALIZACJA ' +
  'DETALHE DICA COMANDO AYRINTI İPUCU SORGU BAĞLAM KOMUT DEYİM';

/** de, es, fr, it, ja, ko, pt_BR, sv, zh_CN, zh_TW; in capitals, as the loggers print them. */
const JAVA_UTIL_LOGGING: readonly (readonly [rank: number, words: string])[] = [
  [TRACE, 'FEINER AM_FEINSTEN PLUS_PRÉCIS MIGLIORE OTTIMALE'],
  [
    DEBUG,
    'FEIN KONFIGURATION CONFIGURAR DETALLADO PRÉCIS CONFIGURAZIONE BUONO 構成 普通 구성 미세 CONFIGURAÇÃO DETALHADO KONFIG 配置 详细 組態',
  ],
  [INFO, 'INFORMATION INFORMACIÓN INFOS INFORMAZIONI 情報 정보 INFORMAÇÕES 信息 資訊'],
  [WARN, 'WARNUNG ADVERTENCIA AVERTISSEMENT AVVERTENZA 警告 경고 ADVERTÊNCIA VARNING'],
  [ERROR, 'SCHWERWIEGEND GRAVE 重大 심각 ALLVARLIG 严重 嚴重 嚴重的'],
];

const RANKS = new Map<string, number>();
const JAVA_RANKS = new Map<string, number>();
for (const [rank, words] of JAVA_UTIL_LOGGING) for (const word of words.split(' ')) JAVA_RANKS.set(word, rank);
for (const [rank, words] of POSTGRES) for (const word of words.split(' ')) RANKS.set(word, rank);
for (const [word, rank] of JAVA_RANKS) RANKS.set(word, rank);
const COMPANIONS = new Set(POSTGRES_COMPANIONS.split(' '));

export interface LocalisedWord {
  readonly rank: number;
  readonly companion: boolean;
  /** Index after the colon. */
  readonly end: number;
}

const TOKEN = /([^\s:：[\](){}<>|"'=,;]{1,16}) ?[:：]/y;

/**
 * Returns the translated level word, or label of a companion line, that begins at `at` and is followed by a colon.
 * Without a timestamp before it only the words of java.util.logging count; the caller looks for those only at the start
 * of a line.
 */
export function localisedWordAt(text: string, at: number, timed: boolean): LocalisedWord | undefined {
  TOKEN.lastIndex = at;
  const match = TOKEN.exec(text);
  if (match === null) return undefined;
  const word = match[1] as string;
  const companion = timed && COMPANIONS.has(word);
  const rank = companion ? INFO : ((timed ? RANKS : JAVA_RANKS).get(word) ?? NO_LEVEL);
  return rank === NO_LEVEL ? undefined : { rank, companion, end: at + match[0].length };
}
