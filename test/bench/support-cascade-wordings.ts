/**
 * Log messages of the cascades benchmark, with the placeholders `{host}`, `{ip}` and `{port}`. The code was tuned with
 * one set; the other gives the reported figures. They have no text in common.
 */
export interface Wordings {
  /** The name of a container that does not run cannot be resolved, or its port is closed. */
  readonly gone: readonly string[];
  /** A connection is open or is being opened, and nothing answers. */
  readonly silent: readonly string[];
  /** A service fails because another service fails. */
  readonly relayed: readonly string[];
  /** A host outside the project cannot be reached. */
  readonly outside: readonly string[];
  /** The name server does not answer. */
  readonly noNames: readonly string[];
  /** A full disk, as a store logs it. */
  readonly full: readonly string[];
  /** Clients repeat the store's message as `{text}`. */
  readonly repeats: readonly string[];
  /** Errors of the container itself. */
  readonly own: readonly string[];
}

export const TUNING: Wordings = {
  gone: [
    'ERROR Error: connect ECONNREFUSED {ip}:{port}',
    'ERROR Error: getaddrinfo ENOTFOUND {host}',
    'ERROR psycopg2.OperationalError: could not translate host name "{host}" to address: Name or service not known',
    'ERROR redis.exceptions.ConnectionError: Error 111 connecting to {host}:{port}. Connection refused.',
    'level=error msg="query failed" err="dial tcp {ip}:{port}: connect: connection refused"',
    'ERROR java.net.ConnectException: Connection refused',
    'ERROR sqlx: error communicating with database: Connection refused (os error 111)',
  ],
  silent: [
    'ERROR TimeoutError: timed out',
    'ERROR redis.exceptions.TimeoutError: Timeout reading from socket',
    'level=error err="read tcp 172.18.0.9:44321->{ip}:{port}: i/o timeout"',
    'ERROR connection to server at "{host}" ({ip}), port {port} failed: timeout expired',
    'ERROR AxiosError: timeout of 5000ms exceeded',
  ],
  relayed: [
    'ERROR upstream {host} responded with 503 Service Unavailable',
    'ERROR requests.exceptions.HTTPError: 502 Server Error: Bad Gateway for url: http://{host}:8080/v1',
    'ERROR AxiosError: Request failed with status code 503',
    'ERROR I/O error on GET request for "http://{host}:8080/x": Read timed out',
  ],
  outside: [
    'ERROR Error: connect ETIMEDOUT {host}:{port}',
    "ERROR HTTPSConnectionPool(host='{host}', port={port}): Max retries exceeded",
    'level=error err="dial tcp: lookup {host} on 127.0.0.11:53: no such host"',
    'ERROR java.net.UnknownHostException: {host}',
  ],
  noNames: [
    'ERROR Error: getaddrinfo EAI_AGAIN {host}',
    'ERROR could not translate host name "{host}" to address: Temporary failure in name resolution',
    'level=error err="dial tcp: lookup {host} on 127.0.0.11:53: server misbehaving"',
  ],
  full: ['ERROR:  could not extend file "base/16384/2619": No space left on device'],
  repeats: ['ERROR error: {text}', 'ERROR psycopg.errors.DiskFull: {text}'],
  own: ["ERROR KeyError: 'customer_id'", 'ERROR TypeError: cart is undefined', 'ERROR cannot parse invoice 12'],
};

export const FINAL: Wordings = {
  gone: [
    'org.postgresql.util.PSQLException: Connection to {host}:{port} refused. Check that the hostname and port are correct and that the postmaster is accepting TCP/IP connections.',
    'ERROR pymongo.errors.ServerSelectionTimeoutError: {host}:{port}: [Errno 111] Connection refused, Timeout: 30s',
    'Npgsql.NpgsqlException (0x80004005): Failed to connect to {ip}:{port}',
    'PHP Fatal error:  Uncaught PDOException: SQLSTATE[HY000] [2002] php_network_getaddresses: getaddrinfo for {host} failed: Name or service not known',
    'io.lettuce.core.RedisConnectionException: Unable to connect to {host}/<unresolved>:{port}',
    '[error] tcp connect ({host}:{port}): connection refused - :econnrefused',
    '{"level":"fatal","time":1764064800,"msg":"cannot open store","err":"failed to connect to `user=app database=app`: {ip}:{port} ({host}): dial error: dial tcp {ip}:{port}: connect: no route to host"}',
    "ERROR wget: bad address '{host}:{port}'",
    'ERROR RedisClient::CannotConnectError: Connection refused - connect(2) for {ip}:{port}',
    'ERROR httpx.ConnectError: All connection attempts failed',
    'ERROR redis.clients.jedis.exceptions.JedisConnectionException: Could not get a resource from the pool',
    'ERROR aiormq.exceptions.AMQPConnectionError: [Errno -2] Name or service not known',
  ],
  silent: [
    'ERROR SQLTransientConnectionException: HikariPool-1 - Connection is not available, request timed out after 30000ms',
    'ERROR psycopg.errors.ConnectionTimeout: connection timeout expired',
    'level=error msg="cannot load session" err="redis: connection pool timeout"',
    'ERROR pymongo.errors.NetworkTimeout: {host}:{port}: timed out',
    'ERROR [error] 29#29: *9 upstream timed out (110: Connection timed out) while reading response header from upstream, client: 10.0.0.9, server: _, request: "GET / HTTP/1.1", upstream: "http://{ip}:{port}/", host: "shop.example.com"',
    'ERROR rpc error: code = DeadlineExceeded desc = context deadline exceeded',
  ],
  relayed: [
    'feign.FeignException$ServiceUnavailable: [503] during [GET] to [http://{host}:8080/items]: service unavailable',
    'ERROR failed to render page: {host} returned 502',
    '{"level":"error","msg":"call failed","peer.service":"{host}","status":504,"error":"gateway timeout"}',
    '[error] 31#31: *3 connect() failed (111: Connection refused) while connecting to upstream, client: 10.0.0.2, server: shop, request: "GET /x HTTP/1.1", upstream: "http://{ip}:8080/x", host: "shop"',
    'ERROR rpc error: code = Unavailable desc = upstream connect error or disconnect/reset before headers',
  ],
  outside: [
    'ERROR curl: (28) Failed to connect to {host} port {port} after 5001 ms: Timeout was reached',
    'Error: getaddrinfo ENOTFOUND {host}',
    'System.Net.Http.HttpRequestException: Connection refused ({host}:{port})',
    'ERROR error sending request for url (https://{host}:{port}/v1): operation timed out',
    'smtplib.SMTPServerDisconnected: cannot connect to {host}:{port}',
  ],
  noNames: [
    'ERROR MongoServerSelectionError: getaddrinfo EAI_AGAIN {host}',
    'ERROR [Errno -3] Temporary failure in name resolution: {host}',
    '{"level":"error","err":"lookup {host} on 127.0.0.11:53: server misbehaving"}',
  ],
  full: [
    'PANIC:  could not write to file "pg_wal/xlogtemp.31": No space left on device',
    'mysqld: Disk full (/tmp/#sql_1); waiting for someone to free some space...',
  ],
  repeats: ['org.postgresql.util.PSQLException: {text}', 'ERROR django.db.utils.OperationalError: {text}'],
  own: [
    [
      'java.lang.NullPointerException: Cannot invoke "Order.total()" because "order" is null',
      '\tat com.example.shop.Checkout.sum(Checkout.java:41)',
      '\tat com.example.shop.Checkout.run(Checkout.java:18)',
    ].join('\n'),
    [
      'panic: runtime error: index out of range [3] with length 3',
      '',
      'goroutine 1 [running]:',
      'main.pick(...)',
      '\t/app/main.go:12',
    ].join('\n'),
    'ERROR ValidationError: field "email" is required',
    'ERROR duplicate key value violates unique constraint "users_pkey"',
  ],
};
