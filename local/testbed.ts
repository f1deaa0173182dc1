/** `npm run testbed -- COMMAND`: the command line of this checkout's testbed, with the role of each machine in the cluster. */
import { runCommandLine } from "../testbed/cli.ts";
import { askRole } from "./roles.ts";
import { apiPort, publicNetwork, site } from "./this-testbed.ts";

await runCommandLine({ site, apiPort, publicNetwork, describeRole: askRole }, process.argv.slice(2));
