import type { RpmPackage } from "../rpm/package.ts";
import { almalinuxPackages } from "./almalinux.ts";
import { etcdPackages } from "./etcd.ts";
import { haproxyPackages } from "./haproxy.ts";
import { patroniPackages } from "./patroni.ts";
import { pgbouncerPackages } from "./pgbouncer.ts";
import { postgresqlPackages } from "./postgresql.ts";
import { pythonPackages } from "./python.ts";
import { systemPackages } from "./system.ts";

/** Every RPM of the testbed: those of the mirror and those installed in the image. */
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
