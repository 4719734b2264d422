#!/usr/bin/env bash
# The reference stack on Docker as a person with a terminal starts it: the same images from the same seeded volume, the
# same settings, until the first right answer; then away with it. Prints `answered <s>` and `stopped <s>`.
#
# benchmarks/docker_start.py gives what it needs in the environment: NAME (of everything that is made), TEMPLATE (the
# seeded volume), TEMPLATE_PASSWORD (of the superuser in it), four images (POSTGRES, REDIS, PYTHON, APP), STUB (the file of
# the model's stub), QUERY and DOCUMENT (one search and what it must find), four ports.
set -euo pipefail

DB=${DB_PORT:?} REPLICA=${REPLICA_PORT:?} LLM=${LLM_PORT:?} WEB=${APP_PORT:?}
LABEL="org.gonogo.benchmark=$NAME"
PASSWORD=by-hand KEY=by-hand-acme
SETTINGS=(-c shared_preload_libraries=pg_stat_statements -c shared_buffers=128MB -c max_connections=60 -c wal_level=replica
  -c wal_retrieve_retry_interval=100ms -c 'listen_addresses=*')
FOLLOWS="host=db user=gonogo password=$TEMPLATE_PASSWORD application_name=replica"

now() { date +%s.%N; }
since() { awk -v name="$1" -v a="$2" -v b="$(now)" 'BEGIN { printf "%s %.3f\n", name, b - a }'; }

await() { # repeat a command until it succeeds, at most 120 s
  local limit=$((SECONDS + 120))
  until "$@" > /dev/null 2>&1; do
    [ $SECONDS -lt $limit ] || { echo "gave up: $*" >&2; exit 1; }
    sleep 0.02
  done
}

run() { # name, further words of docker run
  docker run --detach --name "$NAME-$1" --network "$NAME" --network-alias "$1" --label "$LABEL" "${@:2}" > /dev/null
}

sql() { docker exec --env PGPASSWORD="$TEMPLATE_PASSWORD" "$NAME-db" psql -XAtq -h 127.0.0.1 -U gonogo -d rag -c "$1"; }

streams() { [ "$(sql "SELECT count(*) FROM pg_stat_replication WHERE state = 'streaming'")" = 1 ]; }

right() {
  curl -fsS -m 10 -H "X-API-Key: $KEY" -H 'Content-Type: application/json' "http://127.0.0.1:$WEB/search" -d "$QUERY" |
    grep -F "\"$DOCUMENT\""
}

end() {
  docker ps --all --quiet --filter "label=$LABEL" | xargs -r docker rm --force --volumes > /dev/null
  docker network rm "$NAME" > /dev/null 2>&1 || true
  docker volume rm "$NAME-db" "$NAME-replica" > /dev/null 2>&1 || true
}
trap end EXIT

began=$(now)
docker network create --label "$LABEL" "$NAME" > /dev/null
docker volume create --label "$LABEL" "$NAME-db" > /dev/null
docker volume create --label "$LABEL" "$NAME-replica" > /dev/null
docker run --rm --volume "$TEMPLATE:/from:ro" --volume "$NAME-db:/db" --volume "$NAME-replica:/replica" --user 0 \
  --label "$LABEL" --entrypoint sh "$POSTGRES" -c 'cp -a /from/. /db/ && cp -a /from/. /replica/ &&
    touch /replica/standby.signal && chown --reference=/replica/PG_VERSION /replica/standby.signal'
run db --publish "127.0.0.1:$DB:5432" --volume "$NAME-db:/var/lib/postgresql/data" "$POSTGRES" postgres "${SETTINGS[@]}"
run cache "$REDIS" redis-server --save '' --appendonly no
run llm --publish "127.0.0.1:$LLM:8000" --volume "$STUB:/stub.py:ro" "$PYTHON" python3 /stub.py --host 0.0.0.0 --port 8000
await sql 'SELECT 1'
sql "ALTER ROLE rag_app PASSWORD '$PASSWORD'; ALTER ROLE rag_owner PASSWORD '$PASSWORD'"
run replica --publish "127.0.0.1:$REPLICA:5432" --volume "$NAME-replica:/var/lib/postgresql/data" "$POSTGRES" postgres \
  "${SETTINGS[@]}" -c "primary_conninfo=$FOLLOWS"
await streams
sql "ALTER SYSTEM SET synchronous_standby_names = 'FIRST 1 (replica)'"
sql 'SELECT pg_reload_conf()' > /dev/null
query='?target_session_attrs=read-write'
run app --publish "127.0.0.1:$WEB:8000" --env "DATABASE_URL=postgresql://rag_app:$PASSWORD@db,replica/rag$query" \
  --env "MIGRATIONS_URL=postgresql://rag_owner:$PASSWORD@db,replica/rag$query" --env OPENAI_BASE_URL=http://llm:8000/v1 \
  --env "API_KEYS=acme=$KEY" --env POOL_MAX=10 --env LLM_TIMEOUT=3 "$APP"
await curl -fsS "http://127.0.0.1:$WEB/readyz"
await right
since answered "$began"

began=$(now)
end
trap - EXIT
since stopped "$began"
