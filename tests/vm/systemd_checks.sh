#!/bin/bash
# The checks of systemd.py, in its guest: the unit as it is packaged, and systemd-resolved as `sixpn dns install` sets
# it up. A line for each; a check that fails shows what its command said, and the end shows the journal.
export TERM=dumb SYSTEMD_COLORS=0 SYSTEMD_PAGER=
exit_code=0
never=$(mktemp -u) && mkfifo "$never"
pause() { read -rt "$1" <>"$never" || :; }

check() { # TEXT COMMAND...: the command succeeds
  local text=$1 said
  shift
  if said=$("$@" 2>&1); then
    echo "ok      $text"
  else
    printf 'FAILED  %s\n%s\n' "$text" "$(tail -n 20 <<<"$said" | sed 's/^/          /')"
    exit_code=1
  fi
}

refuses() { ! "$@"; }

eventually() { # SECONDS COMMAND...: it succeeds within this time
  local end=$((SECONDS + $1)) said
  shift
  until said=$("$@" 2>&1); do
    ((SECONDS < end)) || { echo "$said"; return 1; }
    pause 0.2
  done
}

has() { # TEXT COMMAND...: what the command prints has it
  local text=$1 said
  shift
  said=$("$@" 2>&1)
  grep -qF -- "$text" <<<"$said" || { echo "wanted: $text, printed: $said"; return 1; }
}

same() { [[ $1 == "$2" ]] || { echo "$1, and then $2"; return 1; }; }
differ() { [[ $1 != "$2" ]] || { echo "still $1"; return 1; }; }

of_unit() { systemctl show -p "$1" --value sixpnd; }
machine_processes() { pgrep -f '^(busybox nc -ll|sleep infinity)' | sort | xargs; }
# The agent proper: the keeper that systemd started has it as its child.
agent_of() { pgrep -P "$(of_unit MainPID)" -x sixpnd; }
replaced() { [[ $(of_unit MainPID) != "$1" && $(of_unit ActiveState) == active ]]; }
echoes() { # TEXT: through a connection to the app, which is descriptor 4 to write and 3 to read
  local line
  printf '%s\n' "$1" >&4 && read -rt 20 line <&3 && same "$1" "$line"
}

echo "== the unit"
mkdir -p /etc/sixpn
printf '[dns]\nhost_network = "acme/default"\n' >/etc/sixpn/agent.toml
check "a cluster of one host" sixpn cluster init --name guest --region iad
check "systemctl enable --now waits until the agent is ready" systemctl enable --now sixpnd
check "and then its command line answers" has "guest" sixpn status
check "it runs as the packaged unit limits it" has "cap_net_admin" systemctl show -p CapabilityBoundingSet sixpnd

cat >/tmp/fly.toml <<'TOML'
[[services]]
protocol = "tcp"
internal_port = 8080
[[services.ports]]
port = 80
TOML
check "an app with a service" sixpn apps create web --org acme --config /tmp/fly.toml
check "an app" sixpn apps create shell --org acme
check "a machine that echoes" sixpn machine run --app web -- busybox nc -ll -p 8080 -e cat
check "a machine that asks" sixpn machine run --app shell -- sleep infinity
check "a Flycast address" sixpn ips allocate-v6 --private -a web
listed() { sixpn machine list --app "$1" >/tmp/listed && awk "NR == 2 { print \$$2 }" /tmp/listed; } # APP COLUMN
address=$(listed web 9)
shell=$(listed shell 1)
shell_address=$(listed shell 9)
flycast=$(sixpn dig web.flycast --short --org acme)
in_shell() { nsenter --net="/run/netns/$shell" "$@"; }
ask() { in_shell dig +tries=1 +time=5 +short @fdaa::3 AAAA web.internal; } # past every cache
processes=$(machine_processes)
check "two machines run" same 2 "$(wc -w <<<"$processes")"

echo "== names for the host's own programs"
check "without it the host does not know them" refuses resolvectl query web.internal
before=$(readlink /etc/resolv.conf)
check "sixpn dns install" has "on link sixpn for internal, flycast" sixpn dns install
check "resolvectl: an app" has "$address" resolvectl query web.internal
check "resolvectl: a Flycast address" has "$flycast" resolvectl query web.flycast
check "resolvectl: the name of an address" has "$shell" resolvectl query "$shell_address"
check "getent, by the stub that resolv.conf names" has "$address" getent ahostsv6 web.internal
check "dig, by the stub" has "$address" dig +short +tries=1 AAAA web.internal
check "a name that does not exist is NXDOMAIN" has "status: NXDOMAIN" dig +tries=1 AAAA nothing.internal
check "a type that does not exist is NODATA" has "ANSWER: 0" dig +tries=1 A web.internal
check "resolvectl says that there is no such name" has "not found" resolvectl query nothing.internal
check "foreign names are not asked of it" has "-DefaultRoute" resolvectl status sixpn
check "systemctl restart systemd-resolved" systemctl restart systemd-resolved
check "it is remembered" has "$address" resolvectl query web.internal

echo "== an agent is replaced"
(
  asked=0 lost=0
  while ((asked < 10)) || [[ ! -e /tmp/enough ]]; do
    ((++asked))
    ask | grep -qF "$address" || ((++lost))
  done
  echo "$asked asked, $lost lost" >/tmp/asked
) &
asker=$!
mkfifo /tmp/to /tmp/from
in_shell busybox nc "$flycast" 80 </tmp/to >/tmp/from &
exec 4>/tmp/to 3<>/tmp/from
check "a connection of a machine through Flycast" echoes one
keeper=$(of_unit MainPID)
check "systemctl restart sixpnd" systemctl restart sixpnd
check "another process" differ "$keeper" "$(of_unit MainPID)"
check "not one that had to be started again" same 0 "$(of_unit NRestarts)"
check "the connection goes on" echoes two
check "new connections are taken" has three in_shell busybox timeout 20 busybox sh -c "echo three | busybox nc -w 5 $flycast 80"
check "the machines have not noticed" same "$processes" "$(machine_processes)"
resolvectl flush-caches
check "systemd-resolved still asks it" has "$address" resolvectl query web.internal
touch /tmp/enough
wait "$asker"
check "no name went unanswered: $(cat /tmp/asked)" has " 0 lost" cat /tmp/asked
exec 4>&-

echo "== an agent dies"
keeper=$(of_unit MainPID)
check "kill -9 of the agent" kill -9 "$(agent_of)"
check "systemd starts the next" eventually 30 replaced "$keeper"
check "the machines have not noticed" same "$processes" "$(machine_processes)"
check "names are answered" eventually 10 has "$address" ask
keeper=$(of_unit MainPID)
check "kill -9 of the process that systemd watches" kill -9 "$keeper"
check "systemd starts the next" eventually 30 replaced "$keeper"
check "the machines have not noticed" same "$processes" "$(machine_processes)"
check "names are answered" eventually 10 has "$address" ask

echo "== an agent hangs"
mkdir -p /etc/systemd/system/sixpnd.service.d
printf '[Service]\nWatchdogSec=4s\nTimeoutAbortSec=2s\n' >/etc/systemd/system/sixpnd.service.d/watchdog.conf
check "a watchdog of 4 s" systemctl daemon-reload
check "systemctl restart sixpnd" systemctl restart sixpnd
keeper=$(of_unit MainPID)
hanging=$(agent_of)
check "SIGSTOP of the agent" kill -STOP "$hanging"
check "systemd ends it and starts the next" eventually 40 replaced "$keeper"
check "the hanging one is gone" refuses kill -0 "$hanging"
check "names are answered" eventually 10 has "$address" ask

echo "== mistakes, and the end"
printf '[dns]\nhost_netwrok = "acme/default"\n' >/etc/sixpn/agent.toml
check "a mistake in agent.toml refuses the start" refuses systemctl restart sixpnd
check "with the place in the journal" has "agent.toml:2" journalctl -u sixpnd -n 20
check "and is not tried again" has "2" systemctl show -p ExecMainStatus --value sixpnd
check "the machines have not noticed" same "$processes" "$(machine_processes)"
check "they reach each other without an agent" in_shell ping -c 1 -W 5 "$address"
printf '[dns]\nhost_network = "acme/default"\n' >/etc/sixpn/agent.toml
check "mended, it starts" systemctl restart sixpnd
check "sixpn dns uninstall" sixpn dns uninstall
check "the host does not know the names any more" refuses resolvectl query web.internal
check "nothing of it is left in /etc" test ! -e /etc/systemd/system/sixpnd.service.d/dns.conf
check "resolv.conf is what it was" same "$before" "$(readlink /etc/resolv.conf)"
check "systemctl stop sixpnd" systemctl stop sixpnd
check "it is stopped, and not failed" has "inactive" systemctl is-active sixpnd
check "the machines have not noticed" same "$processes" "$(machine_processes)"

if ((exit_code != 0)); then journalctl --no-pager -u sixpnd -u systemd-resolved | tail -n 80; fi
echo "SIXPN-GUEST-EXIT $exit_code"
systemctl poweroff --force --force
