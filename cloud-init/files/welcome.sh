#!/usr/bin/env bash
# What an administrator wants to know on logging in: which machine this is, what it does just now,
# and the commands for it. Never fails and never takes longer than a few seconds.
set -euo pipefail

role() {
    local state
    state=$(timeout 3 curl --silent --cacert /etc/postgres-ha/tls/ca.crt https://127.0.0.1:8008/patroni 2>/dev/null | jq -r '"\(.role), \(.state), timeline \(.timeline)"' 2>/dev/null) || true
    echo "${state:-Patroni does not answer}"
}

# Patroni opens the watchdog while it leads; only root sees whose it is.
watchdog() {
    local identity held
    if [ ! -e /dev/watchdog ]; then
        echo "none, nothing resets this machine when it leads and hangs"
        return
    fi
    identity=$(cat /sys/class/watchdog/watchdog0/identity 2>/dev/null) || identity=unknown
    held=$(timeout 3 sudo -n find "/proc/$(systemctl show --property=MainPID --value patroni)/fd" -lname '/dev/watchdog*' 2>/dev/null) || true
    if [ -n "$held" ]; then echo "$identity, held by Patroni"; else echo "$identity, not held by Patroni (it holds it while it leads)"; fi
}

printf '\n%s\n' "$(hostname)"
if [ -e /etc/patroni/patroni.yml ]; then
    cat <<END
PostgreSQL here: $(role)
Watchdog: $(watchdog)

  patronictl list                 the cluster; also topology, history, switchover, restart
  psql                            this node's PostgreSQL as superuser
  psql -p 6432 pgbouncer          the pooler: SHOW POOLS; SHOW CLIENTS; SHOW DATABASES;
  etcdctl endpoint status -w table --cluster
  journalctl -u patroni -f        also etcd, pgbouncer; -t patroni-callback

END
elif [ -e /etc/haproxy/haproxy.cfg ]; then
    cat <<END
HAProxy: $(systemctl is-active haproxy || true)

  haproxy-console show servers state     any command of HAProxy's socket
  haproxy-console show stat
  curl --cacert /etc/postgres-ha/tls/ca.crt https://localhost:7000/metrics
  journalctl -u haproxy -f

END
fi
