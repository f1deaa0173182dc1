/** What the pictures and journals of the runs say about the times in the tables. */
export const notes = `## What bounds them

- *A lost, frozen or isolated leader.* The lease has between ttl − loop_wait and ttl left (normal: 22 to 25 s, fast: 18
  to 20 s); the race, the promotion and the balancer's next check add about a second. Where etcd's leader is lost
  with it, etcd first elects another and gives the lease its full time again: 1 to 3 s more. etcd-leader-away keeps
  the two apart, looking every 10 s.
- *Switchover and clean stop, goal 1 s, not met.* PostgreSQL needs 0.3 s to stop, but Patroni gives the lead up about
  1.2 s later. The new leader writes at once, but a commit waits for a standby: the third node follows the new leader
  either immediately (then writes go on 1.6 to 2 s after the beginning) or, when the news reaches it while it is busy with
  the old leader's end, in its next round, up to loop_wait later (then 3.3 s). Standbys ask again every 0.5 s instead of
  PostgreSQL's 5 s, which bounds their own share. Asynchronous commit would not wait; it would lose rows in other faults.
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
- *Data disk full.* PostgreSQL stops when it cannot make another WAL file, cannot start again, and Patroni gives the lead
  away. The run writes WAL until it comes to that; on a quiet leader with prepared WAL files, only statements that
  need room for rows would fail, and the leader would stay.
- *WAL held for a dead replica.* pg_wal stays below a bound that the run asserts while more than that is written. The
  replica comes back by itself: replica-guard looks every 30 s for a replica whose WAL has been removed. Without
  it the replica asked for that WAL for ever.
- *A zone lost with leader, load balancer and jump host in it.* Clients with the multi-host string try the lost node first, and
  wait for it (2 s here) at each new connection.
- *A pooler whose PostgreSQL was away* answers its first client afterwards with the error it remembers, and tries again for the
  next one.
- *HAProxy after a crash* takes every server for good until its first check, about a quarter of a second: a few
  writes reach a replica in that time and are refused there ("read-only transaction"); none is lost.
`;
