import { repositoryOf } from '../../lib/image-name.ts';

/**
 * Images that hold data or take part in a quorum: a restart may cause a long recovery, a split cluster or lost writes.
 * The last one or two parts of the repository's path must match exactly, because the names of exporters, consoles and
 * proxies, which are harmless, often contain the name of a database.
 */
const STATEFUL: ReadonlySet<string> = new Set([
  // PostgreSQL and what is built on it
  ...['postgres', 'postgresql', 'postgresql-ha', 'postgresql-repmgr', 'postgis', 'pgvector', 'timescaledb'],
  ...['timescaledb-ha', 'spilo', 'citus', 'edb-postgres', 'cockroach', 'cockroachdb', 'yugabyte', 'yugabytedb'],
  // MySQL and derivatives, other SQL
  ...['mysql', 'mysql-server', 'mysql-cluster', 'mariadb', 'mariadb-galera', 'percona', 'percona-server'],
  ...['percona-xtradb-cluster', 'tidb', 'tikv', 'vitess', 'mssql/server', 'mssql-server', 'azure-sql-edge'],
  ...['oracle-xe', 'oracle-free', 'database/express', 'database/free', 'database/enterprise', 'db2', 'firebird'],
  ...['clickhouse', 'clickhouse-server', 'sqld'],
  // documents, graphs, wide columns, vectors, time series
  ...['mongo', 'mongodb', 'mongodb-community-server', 'mongodb-enterprise-server', 'mongodb-sharded', 'ferretdb'],
  ...['percona-server-mongodb', 'couchdb', 'couchbase', 'rethinkdb', 'arangodb', 'orientdb', 'ravendb', 'surrealdb'],
  ...['neo4j', 'dgraph', 'memgraph', 'janusgraph', 'cassandra', 'scylla', 'scylladb', 'hbase', 'foundationdb'],
  ...['influxdb', 'questdb', 'victoria-metrics', 'qdrant', 'weaviate', 'milvus', 'chroma'],
  // search
  ...['elasticsearch', 'opensearch', 'solr', 'meilisearch', 'typesense'],
  // caches that often hold state
  ...['redis', 'redis-cluster', 'redis-sentinel', 'redis-stack', 'redis-stack-server', 'valkey', 'valkey-cluster'],
  ...['keydb', 'dragonfly', 'aerospike', 'aerospike-server', 'hazelcast', 'ignite'],
  // queues and logs
  ...['rabbitmq', 'kafka', 'cp-kafka', 'cp-server', 'redpanda', 'pulsar', 'pulsar-all', 'activemq', 'artemis'],
  ...['activemq-artemis', 'activemq-classic', 'nats-streaming', 'rocketmq', 'emqx', 'eventstore'],
  // quorums, secrets, objects
  ...['etcd', 'zookeeper', 'cp-zookeeper', 'consul', 'vault', 'minio', 'ceph', 'seaweedfs'],
]);

/** The entry that makes the image a known stateful one, such as `postgresql`; undefined for other images. */
export function statefulImage(image: string): string | undefined {
  const parts = repositoryOf(image).toLowerCase().split('/');
  return [parts.at(-1), parts.slice(-2).join('/')].find((end) => end !== undefined && STATEFUL.has(end));
}
