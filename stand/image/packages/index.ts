import type { RpmPackage } from "../rpm/package";
import { almalinuxPackages } from "./almalinux";
import { etcdPackages } from "./etcd";
import { haproxyPackages } from "./haproxy";
import { patroniPackages } from "./patroni";
import { pgbouncerPackages } from "./pgbouncer";
import { postgresqlPackages } from "./postgresql";
import { pythonPackages } from "./python";
import { systemPackages } from "./system";

/** Every RPM of the stand: those of the mirror and those installed in the image. */
export const packages: readonly RpmPackage[] = [
  ...almalinuxPackages,
  ...systemPackages,
  ...pythonPackages,
  ...postgresqlPackages,
  ...etcdPackages,
  ...patroniPackages,
  ...pgbouncerPackages,
  ...haproxyPackages,
];
