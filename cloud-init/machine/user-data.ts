import { createHash } from "node:crypto";

import { stringify } from "yaml";

import { isInUserData, type DataDisk, type MachineConfiguration, type MachineFile } from "./configuration.ts";
import { scriptDirectory } from "./scripts.ts";

/** The person-like account of a machine and how SSH knows the machine. */
export interface MachineIdentity {
    readonly hostname: string;
    readonly fqdn: string;
    /** Administrator's account: key login only, sudo without a password. */
    readonly adminUser: string;
    /** OpenSSH public keys that may log in as `adminUser`. */
    readonly authorizedKeys: readonly string[];
    /** The machine's own ED25519 host key, so that the first connection can verify it. */
    readonly hostKey: { readonly privateKeyOpenssh: string; readonly publicKeyOpenssh: string };
    /** IANA name, for example `Europe/Moscow`. */
    readonly timeZone: string;
}

/** Slow mirrors take long. What waits for the machine has a shorter limit of its own. */
const FIRST_BOOT_DEADLINE_SECONDS = 3600;

/** The unit that starts everything which needs secrets. */
const SECRETS_TARGET = "postgres-ha.target";
const SECRETS_PATH_UNIT = "postgres-ha.path";
const SECRETS_MARKER = "/var/lib/postgres-ha/secrets-received";

/** What the machine should have; apply removes what is on the machine and not here, and `apply --check` compares. */
const DESCRIBED = "/var/lib/postgres-ha/described.json";

/** Keeps the image's own lists of repositories: apply puts one back when the mirror in its place is no longer described. */
const KEEP_IMAGE_REPOSITORIES =
    "mkdir -p /var/lib/postgres-ha/image/etc && cp -a /etc/yum.repos.d /var/lib/postgres-ha/image/etc/";

/**
 * The complete `#cloud-config` of a machine. Holds no secret but the SSH host key, which has to be
 * there before the first connection can be trusted.
 */
export function renderUserData(identity: MachineIdentity, configuration: MachineConfiguration): string {
    const files = allFiles(configuration).filter(isInUserData);
    const config = {
        hostname: identity.hostname,
        fqdn: identity.fqdn,
        manage_etc_hosts: true,
        preserve_hostname: false,
        timezone: identity.timeZone,
        ssh_deletekeys: true,
        ssh_keys: {
            ed25519_private: identity.hostKey.privateKeyOpenssh,
            ed25519_public: identity.hostKey.publicKeyOpenssh,
        },
        disable_root: true,
        ssh_pwauth: false,
        // An empty list is an error for cloud-init.
        ...(configuration.groups.length === 0 ? {} : { groups: [...configuration.groups] }),
        users: [
            {
                name: identity.adminUser,
                groups: ["wheel", ...configuration.adminGroups],
                sudo: "ALL=(ALL) NOPASSWD:ALL",
                shell: "/bin/bash",
                lock_passwd: true,
                ssh_authorized_keys: [...identity.authorizedKeys],
            },
            ...configuration.users.map((user) => ({
                name: user.name,
                system: true,
                ...(user.uid === undefined ? {} : { uid: user.uid }),
                homedir: user.homeDirectory,
                no_create_home: true,
                shell: user.shell ?? "/sbin/nologin",
                lock_passwd: true,
                ...(user.groups?.length ? { groups: [...user.groups] } : {}),
            })),
        ],
        ...dataDiskModules(configuration),
        write_files: files.map((file) => ({
            path: file.path,
            content: file.content,
            // write_files runs before accounts exist; other owners are set by the first bundle.
            owner: "root:root",
            permissions: file.mode ?? "0644",
        })),
        // Runs before write_files, which replaces some of these lists with a mirror's.
        bootcmd: [["cloud-init-per", "once", "image-repositories", "sh", "-c", KEEP_IMAGE_REPOSITORIES]],
        runcmd: [[`${scriptDirectory}/first-boot`]],
    };
    return `#cloud-config\n${stringify(config, { lineWidth: 0 })}`;
}

/**
 * The bundle for `apply`: every file of the machine, secrets included, last of all the marker that
 * lets the services start.
 */
export function renderBundle(configuration: MachineConfiguration): string {
    const marker: MachineFile = { path: SECRETS_MARKER, content: "", mode: "0644" };
    const everything = allFiles(configuration);
    // Units first: systemd must have loaded them before a service is reloaded.
    const isUnit = (file: MachineFile) => file.path.startsWith("/etc/systemd/system/");
    const files = [
        described(configuration, everything),
        ...everything.filter(isUnit),
        ...everything.filter((file) => !isUnit(file)),
        marker,
    ];
    return JSON.stringify({
        files: files.map((file) => ({
            path: file.path,
            content: file.content,
            ...permissions(file),
            onChange: file.onChange ?? [],
        })),
    });
}

const permissions = ({ owner = "root:root", mode = "0644" }: MachineFile) => ({ owner, mode });

/**
 * Paths with the commands that follow a change of each, fingerprints of the contents, and units. Its own command removes what
 * is not in it.
 */
function described(configuration: MachineConfiguration, all: readonly MachineFile[]): MachineFile {
    const { units, unitsWithSecrets, unawaitedUnits } = configuration;
    const files = all.map(({ path, onChange = [] }) => [path, onChange] as const);
    const contents = all.map((file) => {
        const sha256 = createHash("sha256").update(file.content).digest("hex");
        return [file.path, { sha256, ...permissions(file) }] as const;
    });
    return {
        path: DESCRIBED,
        content: JSON.stringify({
            files: Object.fromEntries(files),
            units: [...units, ...unitsWithSecrets, ...unawaitedUnits, SECRETS_PATH_UNIT],
            contents: Object.fromEntries(contents),
            enabled: [...units, SECRETS_PATH_UNIT],
        }),
        mode: "0600",
        onChange: [`${scriptDirectory}/apply --remove`],
    };
}

/**
 * Takes the bundle on standard input; ends when cloud-init is done and every unit of the machine runs.
 * @param changeSeconds the budget of all changes, see configure.sh
 * @param waitSeconds how long the units may take after that
 */
export function configureCommand(
    configuration: MachineConfiguration,
    changeSeconds: number,
    waitSeconds: number,
): string {
    const units = [...configuration.units, ...configuration.unitsWithSecrets];
    return `sudo env CHANGE_SECONDS=${changeSeconds} ${scriptDirectory}/configure ${waitSeconds} ${units.join(" ")}`;
}

/** Prints what on the machine is not as the last bundle described it, a line each. Changes nothing. */
export const checkMachineCommand = `sudo ${scriptDirectory}/apply --check`;

/** Every file of a machine: its parts' own, and those that it has because of how it is set up. */
export function allFiles(configuration: MachineConfiguration): readonly MachineFile[] {
    return [...ownFiles(configuration), ...configuration.files];
}

function ownFiles(configuration: MachineConfiguration): MachineFile[] {
    const array = (name: string, values: readonly string[]) => `${name}=(${values.map(quote).join(" ")})`;
    return [
        {
            path: "/etc/postgres-ha/data-disks",
            content: configuration.dataDisks
                .map((disk) => `${devicePath(disk)} ${disk.label} ${disk.mountPoint}\n`)
                .join(""),
        },
        {
            path: "/etc/postgres-ha/first-boot.conf",
            content: [
                array("PACKAGES", configuration.packages),
                array("SELINUX", configuration.selinux),
                array("UNITS", [...configuration.units, SECRETS_PATH_UNIT]),
                `DEADLINE_SECONDS=${FIRST_BOOT_DEADLINE_SECONDS}`,
                "",
            ].join("\n"),
            // New packages or units of a running machine.
            onChange: [`${scriptDirectory}/first-boot`],
        },
        {
            path: `/etc/systemd/system/${SECRETS_TARGET}`,
            content: unit({
                Unit: {
                    Description: "Everything on this machine that needs its secrets",
                    Wants: [...configuration.unitsWithSecrets, ...configuration.unawaitedUnits].join(" "),
                },
            }),
            onChange: ["systemctl daemon-reload"],
        },
        {
            path: `/etc/systemd/system/${SECRETS_PATH_UNIT}`,
            content: unit({
                Unit: { Description: "Starts the services once the secrets have arrived" },
                Path: { PathExists: SECRETS_MARKER, Unit: SECRETS_TARGET },
                Install: { WantedBy: "multi-user.target" },
            }),
            onChange: ["systemctl daemon-reload"],
        },
    ];
}

/**
 * Has cloud-init format and mount the data disks before anything else needs them. `partition: none` alone always formats
 * (cloud-init 22.4 to 25.1 never read `overwrite` there), and `auto` formats where udev's database is missing. So the
 * command is ours, which looks at the disk.
 */
function dataDiskModules({ dataDisks }: MachineConfiguration): object {
    if (dataDisks.length === 0) {
        return {};
    }
    return {
        fs_setup: dataDisks.map((disk) => ({
            device: devicePath(disk),
            label: disk.label,
            filesystem: "ext4",
            partition: "none",
            cmd: `${scriptDirectory}/format-data-disk %(device)s %(label)s`,
        })),
        mounts: dataDisks.map((disk) => [
            devicePath(disk),
            disk.mountPoint,
            "ext4",
            "defaults,noatime,nofail,x-systemd.device-timeout=90s",
            "0",
            "2",
        ]),
    };
}

function devicePath({ deviceName }: DataDisk): string {
    return `/dev/disk/by-id/virtio-${deviceName}`;
}

/** A systemd unit from sections. A list of values becomes repeated lines, an undefined value none. */
export function unit(sections: Record<string, Record<string, string | readonly string[] | undefined>>): string {
    return Object.entries(sections)
        .map(([section, settings]) => {
            const lines = Object.entries(settings).flatMap(([key, value = []]) =>
                [value].flat().map((line) => `${key}=${line}`),
            );
            return `[${section}]\n${lines.join("\n")}\n`;
        })
        .join("\n");
}

/** Single-quoted for bash. */
export function quote(text: string): string {
    return `'${text.replaceAll("'", `'\\''`)}'`;
}
