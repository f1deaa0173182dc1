import { PolicyPack } from "@pulumi/policy";

import { policies } from "./policies";

new PolicyPack("postgres-ha", { policies, enforcementLevel: "mandatory" });
