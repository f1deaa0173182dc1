/**
 * Names that an administrator's account cannot have, because an account or a group of the name is there already:
 * useradd refuses a name that a group has, and an account that exists keeps its shell, mostly /sbin/nologin.
 */

/** Accounts and groups of the package `setup`, which every Enterprise Linux 9 begins with (its file `uidgid`). */
const setup =
    "root bin daemon adm lp sync shutdown halt mail operator games ftp nobody " +
    "sys tty disk mem kmem wheel cdrom man dialout floppy tape video lock audio users";

/** Those of other packages of AlmaLinux 9's cloud image, which its sysusers.d files and scriptlets make. */
const cloudImage = {
    systemd:
        "input kvm render sgx systemd-journal systemd-network systemd-resolve systemd-coredump systemd-oom systemd-timesync",
    others: "utmp utempter dbus polkitd ssh_keys sshd chrony tss rpc rpcuser sssd printadmin setroubleshoot cockpit-ws cockpit-wsinstance tcpdump",
    /** cloud-init's own user, by the image's and by Red Hat's name. */
    cloudInit: "almalinux cloud-user",
};

/** Accounts of what the program installs. */
const program = "postgres etcd haproxy pgbouncer patroni";

export const reservedLogins: ReadonlySet<string> = new Set(
    [setup, ...Object.values(cloudImage), program].flatMap((names) => names.split(" ")),
);
