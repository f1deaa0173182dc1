import { configDefaults, defineConfig } from "vitest/config";
import { BaseSequencer, type TestSpecification } from "vitest/node";

/** Tests of the testbed's own that boot machines: they want the computer for themselves. */
const machineTests = ["testbed/machines/machines.test.ts", "testbed/machines/lifecycle.test.ts"];

/** The testbed's test files by name: files that share a cluster follow each other. Others as vitest likes them, the longest first. */
class Sequencer extends BaseSequencer {
    override async sort(files: TestSpecification[]): Promise<TestSpecification[]> {
        const name = ({ project, moduleId }: TestSpecification) => (project.name === "system" ? moduleId : "");
        return (await super.sort(files)).sort((a, b) => name(a).localeCompare(name(b)));
    }
}

/** One project for each level of tests; test/run.ts runs them in order. */
export default defineConfig({
    test: {
        sequence: { sequencer: Sequencer },
        // The testbed's last cluster is destroyed after the last test.
        teardownTimeout: 5 * 60_000,
        projects: [
            {
                test: {
                    name: "unit",
                    include: ["test/unit/**/*.test.ts", "testbed/**/*.test.ts"],
                    exclude: [...configDefaults.exclude, "**/node_modules/**", "**/.testbed/**", ...machineTests],
                    globalSetup: ["test/support/global-setup.ts"],
                    // Most of the long ones wait for programs: on two cores 55 s, and 148 s one file after another.
                    maxWorkers: 4,
                    // Programs of a whole machine run in some of them.
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
                    include: [...machineTests, "test/system/**/*.test.ts"],
                    // There is one testbed: its tests take turns and share what they find.
                    globalSetup: ["test/system/support/global-setup.ts"],
                    fileParallelism: false,
                    testTimeout: 20 * 60_000,
                    hookTimeout: 20 * 60_000,
                },
            },
        ],
    },
});
