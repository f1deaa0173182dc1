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
- *After a leader was away for half a minute* it takes up to 25 s until all is whole, because etcd's old connections come
  back only with TCP's next repetition. Writes do not wait for it.
- *HAProxy after a crash* takes every server for good until its first check, about a quarter of a second: a few
  writes reach a replica in that time and are refused there ("read-only transaction"); none is lost.
`;
