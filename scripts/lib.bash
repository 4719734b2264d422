# What the scripts of this folder share; sourced by them, never run.
# shellcheck shell=bash
# shellcheck disable=SC2034  # the variables are for the scripts that source this
# shellcheck disable=SC2016  # the dollars in single quotes are for apt and for mmdebstrap's own shell

REPOSITORY=$(cd -- "$(dirname -- "${BASH_SOURCE[0]}")/.." && pwd)
CACHE="${XDG_CACHE_HOME:-${HOME:-/root}/.cache}/gonogo"

say() { printf '%s: %s\n' "${0##*/}" "$*" >&2; }

fail() {
  say "$*"
  exit 1
}

# The one long-running process that this shell waits for, if any; end_child belongs into the trap for EXIT.
CHILD=

wait_for_child() {
  local status=0
  wait "$CHILD" || status=$?
  CHILD=
  return "$status"
}

end_child() {
  [[ -n $CHILD ]] || return 0
  kill "$CHILD" 2>/dev/null || true
  wait "$CHILD" 2>/dev/null || true
}

# install_missing COMMAND=PACKAGE...: has apt install the packages whose command (or file) this machine lacks.
install_missing() {
  local pair missing=()
  for pair in "$@"; do
    [[ -e ${pair%%=*} ]] || command -v "${pair%%=*}" >/dev/null || missing+=("${pair#*=}")
  done
  ((${#missing[@]})) || return 0
  if ((EUID != 0)) || ! command -v apt-get >/dev/null; then
    fail "needs ${missing[*]}; install them, or run this as root on a machine with apt"
  fi
  # The lists of a machine may be older than its mirror: an update first, or the packages are "not found".
  apt-get update -qq >/dev/null || fail "apt-get update failed"
  DEBIAN_FRONTEND=noninteractive apt-get install -qq --no-install-recommends "${missing[@]}" >/dev/null </dev/null ||
    fail "apt-get could not install ${missing[*]}"
}

# process_identity PID: the instant the process started (clock ticks since boot) and the boot's id. Pids are
# reused, this pair is not. Fails when there is no such process.
process_identity() {
  local stat
  stat=$(cat "/proc/$1/stat" 2>/dev/null) || return 1
  # The second field is a name in brackets that may hold spaces: count the fields behind it.
  read -ra stat <<<"${stat##*) }"
  printf '%s %s\n' "${stat[19]}" "$(</proc/sys/kernel/random/boot_id)"
}

# debian_mirror LABEL: the address under which this machine's own apt finds Debian (LABEL: Debian or
# Debian-Security); nothing when it has no such source. apt reads all its kinds of source files itself.
debian_mirror() {
  apt-get indextargets --format '$(REPO_URI)' 'Created-By: Packages' 'Origin: Debian' "Label: $1" | sed -n 1p
}

# debian_sources SUITE: source lines for mmdebstrap. apt knows the origin of a source only after an update.
debian_sources() {
  local main security
  main=$(debian_mirror Debian)
  if [[ -z $main ]]; then
    apt-get update -qq >/dev/null
    main=$(debian_mirror Debian)
  fi
  [[ -n $main ]] || fail "apt on this machine has no Debian source to take $1 from"
  printf 'deb %s %s main\n' "$main" "$1" "$main" "$1-updates"
  security=$(debian_mirror Debian-Security)
  [[ -z $security ]] || printf 'deb %s %s-security main\n' "$security" "$1"
}

# debian_root SUITE PACKAGES OUT [HOOK]...: a minimal Debian with PACKAGES (comma separated) in the folder or tar
# file OUT, without docs, translations, apt lists or any trace of the mirror. A HOOK is an option of mmdebstrap.
debian_root() {
  local suite=$1 packages=$2 out=$3 settings status=0
  shift 3
  settings=$(mktemp)
  # How this machine's apt reaches its mirror (proxy, certificates, frozen dates) holds for the new root, too.
  apt-config dump --format '%F "%v";%n' | grep -E '^Acquire::(https?::|Check-)' >"$settings" || true
  # setsid: a failing mmdebstrap signals its whole process group, which would otherwise be the caller's. In the
  # background: a shell that waits takes a signal at once and can end it.
  debian_sources "$suite" | setsid mmdebstrap --quiet --variant=minbase --include="$packages" \
    --aptopt="$settings" --aptopt='APT::Install-Recommends "false"' --aptopt='Acquire::Languages "none"' \
    --dpkgopt=path-exclude='/usr/share/doc/*' --dpkgopt=path-include='/usr/share/doc/*/copyright' \
    --dpkgopt=path-exclude='/usr/share/man/*' --dpkgopt=path-exclude='/usr/share/info/*' \
    --dpkgopt=path-exclude='/usr/share/locale/*' "$@" \
    --customize-hook='rm -rf "$1"/etc/apt/sources.list* "$1"/etc/apt/apt.conf.d/99mmdebstrap "$1"/var/log/*.log "$1"/var/log/apt' \
    "$suite" "$out" - &
  CHILD=$!
  wait_for_child || status=$?
  rm -f "$settings"
  return "$status"
}
