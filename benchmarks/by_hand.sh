#!/usr/bin/env bash
# The main steps of a gate as a person with a terminal does them: start the same stack from the same template, load it
# with Locust, dump and restore it, kill the primary and promote the standby. Prints `<step> <seconds>` for each.
#
# benchmarks/overhead.py gives what it needs in the environment: BIN (PostgreSQL's programs), TEMPLATE (a seeded data
# directory), WORK (an empty folder), RUN_AS (a command prefix that becomes an ordinary user, empty when we are one),
# PYTHON, EXAMPLES (the folder of reference_rag), LOCUSTFILE, QUESTIONS (for the locustfile), QUERY and DOCUMENT (one
# search and what it must find), LOAD_SECONDS, RATE (requests per second), and five ports.
set -euo pipefail

export PGUSER=gonogo PGDATABASE=rag PGHOST=127.0.0.1 PGCONNECT_TIMEOUT=5
KEY=by-hand-acme
PRIMARY=${PRIMARY_PORT:?} STANDBY=${STANDBY_PORT:?} RESTORED=${RESTORED_PORT:?} APP=${APP_PORT:?} APP2=${APP2_PORT:?}
cd "$WORK"

began=0
step() { # end the current step and begin the next one
  local now
  now=$(date +%s.%N)
  [ "$began" = 0 ] || awk -v n="$name" -v a="$began" -v b="$now" 'BEGIN { printf "%s %.3f\n", n, b - a }'
  name=$1 began=$now
}

await() { # repeat a command until it succeeds, at most 60 s
  local limit=$((SECONDS + 60))
  until "$@" > /dev/null 2>&1; do
    [ $SECONDS -lt $limit ] || { echo "gave up: $*" >&2; exit 1; }
    sleep 0.02
  done
}

streams() { # does a standby follow the server on this port?
  [ "$(sql "$1" "SELECT count(*) FROM pg_stat_replication WHERE state = 'streaming'")" = 1 ]
}

sql() { "$BIN/psql" -XAtq -v ON_ERROR_STOP=1 -p "$1" -c "$2" "${@:3}"; }

data() { # a data directory of its own from a stopped one
  cp -a "$1" "$2"
  printf '%s\n' 'local all all trust' 'host all all 127.0.0.1/32 trust' 'host replication all 127.0.0.1/32 trust' > "$2/pg_hba.conf"
  cat > "$2/postgresql.conf" << END
listen_addresses = '127.0.0.1'
unix_socket_directories = ''
shared_preload_libraries = pg_stat_statements
shared_buffers = 128MB
max_connections = 60
dynamic_shared_memory_type = mmap
wal_retrieve_retry_interval = 100ms
primary_conninfo = 'host=127.0.0.1 port=$3 user=gonogo application_name=replica'
END
  [ -z "$RUN_AS" ] || chown -R --reference="$WORK" "$2"
}

server() { # name of the data directory, port, further settings; a child of ours, so that nothing is left behind
  $RUN_AS "$BIN/postgres" -D "$WORK/$1" -p "$2" "${@:3}" > "$1.log" 2>&1 &
  echo $! > "$1.pid"
  await "$BIN/psql" -XAtq -p "$2" -d postgres -c 'SELECT 1'
}

application() { # port, host:port list
  (
    cd "$EXAMPLES"
    DATABASE_URL="postgresql://rag_app@$2/rag?target_session_attrs=read-write" \
      MIGRATIONS_URL="postgresql://rag_owner@$2/rag?target_session_attrs=read-write" \
      OPENAI_BASE_URL=http://127.0.0.1:9/v1 API_KEYS="acme=$KEY,globex=by-hand-globex,initech=by-hand-initech" POOL_MAX=10 LLM_TIMEOUT=3 HOST=127.0.0.1 PORT=$1 \
      exec "$PYTHON" -m reference_rag
  ) > "app-$1.log" 2>&1 &
  echo $! > "app-$1.pid"
  await curl -fsS "http://127.0.0.1:$1/readyz"
}

right() { # does the application on this port find the document that answers the question?
  curl -fsS -m 10 -H "X-API-Key: $KEY" -H 'Content-Type: application/json' "http://127.0.0.1:$1/search" \
    -d "$QUERY" | grep -F "\"$DOCUMENT\"" > /dev/null # -q would end curl early
}

contents() { # what every table holds, as one hash per table
  for table in documents chunks messages; do
    sql "$1" "SELECT '$table', count(*), md5(coalesce(string_agg(h, '' ORDER BY h), '')) FROM (SELECT md5(t::text) AS h FROM $table t) AS rows"
  done
}

neighbours() { # port, on or off (the index), number of queries: the ten nearest of the first so many passages
  sql "$1" "SET enable_indexscan = $2; SELECT q.id, n.id FROM (SELECT id, embedding FROM chunks ORDER BY id LIMIT $3) q
    CROSS JOIN LATERAL (SELECT id FROM chunks ORDER BY embedding <=> q.embedding LIMIT 10) n" | sort
}

writes() { # port, table: numbered writes by one writer; what psql prints was acknowledged
  sql "$1" "CREATE TABLE $2 (number bigint PRIMARY KEY)"
  "$BIN/psql" -XAtq -p "$1" > "$2.acknowledged" 2> "$2.log" <<< \
    "INSERT INTO $2 SELECT coalesce(max(number), 0) + 1 FROM $2 RETURNING number \\watch 0.01" &
}

lost() { # port, table: how many acknowledged writes are not there
  grep -E '^[0-9]+$' "$2.acknowledged" | sort > acked
  sql "$1" "SELECT number FROM $2" | sort > there
  comm -23 acked there | wc -l
}

end() { # everything that still runs
  local pid
  for pid in $(jobs -p); do kill -QUIT "$pid" 2> /dev/null || true; done
  sleep 0.2
  for pid in $(jobs -p); do kill -KILL "$pid" 2> /dev/null || true; done
  wait 2> /dev/null || true
}
trap end EXIT

step start
data "$TEMPLATE" primary "$STANDBY"
data "$TEMPLATE" replica "$PRIMARY"
touch replica/standby.signal
server primary "$PRIMARY"
server replica "$STANDBY"
await streams "$PRIMARY"
echo "synchronous_standby_names = 'FIRST 1 (replica)'" >> primary/postgresql.conf
sql "$PRIMARY" 'SELECT pg_reload_conf()' > /dev/null
application "$APP" "127.0.0.1:$PRIMARY,127.0.0.1:$STANDBY"
await right "$APP"

step load
neighbours "$PRIMARY" off 40 > exact
"$PYTHON" -m locust --locustfile "$LOCUSTFILE" --host "http://127.0.0.1:$APP" --headless --users "$RATE" \
  --spawn-rate "$RATE" --run-time "${LOAD_SECONDS}s" --only-summary --csv load > locust.log 2>&1

step drill
contents "$PRIMARY" > before
neighbours "$PRIMARY" off 20 > exact
neighbours "$PRIMARY" on 20 > found
writes "$PRIMARY" before_the_disaster
writer=$!
sleep 0.5
"$BIN/pg_dump" -p "$PRIMARY" --format=custom --compress=gzip:1 --file=dump
sleep 0.5
kill "$writer"
$RUN_AS "$BIN/initdb" -D "$WORK/restored" -U gonogo -A trust -E UTF8 --locale=C --no-sync --data-checksums > initdb.log
server restored "$RESTORED" -c listen_addresses=127.0.0.1 -c unix_socket_directories= -c shared_buffers=128MB \
  -c shared_preload_libraries=pg_stat_statements -c max_connections=60 -c dynamic_shared_memory_type=mmap
sql "$RESTORED" 'CREATE ROLE rag_owner LOGIN' -d postgres
sql "$RESTORED" 'CREATE ROLE rag_app LOGIN' -d postgres
"$BIN/pg_restore" -p "$RESTORED" -d postgres --create --exit-on-error dump
sql "$RESTORED" ANALYZE
application "$APP2" "127.0.0.1:$RESTORED"
await right "$APP2"
contents "$RESTORED" > after
cmp before after
contents "$PRIMARY" > source
cmp before source
neighbours "$RESTORED" on 20 > found
echo "$(comm -12 exact found | wc -l) of 200 nearest neighbours" > recall
lost "$RESTORED" before_the_disaster > rpo
sql "$RESTORED" 'CREATE EXTENSION pg_prewarm' > /dev/null
sql "$RESTORED" "SELECT sum(pg_prewarm(oid::regclass, 'buffer')) FROM pg_class WHERE relkind IN ('r', 'm', 'i', 't', 'S')" > pages
kill "$(cat "app-$APP2.pid")"
kill -QUIT "$(cat restored.pid)"

step failover
right "$APP"
writes "$PRIMARY" before_the_failover
sleep 2
postmaster=$(cat primary.pid)
kill -KILL "$postmaster" $(pgrep -P "$postmaster")
sql "$STANDBY" 'SELECT pg_promote()' > /dev/null
await right "$APP"
sleep 3
ipcrm -m "$(sed -n 7p primary/postmaster.pid | awk '{ print $2 }')" # SIGKILL leaves it behind
rm -r primary
$RUN_AS "$BIN/pg_basebackup" -h 127.0.0.1 -p "$STANDBY" -D "$WORK/primary" -X stream -c fast -N
touch primary/standby.signal
sed -i "s/port=$PRIMARY/port=$STANDBY/; s/^synchronous_standby_names.*//" primary/postgresql.conf
server primary "$PRIMARY"
await streams "$STANDBY"
right "$APP"
missing=$(lost "$STANDBY" before_the_failover)
[ "$missing" = 0 ] || { echo "$missing acknowledged writes are lost" >&2; exit 1; }
[ "$(wc -l < acked)" -ge 20 ] || { echo "only $(wc -l < acked) writes were acknowledged" >&2; exit 1; }

step stop
end
trap - EXIT
step end
