# shellcheck shell=bash
# The environment of every command of this project, in one place: `tools/run` and `tools/bin/pulumi` source it.
# A variable that is already set keeps its value, so a caller can override one for a single command.

tools=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
repository=$(dirname "$tools")
testbed=$repository/.testbed # everything that this clone's testbed keeps
# Before the testbed had this name its folder was .stand. A link keeps what runs from there running;
# `npm run local -- down` renames the folder when nothing runs any more.
if [[ -d $repository/.stand && ! -e $testbed ]]; then
    ln -s .stand "$testbed"
fi
cache=${XDG_CACHE_HOME:-$HOME/.cache}/postgres-ha # results of slow builds, shared by all clones
export TESTBED_CACHE=${TESTBED_CACHE:-$cache}     # for the testbed's image and package mirror

# Succeeds if this machine has an installed Pulumi, which downloads its plug-ins itself.
# POSTGRES_HA_BUILD_TOOLS=1 builds Pulumi and plug-ins from source in any case.
installed_pulumi() {
    [[ -z ${POSTGRES_HA_BUILD_TOOLS:-} ]] && find_outside pulumi && find_outside pulumi-language-nodejs
}

# Succeeds if PATH has a program of this name outside of this project.
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
add_to_path "$tools/node_modules/.bin" # Node.js in the version that Pulumi and vitest need
add_to_path "$tools/bin"
export PATH

export PULUMI_SKIP_UPDATE_CHECK=true
# Pulumi writes a log of about 5 MB in each run. Its default limit for all logs together is 500 MB.
export PULUMI_LOG_ROTATION_MAX_TOTAL_MB=${PULUMI_LOG_ROTATION_MAX_TOTAL_MB:-50}
# Pulumi's default is four resources per core at a time. Passwords take long to hash, and the network would wait for them.
export PULUMI_PARALLEL=${PULUMI_PARALLEL:-32}
# Pulumi's own loader reads the example application. It need not check types: `npm run typecheck` does.
export PULUMI_NODEJS_TRANSPILE_ONLY=true
# Node.js keeps the compiled code of Pulumi and of the program, which saves 0.7 s of each run.
export NODE_COMPILE_CACHE=${NODE_COMPILE_CACHE:-$testbed/node-compile-cache}
export PULUMI_BACKEND_URL=${PULUMI_BACKEND_URL:-file://$testbed/pulumi}
if [[ -z ${PULUMI_CONFIG_PASSPHRASE+set} && -z ${PULUMI_CONFIG_PASSPHRASE_FILE:-} ]]; then
    export PULUMI_CONFIG_PASSPHRASE_FILE=$testbed/passphrase
fi

# The Yandex provider verifies the emulator's certificate, so it must trust the testbed's own authority, once there is one.
# AWS_CA_BUNDLE would replace the trusted authorities in part of the provider.
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
