// JavaScript, because Pulumi loads a policy pack's entry as CommonJS with a TypeScript loader of its own. What is imported
// from here, Node.js loads.
import { PolicyPack } from "@pulumi/policy";

import { policies } from "./policies.ts";

new PolicyPack("postgres-ha", { policies, enforcementLevel: "mandatory" });
