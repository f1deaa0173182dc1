/** The cluster as a whole. */
import { key, refuseRepeated, secondStack, ruleOver, type Subject, type Values } from "./key.ts";
import * as kind from "./kinds.ts";

const knownZones = ["ru-central1-a", "ru-central1-b", "ru-central1-d"] as const;

/** Labels that the program sets itself. */
const programLabels: readonly string[] = ["cluster", "role"];
/** Yandex's limit of labels for one resource. */
const mostLabels = 64;

export const clusterKeys = {
    clusterName: key({
        change: "fixed",
        kind: kind.text(
            /^(?=.{1,30}$)[a-z](-?[a-z0-9])*$/,
            "must be 1 to 30 lower-case letters, digits and single hyphens, beginning with a letter",
        ),
        default: "main",
        description:
            "Prefix of all names in the cloud and of host names, and Patroni's scope. 1 to 30 lower-case letters, digits and hyphens.",
        fixed: `the name of every machine and disk contains it, so all of them would be replaced by empty ones. ${secondStack}`,
    }),
    zones: key({
        change: "fixed",
        kind: kind.list(kind.oneOf(knownZones), {
            min: 1,
            max: knownZones.length,
            rule: `must be a list of 1 to 3 zones out of ${knownZones.join(", ")}`,
        }),
        default: knownZones,
        description:
            "List of availability zones. Database node k is in zone (k - 1) mod their number, and so is load balancer k; the jump host is in the first.",
        fixed: `nodes would move to other zones, and their data disks cannot follow. ${secondStack}`,
    }),
    labels: key({
        change: "live",
        kind: kind.map(
            kind.text(/^[-_./\\@0-9a-z]{0,63}$/, "must be at most 63 lower-case letters, digits and - _ . / \\ @"),
            "must be a map of names to texts",
        ),
        default: {},
        description:
            "Map of labels for every cloud resource that can carry any. The program adds `cluster` and `role`.",
    }),
    deletionProtection: key({
        change: "live",
        kind: kind.flag,
        default: true,
        description:
            "Whether database machines and their data disks are protected from deletion. While true, `pulumi destroy` fails in its preview; with --skip-preview it fails too, but only after it has deleted the other machines. Set it to false and run `pulumi up` first.",
    }),
    readyTimeoutMinutes: key({
        change: "live",
        kind: kind.whole(1, 60, "minutes"),
        default: 15,
        description:
            "Minutes that a machine, and then the cluster, may take to become ready, 1 to 60. Then `pulumi up` fails and shows the log.",
    }),
};

type Configuration = Values<typeof clusterKeys>;
const rule = ruleOver<Configuration>();

export const cluster: Subject = {
    title: "The cluster",
    keys: clusterKeys,
    rules: [
        rule(["zones"], ({ zones }, refuse) => refuseRepeated("zones", zones, refuse)),
        rule(["labels"], ({ labels }, refuse) => {
            const nameRule =
                "must have a name of 1 to 63 lower-case letters, digits and - _ . / \\ @, beginning with a letter";
            for (const [name, value] of Object.entries(labels)) {
                if (programLabels.includes(name)) {
                    refuse(`labels.${name}`, value, "cannot be set: the program sets this label itself");
                } else if (!/^[a-z][-_./\\@0-9a-z]{0,62}$/.test(name)) {
                    refuse(`labels.${name}`, value, nameRule);
                }
            }
            const [count, most] = [Object.keys(labels).length, mostLabels - programLabels.length];
            if (count > most) refuse("labels", count, `must be at most ${most}`);
        }),
    ],
};

/** The settings of the cluster as a whole. */
export function clusterSettings({
    clusterName,
    zones,
    labels,
    deletionProtection,
    readyTimeoutMinutes,
}: Configuration) {
    return { clusterName, zones, labels, deletionProtection, readyTimeoutMinutes };
}
