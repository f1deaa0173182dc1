import { defineConfig } from "vitest/config";
import { BaseSequencer, type TestSpecification } from "vitest/node";

/**
 * Runs the files of the system tests in the order of their names, so that files that can share a cluster follow each
 * other. The files of the other projects keep vitest's own order, the longest first.
 */
class Sequencer extends BaseSequencer {
    override async sort(files: TestSpecification[]): Promise<TestSpecification[]> {
        const name = ({ project, moduleId }: TestSpecification) => (project.name === "system" ? moduleId : "");
        return (await super.sort(files)).sort((a, b) => name(a).localeCompare(name(b)));
    }
}

/** One project for each level of tests. test/run.ts runs them in order; the testbed's own tests are in testbed/. */
export default defineConfig({
    test: {
        sequence: { sequencer: Sequencer },
        // Destroying the last cluster takes long.
        teardownTimeout: 5 * 60_000,
        projects: [
            {
                test: {
                    name: "unit",
                    include: ["test/unit/**/*.test.ts", "bench/**/*.test.ts"],
                    globalSetup: ["test/support/global-setup.ts"],
                    // The long files mostly wait for programs: on two cores 55 s in all, one file after another 148 s.
                    maxWorkers: 4,
                    // Some tests run the programs of a whole machine.
                    testTimeout: 60_000,
                    hookTimeout: 120_000,
                },
            },
            {
                test: {
                    name: "components",
                    include: ["test/components/**/*.test.ts"],
                    testTimeout: 60_000,
                    hookTimeout: 60_000,
                },
            },
            {
                test: {
                    name: "policy",
                    include: ["test/policy/**/*.test.ts"],
                    testTimeout: 300_000,
                    hookTimeout: 300_000,
                },
            },
            {
                test: {
                    name: "system",
                    include: ["test/system/**/*.test.ts"],
                    // All files use one testbed, one after another.
                    globalSetup: ["test/system/support/global-setup.ts"],
                    fileParallelism: false,
                    testTimeout: 20 * 60_000,
                    hookTimeout: 20 * 60_000,
                },
            },
        ],
    },
});
