/**
 * What configure has before it waits for the units: five slow nodes may restart PostgreSQL one after another, 7 minutes each,
 * after as many restarted etcd, and a file system may grow.
 */
export const CHANGE_SECONDS = 3900;
