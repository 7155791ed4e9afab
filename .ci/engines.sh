# shellcheck shell=bash
# Downloads Debian packages of other suites, and runs container engines from them. Sourced by .ci/run; needs $tools, an
# empty directory under /tmp.

# suite_apt SUITE ARGUMENTS...: apt-get for one suite of Debian, with the mirror and the keys of this machine. Its files
# are in $tools, so the machine's own sources and packages do not change. Its list of installed packages is empty, so
# `install --download-only` downloads a package with all its dependencies.
suite_apt() {
  local suite="$1" apt="$tools/apt/$1" mirror keyring=/usr/share/keyrings/debian-archive-keyring.gpg
  shift
  local options=(
    -o "Dir::Etc::sourcelist=$apt/suite.sources" -o Dir::Etc::sourceparts=/dev/null
    -o "Dir::State::lists=$apt/lists" -o "Dir::State::status=$apt/status" -o "Dir::Cache=$apt/cache"
    -o APT::Sandbox::User=root -o Acquire::Languages=none -o Acquire::IndexTargets::deb::DEP-11::DefaultEnabled=false
  )
  if [ ! -e "$apt/updated" ]; then
    mirror="$(debian_mirror)"
    if [ -z "$mirror" ]; then
      echo 'no Debian mirror among the apt sources of this machine' >&2
      return 1
    fi
    mkdir -p "$apt/lists/partial" "$apt/cache/archives/partial"
    : > "$apt/status"
    printf 'Types: deb\nURIs: %s\nSuites: %s\nComponents: main\nSigned-By: %s\n' "$mirror" "$suite" "$keyring" \
      > "$apt/suite.sources"
    apt-get "${options[@]}" update -q || return 1
    touch "$apt/updated"
  fi
  apt-get "${options[@]}" "$@"
}

# Prints the first address that serves Debian itself (not its security updates, not another vendor's packages).
debian_mirror() {
  {
    # deb822: URIs of stanzas that name a Debian suite.
    cat /etc/apt/sources.list.d/*.sources 2> /dev/null | awk -v RS='' '
      /Suites:[^\n]*(bookworm|trixie|stable)/ && !/-security/ && match($0, /URIs:[ \t]*[^ \t\n]+/) {
        uri = substr($0, RSTART, RLENGTH); sub(/URIs:[ \t]*/, "", uri); print uri }'
    # The one-line format: deb [options] URI suite components.
    cat /etc/apt/sources.list /etc/apt/sources.list.d/*.list 2> /dev/null |
      sed -nE 's/^deb +(\[[^]]*\] +)?([^ ]+) +(bookworm|trixie|stable) .*main.*/\2/p'
  } | head -n 1
}

# ── engines of other releases ────────────────────────────────────────────────
#
# Each engine runs in its own root directory, into which its packages, their libraries and helpers are unpacked, and in
# its own mount, network and process namespaces. So it adds no bridge, firewall rule, mount or process to the machine,
# and killing its first process ends all others. /tmp is the machine's, so that the socket, the state and bind mounts
# have the same paths inside and outside.

# unpack_engine NAME SUITE PACKAGES...: downloads the packages and unpacks them into the engine's root directory.
unpack_engine() {
  local name="$1" suite="$2" engine="$tools/engines/$1" archive directory
  local root="$engine/root" archives="$tools/apt/$2/cache-$1"
  shift 2
  rm -rf "$engine"
  mkdir -p "$archives/partial" "$root"/{proc,sys,dev,run,tmp,etc,var/tmp,machine}
  # catatonit is the first process: it forwards signals and reaps orphaned processes.
  suite_apt "$suite" -o "Dir::Cache::archives=$archives" install --download-only -y -q --no-install-recommends \
    catatonit "$@" || return 1
  for archive in "$archives"/*.deb; do
    dpkg-deb --extract "$archive" "$root" || return 1
  done
  for directory in bin sbin lib lib64; do
    [ -e "$root/$directory" ] || ln -s "usr/$directory" "$root/$directory"
  done
  rm -rf "$archives"
}

# run_engine NAME COMMAND...: runs COMMAND in the engine's root directory, in the background. Its process id is written
# to .../pid, its output to .../log.
run_engine() {
  local engine="$tools/engines/$1"
  shift
  cp "$(command -v busybox)" "$engine/root/busybox"
  # pivot_root, not chroot alone: `exec` enters the mount namespace of a container and starts at its real root, which
  # would be the machine's. crun refuses cgroup v1 with a version 2 hierarchy (unified) that has controllers beside it.
  # shellcheck disable=SC2016 # expanded by the inner shells
  PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin \
    unshare --mount --net --pid --fork --kill-child sh -c '
      set -e
      root="$1"
      shift
      mount --bind "$root" "$root"
      mount -t proc proc "$root/proc"
      mount --rbind /sys "$root/sys"
      umount "$root/sys/fs/cgroup/unified" 2> /dev/null || true
      mount --rbind /dev "$root/dev"
      mount --bind /tmp "$root/tmp"
      mount -t tmpfs none "$root/run"
      cd "$root"
      pivot_root . machine
      exec /busybox chroot . /busybox sh -c "/busybox umount -l /machine && /busybox ip link set lo up && exec catatonit -- \"\$@\"" sh "$@"
    ' sh "$engine/root" "$@" > "$engine/log" 2>&1 < /dev/null &
  echo $! > "$engine/pid"
  # Otherwise Bash would report its end.
  disown
}

# start_docker NAME, start_podman NAME: return when the engine answers at unix://$tools/engines/NAME/socket.
start_docker() {
  local engine="$tools/engines/$1"
  # The tests' containers have no network or only publish a port, for which the proxy that dockerd starts is sufficient.
  run_engine "$1" dockerd --host "unix://$engine/socket" --data-root "$engine/data" --exec-root "$engine/exec" \
    --pidfile "$engine/dockerd.pid" --iptables=false --ip6tables=false
  await_engine "$1"
}

start_podman() {
  local engine="$tools/engines/$1"
  # Without systemd there is no journal, and there are no scopes.
  printf '%s\n' '[engine]' 'events_logger = "file"' 'cgroup_manager = "cgroupfs"' '[containers]' \
    'log_driver = "k8s-file"' '[network]' 'firewall_driver = "none"' > "$engine/containers.conf"
  CONTAINERS_CONF="$engine/containers.conf" run_engine "$1" podman --root "$engine/data" --runroot "$engine/exec" \
    --tmpdir "$engine/state" --network-config-dir "$engine/networks" system service --time=0 "unix://$engine/socket"
  await_engine "$1"
}

await_engine() {
  local engine="$tools/engines/$1" deadline=$((SECONDS + 60)) pid
  pid="$(cat "$engine/pid")"
  while kill -0 "$pid" 2> /dev/null && [ "$SECONDS" -lt "$deadline" ]; do
    timeout 10 docker --host "unix://$engine/socket" version > /dev/null 2>&1 && return 0
    sleep 0.5
  done
  tail -n 20 "$engine/log" >&2
  kill -9 "$pid" 2> /dev/null
  return 1
}

# add_engine NAME docker|podman SUITES PACKAGES...: starts the engine from the first of SUITES (separated by spaces)
# whose packages can be downloaded and run, and adds it to DOCTOR_TEST_ENGINES, where the tests find it.
add_engine() {
  local name="$1" kind="$2" suites="$3" suite version
  shift 3
  for suite in $suites; do
    timeout --kill-after=10 240 bash -c 'unpack_engine "$@"' bash "$name" "$suite" "$@" > "$tools/unpack.log" 2>&1 ||
      { tail -n 20 "$tools/unpack.log" >&2; continue; }
    "start_$kind" "$name" || continue
    version="$(docker --host "unix://$tools/engines/$name/socket" version --format '{{.Server.Version}}')"
    echo "$name: version $version of $suite"
    DOCTOR_TEST_ENGINES="${DOCTOR_TEST_ENGINES:+$DOCTOR_TEST_ENGINES,}$name=unix://$tools/engines/$name/socket"
    export DOCTOR_TEST_ENGINES
    return 0
  done
  echo "$name: could not be started from any of: $suites" >&2
  return 1
}

end_engines() {
  local file pid deadline=$((SECONDS + 10))
  for file in "$tools"/engines/*/pid; do
    [ -e "$file" ] || continue
    pid="$(cat "$file")"
    kill -9 "$pid" 2> /dev/null
    while kill -0 "$pid" 2> /dev/null && [ "$SECONDS" -lt "$deadline" ]; do sleep 0.1; done
  done
  return 0
}

export -f suite_apt debian_mirror unpack_engine
