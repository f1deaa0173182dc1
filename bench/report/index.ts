/** Writes docs/benchmarks.md from the results that are kept. */
import { writeFileSync } from "node:fs";
import { join } from "node:path";

import { repository } from "../../local/this-testbed.ts";
import { creationSection } from "./creation.ts";
import { comparisonSection, faultSections } from "./faults.ts";
import { memorySection } from "./memory.ts";
import { noopSection } from "./noop.ts";
import { notes } from "./notes.ts";
import { pgbenchSection } from "./pgbench.ts";

export function writeReport(): void {
    const sections = [
        introduction,
        comparisonSection(),
        ...faultSections(),
        notes,
        pgbenchSection(),
        creationSection(),
        noopSection(),
        memorySection(),
    ];
    writeFileSync(join(repository, "docs", "benchmarks.md"), sections.filter(Boolean).join("\n"));
}

const introduction = `<!-- Written by npm run bench -- report from bench/results/; change bench/report/ instead. -->
# Benchmarks

Everything here was measured on the testbed: real etcd, Patroni, PostgreSQL, PgBouncer and HAProxy in containers on one
computer, with the network and the power under the test's control. Times that timeouts decide (a lost machine is
noticed when its lease ends) carry over to real machines; times that the computer decides (starting a program,
copying a database) do not. Not tested, because the testbed has none of them: a clock of its own for each machine (so no
clock that jumps or drifts), a watchdog device, a disk that is slow or returns errors.

\`npm run bench\` says how to repeat each of them.
`;
