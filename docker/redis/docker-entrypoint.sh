#!/bin/sh
# Starts Redis as the official image does: options or a configuration file alone mean redis-server, root becomes
# the user redis, and other containers may connect.
set -eu

# The official image is built with protected mode off, since a container's own loopback is no use to anybody.
# A user who names it, in the arguments or in the configuration file, has decided otherwise.
names_protected_mode() {
  case " $* " in *' --protected-mode '*) return 0 ;; esac
  case "${2:-}" in -* | '') return 1 ;; *) grep -qi '^[[:space:]]*protected-mode' "$2" ;; esac
}

case "${1:-}" in -* | *.conf) set -- redis-server "$@" ;; esac
if [ "${1:-}" = redis-server ]; then
  if [ "$(id -u)" = 0 ]; then
    find . \! -user redis -exec chown redis:redis {} +
    exec setpriv --reuid=redis --regid=redis --clear-groups -- "$0" "$@"
  fi
  umask 0077
  names_protected_mode "$@" || set -- "$@" --protected-mode no
fi
exec "$@"
