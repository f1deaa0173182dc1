# shellcheck shell=bash
# The steps of tools/setup. Each step has three functions: STEP_title prints what it makes, STEP_inputs prints
# everything that its result depends on and whether the result exists, and STEP_make makes it.

# shellcheck source=tools/env.sh
source "$(dirname "${BASH_SOURCE[0]}")/env.sh"

steps=(system_packages node data_folder)
installed_pulumi || steps+=(pulumi bridge provider pulumi_home)
steps+=(program linters)
[[ -e $repository/testbed/package.json ]] && steps+=(emulator)

hash_of_input() { sha256sum | cut -c 1-16; }

# Prints those of the paths that exist, so that a step with a deleted result runs again.
exist() { stat --format %n "$@" 2>/dev/null || true; }

# --- Debian packages -------------------------------------------------------------------------------------------

system_packages_title() { echo "Debian packages: $(missing_packages | xargs)"; }
system_packages_inputs() { missing_packages; }

# Prints nothing on systems without dpkg. There the user installs the same programs under other names.
missing_packages() {
    command -v dpkg-query >/dev/null || return 0
    comm -23 <(sed 's/#.*//' "$tools/apt-packages" | xargs -n 1 | sort) \
        <(dpkg-query --show --showformat '${db:Status-Status} ${Package}\n' | sed -n 's/^installed //p' | sort)
}

system_packages_make() {
    local missing as_root=()
    mapfile -t missing < <(missing_packages)
    ((${#missing[@]} > 0)) || return 0
    ((EUID == 0)) || as_root=(sudo)
    export DEBIAN_FRONTEND=noninteractive
    "${as_root[@]}" apt-get update
    "${as_root[@]}" apt-get install --yes --no-install-recommends -o DPkg::Lock::Timeout=300 "${missing[@]}"
}

# --- npm packages ----------------------------------------------------------------------------------------------

node_title() { echo "Node.js"; }
node_inputs() {
    cat "$tools/package.json" "$tools/package-lock.json"
    exist "$tools/node_modules/.bin/node"
}
node_make() { (cd "$tools" && npm ci); }

emulator_title() { echo "npm packages of the testbed"; }
emulator_inputs() {
    cat "$repository"/testbed/package{,-lock}.json
    exist "$repository/testbed/node_modules/.package-lock.json"
}
emulator_make() { (cd "$repository/testbed" && npm ci); }

# `pulumi install` generates the provider's SDK in sdks/ and then installs the program's packages, including the SDK.
# npm alone cannot, because package.json refers to the SDK's folder, which does not exist yet.
program_title() { echo "npm packages of the program, and the SDK of the Yandex provider"; }
program_inputs() {
    cat "$repository"/package{,-lock}.json
    sed -n '/^packages:/,/^[^ #]/p' "$repository/Pulumi.yaml"
    echo "${PULUMI_HOME:-}"
    exist "$repository/node_modules/.package-lock.json" "$repository/sdks/yandex/bin/index.js"
}
program_make() { (cd "$repository" && "$tools/bin/pulumi" install); }

linters_title() { echo "the linter of the machines' Python"; }
linters_inputs() {
    cat "$tools/python-requirements.txt"
    exist "$tools/python/bin/ruff"
}
linters_make() {
    rm -rf "$tools/python"
    python3 -m pip install --quiet --disable-pip-version-check --target "$tools/python" --requirement "$tools/python-requirements.txt"
}

# --- Go tools --------------------------------------------------------------------------------------------------
# Built into the cache, in a folder with a hash of the sources in its name, where other clones find them.

# go_folder NAME: prints the folder for the tools of the Go module tools/go/NAME
go_folder() {
    local key
    key=$(
        cd "$tools/go/$1" || exit
        {
            find . -type f ! -name '*_test.go' -print0 | sort -z | xargs -0 sha256sum
            "build_$1_version"
            declare -f "build_$1"
            uname -m
        } | hash_of_input
    )
    echo "$cache/$1-$key"
}

# build_cached NAME: calls build_NAME FOLDER in the module's folder, unless the result is in the cache
build_cached() {
    local folder building
    folder=$(go_folder "$1")
    building=$cache/building-$1
    mkdir -p "$cache"
    if ! command -v go >/dev/null; then
        echo "Neither Pulumi nor Go is on PATH: install Pulumi, or Go to build it with." >&2
        return 1
    fi
    exec {lock}>"$cache/lock-$1"
    flock "$lock" # held until this step's shell ends
    [[ -d $folder ]] && return
    rm -rf "$building"
    mkdir "$building"
    (
        cd "$tools/go/$1" || exit
        # The linker drops debugging data (-s -w), so the compiler need not create it. With enough memory the compiler
        # need not collect garbage. Together that saves a third of the processor time: 45 s instead of 67 s for net/http
        # and some more packages.
        export GOFLAGS="-gcflags=all=-dwarf=false ${GOFLAGS:-}"
        if (($(sed -n 's/^MemAvailable: *\([0-9]*\) kB/\1/p' /proc/meminfo) >= 8 * 1024 ** 2)); then
            export GOGC="${GOGC:-off}" GOMEMLIMIT="${GOMEMLIMIT:-2GiB}"
        fi
        "build_$1" "$building"
    ) {lock}>&-
    mv "$building" "$folder"
    # A clone that still needs an old build builds it again.
    find "$cache" -maxdepth 1 -name "$1-*" -mtime +30 -exec rm -rf {} +
}

# Downloads the modules of the tools that are not built yet, one after another. A step repeats a failed download and
# reports the error.
fetch_modules() {
    local name
    command -v go >/dev/null || return 0
    for name in pulumi bridge provider; do
        [[ " $* " == *" $name "* && ! -d $(go_folder "$name") ]] || continue
        (cd "$tools/go/$name" && go list -deps tool ./... >/dev/null 2>&1) || true
    done
}

module_version() { sed -n "s#^\t\?\(require \)\?$1 \(v[^ ]*\).*#\2#p" go.mod; }
npm_version() { sed -n "s#.*\"$1\": \"\([0-9.]*\)\".*#\1#p" "$repository/package.json"; }
plugins=(command random tls)

pulumi_title() { echo "Pulumi, its language host and plug-ins (compiled: about five minutes the first time)"; }
pulumi_inputs() { exist "$(go_folder pulumi)"; }
pulumi_make() { build_cached pulumi; }

build_pulumi_version() {
    local plugin
    for plugin in "${plugins[@]}"; do npm_version "@pulumi/$plugin"; done
}
build_pulumi() {
    local version plugin
    version=$(module_version github.com/pulumi/pulumi/pkg/v3)
    local flags="-s -w -X github.com/pulumi/pulumi/sdk/v3/go/common/version.Version=$version"
    flags+=" -X github.com/pulumi/pulumi/pkg/v3/version.Version=$version"
    go build -v -trimpath -ldflags "$flags" -o "$1/pulumi" github.com/pulumi/pulumi/pkg/v3/cmd/pulumi
    go build -v -trimpath -ldflags "$flags" -o "$1/pulumi-language-nodejs" ./language-host
    for plugin in "${plugins[@]}"; do
        go build -v -trimpath -ldflags "-s -w -X main.version=$(npm_version "@pulumi/$plugin")" \
            -o "$1/pulumi-resource-$plugin" "./$plugin"
    done
}

# The bridge that turns a Terraform provider into a Pulumi package, and that provider.
bridge_title() { echo "Pulumi's bridge to Terraform providers (compiled: about a minute)"; }
bridge_inputs() { exist "$(go_folder bridge)"; }
bridge_make() { build_cached bridge; }

build_bridge_version() { package_version; }
build_bridge() {
    # Two of its dependencies register the same protobuf type. The released plug-in has the same flag.
    local flags="-s -w -X google.golang.org/protobuf/reflect/protoregistry.conflictPolicy=ignore"
    flags+=" -X github.com/pulumi/pulumi-terraform-bridge/v3/dynamic/version.version=v$(package_version)"
    go build -v -trimpath -ldflags "$flags" -o "$1/pulumi-resource-terraform-provider" \
        github.com/pulumi/pulumi-terraform-bridge/v3/dynamic
}
# Prints the version of the bridge from Pulumi.yaml, package yandex.
package_version() { sed -n '/^packages:/,$s/^ *version: *\([0-9.]*\)$/\1/p' "$repository/Pulumi.yaml"; }

provider_title() { echo "the Yandex Cloud provider (compiled: about four minutes)"; }
provider_inputs() { exist "$(go_folder provider)"; }
provider_make() { build_cached provider; }

build_provider_version() { :; }
build_provider() {
    go build -v -trimpath -ldflags "-s -w" -o "$1/terraform-provider-yandex" \
        github.com/yandex-cloud/terraform-provider-yandex
}

# --- this clone's data -----------------------------------------------------------------------------------------

data_folder_title() { echo "the folder .testbed"; }
data_folder_inputs() { exist "$testbed/pulumi" "$testbed/passphrase"; }
data_folder_make() {
    mkdir -p "$testbed/pulumi"
    # The passphrase encrypts the secrets of the stacks on this clone's testbed.
    [[ -s $testbed/passphrase ]] || (umask 077 && openssl rand -base64 24 >"$testbed/passphrase")
}

# Pulumi looks for plug-ins in real folders only, so this makes folders with links to the programs.
pulumi_home_title() { echo "Pulumi's home, with links to the tools"; }
pulumi_home_inputs() {
    pulumi_links
    pulumi_links | cut -f 2 | while read -r link; do readlink "$link" || true; done
}
pulumi_home_make() {
    rm -rf "${PULUMI_HOME:?}"/{bin,plugins,dynamic_tf_plugins}
    pulumi_links | while IFS=$'\t' read -r program link; do
        mkdir -p "$(dirname "$link")"
        ln -s "$program" "$link"
    done
}

# Prints "PROGRAM<tab>LINK" lines.
pulumi_links() {
    local folder plugin version registry
    folder=$(go_folder pulumi)
    printf '%s\t%s\n' "$folder/pulumi" "$PULUMI_HOME/bin/pulumi"
    printf '%s\t%s\n' "$folder/pulumi-language-nodejs" "$PULUMI_HOME/bin/pulumi-language-nodejs"
    for plugin in "${plugins[@]}"; do
        version=$(npm_version "@pulumi/$plugin")
        printf '%s\t%s\n' "$folder/pulumi-resource-$plugin" \
            "$PULUMI_HOME/plugins/resource-$plugin-v$version/pulumi-resource-$plugin"
    done
    printf '%s\t%s\n' "$(go_folder bridge)/pulumi-resource-terraform-provider" \
        "$PULUMI_HOME/plugins/resource-terraform-provider-v$(package_version)/pulumi-resource-terraform-provider"
    # The bridge's folders for downloaded providers, by registry. Pulumi.yaml names the first registry. Older stacks have
    # the second one in their state, and their refresh or destroy loads the provider from there.
    version=$(cd "$tools/go/provider" && module_version github.com/yandex-cloud/terraform-provider-yandex)
    for registry in registry.terraform.io registry.opentofu.org; do
        printf '%s\t%s\n' "$(go_folder provider)/terraform-provider-yandex" \
            "$PULUMI_HOME/dynamic_tf_plugins/$registry/yandex-cloud/yandex/${version#v}/linux_$(go_architecture)/terraform-provider-yandex_$version"
    done
}

go_architecture() {
    case $(uname -m) in
    x86_64) echo amd64 ;;
    aarch64) echo arm64 ;;
    *) uname -m ;;
    esac
}
