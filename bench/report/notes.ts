/** What the pictures and journals of the runs say about the times in the tables. */
export const notes = `## What bounds them

- *A lost, frozen or isolated leader.* The lease has between ttl − loop_wait and ttl left (normal: 22 to 25 s, fast: 18
  to 20 s); etcd looks for ended leases each half second; the race, the promotion and the balancer's next check add less
  than a second. Patroni's race asked the dead node as well and waited 2 s for it, until unreachable-peers
  had the kernel answer: fast 22.5, 22.5, 22.5 and 21.0 s before. Where etcd's leader is lost with it,
  etcd first elects another, which gives the lease its full time and an election timeout again: 1 to 1.5 s more in fast, 2 to
  3 s in normal. Patroni accepts no ttl under 20 s, so p95 ≤ 22 s is just what fast can come to. etcd-leader-away keeps the
  two apart, looking every 10 s.
- *Switchover and clean stop.* PostgreSQL needs 0.2 s to stop, Patroni 0.2 s to read where it stopped and give the lead up, the
  race and the promotion 0.3 s, the balancer's check up to 0.25 s; then a commit waits until the third node streams, 0.1
  to 0.3 s. Before before_stop stopped PostgreSQL without Patroni's polling, it was 3.3 and 1.9 s.
- *Switchover to a named candidate.* Patroni has the node that was not named wait 2 s before it follows anybody
  ("give a time to somebody to take the leader lock"), and a commit waits for it. Without a candidate it does not.
- *Both replicas lost.* Neither etcd nor commits have a majority: the leader steps down after retry_timeout, and
  writes return when one replica does. This is a choice: with \`synchronousMode: quorum\` nothing that was
  acknowledged may be lost.
- *Leader cut off from the load balancer only.* Patroni and etcd see a healthy leader, so it stays; writes wait until
  the link is back. Applications with the multi-host string are not touched.
- *20 % of packets lost.* The balancer's check needs a dozen packets within its time-out and fails, so the leader is
  taken out although sessions that exist would get through, slowly.
- *After a leader was away for half a minute* etcd's old connections would come back only with TCP's next repetition, up to
  half a minute later. tcp_retries2 = 5 ends them after 12.6 s, and etcd dials anew: tried on a busy computer
  with *leader cut off from everybody*, etcd saw its leader 0.2 and 0.5 s after the end instead of 26 s, and
  all was whole after 16.7 and 22.6 s instead of 27.3 and 27.9 s (two runs each). Writes do not wait for it.
- *The only standby that confirms is lost.* Commits wait until the leader gives its connection up (wal_sender_timeout, 20 s)
  and Patroni, in its next round, takes it out of synchronous_standby_names. With both standbys there, the other one
  confirms and nobody waits.
- *A leader that is ahead of everybody.* Patroni forgives a new leader 1 MiB of what the lost one had written, acknowledged or not,
  and with more of it under way nobody led until the old one was back. In quorum and strict that limit is lifted: who may
  lead there has all that was acknowledged. The run stops the WAL senders, so commits wait some seconds longer.
- *A crash of postgres.* Patroni notices within loop_wait (3 s) and gives the lead away at once; before, it started postgres
  again in place: 2.2 to 4.3 s, and with more WAL to replay than here it would have been longer.
- *Data disk full.* PostgreSQL stops when it cannot make another WAL file, cannot start again, and Patroni gives the lead
  away. With a start timeout of 10 s instead of 0 it sometimes did not: where its round fell into PostgreSQL's own crash recovery
  it then started it as a standby, promoted it, failed, and began again, holding the lead (two of two runs beside three busy
  processes; with 0, eight of eight handed it over). The run writes WAL until it comes to that; on a quiet leader with prepared WAL files, only statements that
  need room for rows would fail, and the leader would stay.
- *WAL held for a dead replica.* pg_wal stays below a bound that the run asserts while more than that is written. The
  replica comes back by itself: replica-guard looks every 30 s for a replica whose WAL has been removed. Without
  it the replica asked for that WAL for ever.
- *All nodes without power.* Of the gap 5 s are without power, 4 to 9 s boot (three machines at once on this computer's cores),
  then etcd elects, Patroni replays the leader's WAL, starts it as a standby and promotes it.
- *A zone lost with leader, load balancer and jump host in it.* Clients with the multi-host string try the lost node first, and
  wait for it (2 s here) at each new connection.
- *A pooler whose PostgreSQL was away* for less than the two to four seconds after which it is ended answers its first client
  afterwards with the error it remembers, and tries again for the next one.
- *HAProxy after a crash* takes every server for good until its first check, about a quarter of a second: a few
  writes reach a replica in that time and are refused there ("read-only transaction"); none is lost.
- *Throughput through the pooler.* With 32 clients this computer's two cores are busy for 91 to 100 % of the time, straight to
  PostgreSQL and through PgBouncer: what another program in the way uses is missing elsewhere. With one client it is the way
  itself, seven statements a transaction in TPC-B. A part is TLS once more between PgBouncer and PostgreSQL on the same
  machine; \`pgbouncerServerConnection: socket\` does without. It is not the default: every hop is verified,
  without an exception to remember. Short rounds scatter: three earlier ones of 10 s a run had 0.68, 0.88 and 0.72 for TPC-B
  through PgBouncer with TLS (1, 8, 32 clients) and 0.53, 0.64 and 0.66 for select-only.
- *From nothing to the first write* Pulumi takes some seconds longer than the script, and most of them before machines run; the
  quicker the computer, the more they weigh. On a slower one it was 42.0 and 37.4 s, 1.12 times the floor. Since a preview runs
  before each measured run, machines run after 5.5 to 7.2 s instead of 8 to 15 s: half of Pulumi's programs was found to be out of
  memory again after a minute in which nobody used them.
- *Where these seconds go.* Of one run: 0.8 s Pulumi and its language host start, 1.2 s Node.js loads Pulumi's SDK
  and the program, 0.3 s the program makes its resources, 0.8 s plug-ins start; the first call of the cloud's API is made
  after 3.2 s, and the first machine asked for after 5.2 s (3.9 and 5.9 s while Pulumi's own loader compiled the program).
  Later the two cores are busy, and Pulumi's part of their time is missing elsewhere: 10 s of processor time, 4 of them the
  engine (2 the state, 2 MB that are written after each resource, 1 its log), 3 the program, 2.5 plug-ins.
- *An up that changes nothing.* The same start, 3.2 s for both programs; then the engine compares 67 resources, one after
  another: a check and a diff by the plug-in each, and 14,000 lines of a log that has no switch (1.0 of the engine's 2.0 s of
  processor time). Tried, of 6.5 to 7 s: parallel diffs, no difference; user-data and the machines' files as a hundred bytes
  instead of 80 kB each, 0.5 s; stack traces without Pulumi's source maps, 0.6 s, taken. 66 resources of four bytes each,
  of one plug-in that does nothing, take 3.6 s.
`;
