import type { Output, Unwrap } from "@pulumi/pulumi";

import type { clusterOutputs } from "../components/outputs.ts";

/**
 * The program's outputs, as `pulumi stack output --json --show-secrets` prints them: what the program returns,
 * with every Pulumi Output replaced by its value.
 */
export type Outputs = Unwrap<Output<ReturnType<typeof clusterOutputs>>>;
