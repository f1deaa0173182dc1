/** Images, packages and the operating system's own settings. */
import { cloudId, host, mirror, timeZone } from "./formats.ts";
import { key, type Subject, type Values } from "./key.ts";
import * as kind from "./kinds.ts";

const keyFingerprint = kind.text(
    /^ *([0-9A-Fa-f] *){40}$/,
    "must be the fingerprint of an OpenPGP key: 40 hexadecimal digits, spaces allowed",
);

export const operatingSystemKeys = {
    imageFamily: key({
        change: "rolling machine",
        kind: kind.text(/^[a-z][-a-z0-9]{1,61}[a-z0-9]$/, "must be the name of an image family, like almalinux-9"),
        default: "almalinux-9",
        description:
            "Image family in Yandex's folder standard-images. A new machine gets the newest image of the family and keeps it. Another family makes existing machines anew, one after another.",
    }),
    imageId: key({
        change: "rolling machine",
        kind: kind.optional(cloudId("an image")),
        default: "",
        description:
            "Id of the image to use instead of the family's newest. Empty means the newest. Another image makes existing machines anew, one after another.",
    }),
    almalinuxMirror: key({
        change: "live",
        kind: kind.optional(mirror),
        default: "",
        description:
            "URL of the folder that holds 9/BaseOS/x86_64/os. Empty leaves the image's own list of mirrors. Signatures are verified in either case.",
    }),
    epelMirror: key({
        change: "live",
        kind: mirror,
        default: "https://dl.fedoraproject.org/pub/epel",
        description: "URL of the folder that holds 9/Everything/x86_64 and RPM-GPG-KEY-EPEL-9.",
    }),
    epelKeyFingerprint: key({
        change: "live",
        kind: keyFingerprint,
        default: "FF8A D134 4597 106E CE81 3B91 8A38 72BF 3228 467C",
        description:
            "Fingerprint of the one key that may sign EPEL's packages, 40 hexadecimal digits, spaces allowed. The default is EPEL's own; only a mirror that signs with its own key needs another one.",
    }),
    pgdgMirror: key({
        change: "live",
        kind: mirror,
        default: "https://download.postgresql.org/pub/repos/yum",
        description:
            "URL of the folder that holds 17/redhat/, common/redhat/, extras/redhat/ and keys/ of PostgreSQL's RPM repository.",
    }),
    // PGDG has another key for aarch64. All platforms that the program knows are x86_64.
    pgdgKeyFingerprint: key({
        change: "live",
        kind: keyFingerprint,
        default: "D4BF 08AE 67A0 B4C7 A1DB CCD2 40BC A2B4 08B4 0D20",
        description:
            "Fingerprint of the one key that may sign the packages and indexes of PostgreSQL's RPM repository, 40 hexadecimal digits, spaces allowed. The default is its own for x86_64; only a mirror that signs with its own key needs another one.",
    }),
    pgdgRelease: key({
        change: "live",
        kind: kind.text(/^9(\.(0|[1-9]\d?))?$/, 'must be "9" or a minor release of Enterprise Linux 9, like "9.8"'),
        default: "9",
        description:
            'Release folder of PostgreSQL\'s RPM repository, in quotes. "9" (rhel-9-x86_64) follows the newest minor release of Enterprise Linux 9; "9.8" (rhel-9.8-x86_64) stays with one, for an image that is older or a repository that has a gap.',
    }),
    securityUpdates: key({
        change: "live",
        kind: kind.flag,
        default: true,
        description: "Whether security updates are installed every night. They restart no service.",
    }),
    timeZone: key({
        change: "live",
        kind: timeZone,
        default: "UTC",
        description: "Time zone of machines and of PostgreSQL, from the tz database.",
    }),
    ntpServers: key({
        change: "live",
        kind: kind.list(host, { min: 1, max: 10, rule: "must be a list of 1 to 10 host names or IPv4 addresses" }),
        default: ["ntp0.NL.net", "ntp2.vniiftri.ru", "ntp.ix.ru", "ntps1-1.cs.tu-berlin.de"],
        description: "List of time servers. The defaults are the ones Yandex recommends.",
    }),
};

export const operatingSystem: Subject = {
    title: "Operating system and packages",
    keys: operatingSystemKeys,
    rules: [],
};

/** The settings of images, package repositories and the operating system. */
export function operatingSystemSettings(configuration: Values<typeof operatingSystemKeys>) {
    return {
        /** The image of new machines. */
        image: {
            /** In Yandex's folder `standard-images`; its newest image is taken once and then kept. */
            family: configuration.imageFamily,
            /** This very image instead of the family's newest. */
            ...(configuration.imageId === undefined ? {} : { id: configuration.imageId }),
        },
        /** Base URLs of package repositories, without a slash at the end. */
        mirrors: {
            /** The folder that holds `9/BaseOS/x86_64/os`; undefined leaves the image's own mirror list alone. */
            ...(configuration.almalinuxMirror === undefined ? {} : { almalinux: configuration.almalinuxMirror }),
            epel: signedMirror(configuration.epelMirror, configuration.epelKeyFingerprint),
            pgdg: {
                ...signedMirror(configuration.pgdgMirror, configuration.pgdgKeyFingerprint),
                /** Enterprise Linux's release in the names of PGDG's folders: "9", or a minor one like "9.8". */
                release: configuration.pgdgRelease,
            },
        },
        operatingSystem: {
            /** tz database name. */
            timeZone: configuration.timeZone,
            ntpServers: configuration.ntpServers,
            /** Install security updates every night (no service restarts by itself). */
            securityUpdates: configuration.securityUpdates,
        },
    };
}

/** A repository whose key counts only if it has this fingerprint: 40 upper-case hexadecimal digits, as gpg prints it for programs. */
function signedMirror(url: string, fingerprint: string) {
    return { url, keyFingerprint: fingerprint.replaceAll(" ", "").toUpperCase() };
}
