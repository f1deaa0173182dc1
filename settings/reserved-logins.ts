/**
 * Names that the administrators' account cannot have, because an account or a group with that name exists already.
 * useradd refuses the name of a group, and an existing account keeps its shell, usually /sbin/nologin.
 */

/** Accounts and groups of the package `setup`, part of every Enterprise Linux 9 (its file `uidgid`). */
const setup =
    "root bin daemon adm lp sync shutdown halt mail operator games ftp nobody " +
    "sys tty disk mem kmem wheel cdrom man dialout floppy tape video lock audio users";

/** Accounts that other packages of AlmaLinux 9's cloud image create, by sysusers.d files and scriptlets. */
const cloudImage = {
    systemd:
        "input kvm render sgx systemd-journal systemd-network systemd-resolve systemd-coredump systemd-oom systemd-timesync",
    others: "utmp utempter dbus polkitd ssh_keys sshd chrony tss rpc rpcuser sssd printadmin setroubleshoot cockpit-ws cockpit-wsinstance tcpdump",
    /** cloud-init's default user: the image's name for it and Red Hat's. */
    cloudInit: "almalinux cloud-user",
};

/** Accounts of the packages that the program installs. */
const program = "postgres etcd haproxy pgbouncer patroni";

/** All of them. */
export const reservedLogins: ReadonlySet<string> = new Set(
    [setup, ...Object.values(cloudImage), program].flatMap((names) => names.split(" ")),
);
