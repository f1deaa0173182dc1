# shellcheck shell=bash
# The environment of every command of this project, in one place: `tools/run` and `tools/bin/pulumi` source it.
# A variable that is set already is kept, so one can be overridden for a single command.

tools=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
repository=$(dirname "$tools")
testbed=$repository/.testbed # what one running testbed is made of
# shellcheck disable=SC2034 # used in steps.sh
cache=${XDG_CACHE_HOME:-$HOME/.cache}/postgres-ha # what is slow to build and the same for every clone

# True when this machine has its own Pulumi, which then downloads plug-ins as usual. POSTGRES_HA_BUILD_TOOLS=1
# builds all of it from source all the same.
installed_pulumi() {
    [[ -z ${POSTGRES_HA_BUILD_TOOLS:-} ]] && find_outside pulumi && find_outside pulumi-language-nodejs
}

# Is there a program of this name on PATH, other than this project's?
find_outside() {
    local found
    while read -r found; do
        case $found in "$repository"/*) ;; *) return 0 ;; esac
    done < <(type -aP "$1")
    return 1
}

add_to_path() {
    case ":$PATH:" in *":$1:"*) ;; *) PATH=$1:$PATH ;; esac
}
add_to_path "$repository/node_modules/.bin"
if ! installed_pulumi; then
    export PULUMI_HOME=$testbed/pulumi-home
    add_to_path "$PULUMI_HOME/bin"
fi
add_to_path "$tools/node_modules/.bin" # Node.js of the version Pulumi and vitest want
add_to_path "$tools/bin"
export PATH

export PULUMI_SKIP_UPDATE_CHECK=true
# Pulumi writes a log of some 5 MB in each run; by default it keeps 500 MB of them.
export PULUMI_LOG_ROTATION_MAX_TOTAL_MB=${PULUMI_LOG_ROTATION_MAX_TOTAL_MB:-50}
# By default Pulumi makes four resources a core at a time; passwords, slow to hash, then keep the network waiting.
export PULUMI_PARALLEL=${PULUMI_PARALLEL:-32}
# For the example application, which Pulumi's own loader reads: type checks belong to `npm run typecheck`.
export PULUMI_NODEJS_TRANSPILE_ONLY=true
# Node.js keeps what it has compiled of Pulumi and of the program: 0.7 s of each run.
export NODE_COMPILE_CACHE=${NODE_COMPILE_CACHE:-$testbed/node-compile-cache}
export PULUMI_BACKEND_URL=${PULUMI_BACKEND_URL:-file://$testbed/pulumi}
if [[ -z ${PULUMI_CONFIG_PASSPHRASE+set} && -z ${PULUMI_CONFIG_PASSPHRASE_FILE:-} ]]; then
    export PULUMI_CONFIG_PASSPHRASE_FILE=$testbed/passphrase
fi

# The Yandex provider checks the emulator's certificate: let it know the testbed's own authority, once there is one.
# AWS_CA_BUNDLE would replace these authorities in part of the provider.
unset AWS_CA_BUNDLE
if [[ -s $testbed/ca.pem && ${SSL_CERT_FILE:-} != "$testbed/ca-bundle.pem" ]]; then
    for authorities in "${SSL_CERT_FILE:-}" /etc/ssl/certs/ca-certificates.crt /etc/pki/tls/certs/ca-bundle.crt; do
        [[ -r $authorities ]] && break
    done
    if [[ $testbed/ca.pem -nt $testbed/ca-bundle.pem || $authorities -nt $testbed/ca-bundle.pem ]]; then
        cat "$authorities" "$testbed/ca.pem" >"$testbed/ca-bundle.pem.$$"
        mv "$testbed/ca-bundle.pem.$$" "$testbed/ca-bundle.pem"
    fi
    export SSL_CERT_FILE=$testbed/ca-bundle.pem
fi
