#!/usr/bin/env bash
# Starts PostgreSQL as the official image does: on an empty PGDATA it makes a cluster, fills it through a server
# that only the local socket reaches, stops that one, and then starts the real server in this process.
set -Eeuo pipefail

die() {
  printf 'entrypoint: %s\n' "$*" >&2
  exit 1
}

# from_file NAME: NAME may be given as NAME_FILE, the path of a mounted secret.
from_file() {
  local file_name="$1_FILE"
  [[ -n ${!file_name:-} ]] || return 0
  [[ -z ${!1:-} ]] || die "$1 and $file_name exclude each other"
  export "$1=$(<"${!file_name}")"
  unset "$file_name"
}

# Volumes and bind mounts may come with any owner; only root can set that right, and PostgreSQL refuses root.
become_postgres() {
  local folder
  for folder in "$PGDATA" ${POSTGRES_INITDB_WALDIR:+"$POSTGRES_INITDB_WALDIR"}; do
    mkdir -p "$folder"
    chmod 0700 "$folder"
    find "$folder" \! -user postgres -exec chown postgres:postgres {} +
  done
  chown postgres:postgres /var/run/postgresql
  export HOME=/var/lib/postgresql
  exec setpriv --reuid=postgres --regid=postgres --init-groups -- "$0" "$@"
}

read_settings() {
  local name
  for name in POSTGRES_PASSWORD POSTGRES_USER POSTGRES_DB POSTGRES_INITDB_ARGS POSTGRES_HOST_AUTH_METHOD; do
    from_file "$name"
  done
  export POSTGRES_USER="${POSTGRES_USER:-postgres}"
  export POSTGRES_DB="${POSTGRES_DB:-$POSTGRES_USER}"
  [[ -n ${POSTGRES_PASSWORD:-} || ${POSTGRES_HOST_AUTH_METHOD:-} == trust ]] ||
    die "POSTGRES_PASSWORD is empty; set it, or POSTGRES_HOST_AUTH_METHOD=trust to let everybody in"
}

make_cluster() {
  local arguments=()
  # The variable holds arguments as a shell would read them, quotes included.
  eval "arguments=(${POSTGRES_INITDB_ARGS:-})"
  [[ -z ${POSTGRES_INITDB_WALDIR:-} ]] || arguments+=("--waldir=$POSTGRES_INITDB_WALDIR")
  initdb --username="$POSTGRES_USER" --pwfile=<(printf '%s\n' "${POSTGRES_PASSWORD:-}") "${arguments[@]}"
}

# allow_network SERVER_ARGUMENT...: lets every host in by password, hashed as this server hashes.
allow_network() {
  local method="${POSTGRES_HOST_AUTH_METHOD:-}"
  [[ -n $method ]] || method=$(postgres -C password_encryption "$@")
  printf '\nhost all all all %s\n' "$method" >>"$PGDATA/pg_hba.conf"
}

temporary_server() {
  local settings
  # The user's settings count here, too (preloaded libraries, for instance), but nobody may connect from outside:
  # a client that polls the port must not meet a server that is about to go away.
  settings=$(printf '%q ' "$@" -c listen_addresses= -p "${PGPORT:-5432}")
  NOTIFY_SOCKET='' pg_ctl --pgdata="$PGDATA" --options="$settings" --wait start
}

# sql [DATABASE_OPTION...]: runs standard input, or what the options say, and stops at the first error.
sql() {
  psql --variable=ON_ERROR_STOP=1 --no-password --no-psqlrc --username="$POSTGRES_USER" \
    --dbname="${SQL_DATABASE:-$POSTGRES_DB}" "$@"
}

make_database() {
  local found
  found=$(SQL_DATABASE=postgres sql --tuples-only --no-align --set=db="$POSTGRES_DB" \
    <<<"SELECT 1 FROM pg_database WHERE datname = :'db'")
  [[ -n $found ]] || SQL_DATABASE=postgres sql --set=db="$POSTGRES_DB" <<<'CREATE DATABASE :"db"'
}

# Scripts without the executable bit are sourced and may use sql and the variables, as with the official image.
run_init_files() {
  local file
  # shellcheck disable=SC1090  # the files are the user's
  for file in /docker-entrypoint-initdb.d/*; do
    printf 'entrypoint: %s\n' "$file"
    case "$file" in
      *.sh) if [[ -x $file ]]; then "$file"; else source "$file"; fi ;;
      *.sql) sql --file="$file" ;;
      *.sql.gz) gunzip --stdout "$file" | sql ;;
      *.sql.xz) xz --decompress --stdout "$file" | sql ;;
      *.sql.zst) zstd --decompress --stdout "$file" | sql ;;
      *) printf 'entrypoint: not a script, ignored: %s\n' "$file" ;;
    esac
  done
}

first_start() {
  read_settings
  make_cluster
  allow_network "$@"
  # Where POSTGRES_INITDB_ARGS asks for passwords on the local socket, the lines below need this one.
  export PGPASSWORD="${PGPASSWORD:-${POSTGRES_PASSWORD:-}}"
  temporary_server "$@"
  make_database
  run_init_files
  pg_ctl --pgdata="$PGDATA" --mode=fast --wait stop
  unset PGPASSWORD
  # People's tools wait for this very line before they count on the server's next "ready".
  printf '\nPostgreSQL init process complete; ready for start up.\n\n'
}

main() {
  [[ ${1:-} != -* ]] || set -- postgres "$@"
  [[ ${1:-} == postgres ]] || exec "$@"
  # Asking for help or the version needs neither a cluster nor a password.
  case " $* " in *' --help '* | *' -? '* | *' --version '* | *' -V '* | *' --describe-config '*) exec "$@" ;; esac
  ((EUID != 0)) || become_postgres "$@"
  if [[ ! -s $PGDATA/PG_VERSION ]]; then
    shopt -s nullglob
    first_start "${@:2}"
  fi
  exec "$@"
}

main "$@"
