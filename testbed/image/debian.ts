/** Debian release under the guest. */
export const DEBIAN_RELEASE = "trixie";

/** Debian's names of the programs that AlmaLinux's cloud image has installed. */
const PROGRAMS = [
    "systemd",
    "systemd-sysv",
    "systemd-resolved",
    "dbus",
    "libpam-systemd",
    "udev",
    "libnss-myhostname",
    "cloud-init",
    "openssh-server",
    "sudo",
    "python3",
    "dnf",
    "dnf-plugins-core",
    "rpm",
    "gpg",
    "gpgv",
    "ca-certificates",
    "curl",
    "e2fsprogs",
    "hostname",
    "iproute2",
    "iputils-ping",
    "less",
    "locales",
    "logrotate",
    "netbase",
    "openssl",
    "procps",
    "tzdata",
    "xfsprogs",
];

/** Libraries of the programs in the RPMs. The RPMs themselves contain no libraries of other packages. */
const LIBRARIES = [
    "libbz2-1.0",
    "libcares2",
    "libedit2",
    "libevent-2.1-7t64",
    "libgnutls30t64",
    "libicu76",
    "libjemalloc2",
    "libjq1",
    "liblua5.4-0",
    "liblz4-1",
    "libnettle8t64",
    "libnftables1",
    "libonig5",
    "libopentracing-c-wrapper0t64",
    "libpcap0.8t64",
    "libpq5",
    "libseccomp2",
    "libssh2-1t64",
    "libwrap0",
    "libxml2",
    "libxslt1.1",
    "libzstd1",
];

/** Debian packages of the guest's root. */
export const ROOT_PACKAGES: readonly string[] = [...PROGRAMS, ...LIBRARIES];

/** Files of Debian packages that the guest does not need. */
export const EXCLUDED_PATHS: readonly string[] = ["/usr/share/doc/*", "/usr/share/man/*", "/usr/share/locale/*"];
