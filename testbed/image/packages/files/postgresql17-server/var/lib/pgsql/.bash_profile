[ -f /etc/profile ] && source /etc/profile
PGDATA=/var/lib/pgsql/17/data
export PGDATA
