#!/bin/sh
# Installs the Debian packages that are missing, and nothing else. Usage: tools/setup.sh build|check|bench
#   build  what `make build` and `make run` need
#   check  also what `make check`, `make soak`, `make tidy` and `make format` need
#   bench  what `make build` and `make bench` need
# Needs root or sudo only if a package is missing. No service is started: some packages (dovecot-imapd) would.
set -eu

build="g++ cmake ninja-build ccache pkg-config python3 openssl
    libpoco-dev libssl-dev libicu-dev libcppunit-dev libcrypt-dev libargon2-dev libxxhash-dev zlib1g-dev libzstd-dev
    libgsasl-dev libpq-dev unixodbc-dev libldap-dev libpam0g-dev libkrb5-dev"
check="clang clang-format clang-tidy libclang-rt-14-dev procps util-linux
    dovecot-imapd dovecot-lmtpd dovecot-pop3d dovecot-sieve dovecot-managesieved curl isync offlineimap3 neomutt mutt gsasl fail2ban systemd
    postgresql mariadb-server-core mariadb-client-core odbc-postgresql odbcinst slapd libpam-wrapper
    krb5-kdc krb5-admin-server python3-gssapi gss-ntlmssp
    ruby php-cli php-imap libmail-imapclient-perl"
bench="dovecot-imapd strace"
# Whose node comes from elsewhere has npm with it, which Debian's would not stand beside.
command -v node >/dev/null || check="$check nodejs"
command -v npm >/dev/null || check="$check npm"

case "${1:-build}" in
    build) wanted=$build ;;
    check) wanted="$build $check" ;;
    bench) wanted="$build $bench" ;;
    *)
        echo "usage: tools/setup.sh build|check|bench" >&2
        exit 2
        ;;
esac

missing=
for package in $wanted; do
    state=$(dpkg-query -W -f '${db:Status-Status}' "$package" 2>/dev/null || true)
    [ "$state" = installed ] || missing="$missing $package"
done
[ -n "$missing" ] || exit 0

if ! command -v apt-get >/dev/null; then
    echo "setup: these packages of Debian 12 are needed, and there is no apt-get here:$missing" >&2
    exit 1
fi
as_root=
if [ "$(id -u)" != 0 ]; then
    if ! command -v sudo >/dev/null; then
        echo "setup: missing packages. As root, run:  apt-get install$missing" >&2
        exit 1
    fi
    as_root=sudo
fi

echo "setup: installing$missing"
policy=/usr/sbin/policy-rc.d
if [ ! -e $policy ]; then
    printf '#!/bin/sh\nexit 101\n' | $as_root tee $policy >/dev/null
    $as_root chmod 755 $policy
    trap '$as_root rm -f $policy' EXIT
    trap 'exit 1' INT TERM
fi
$as_root apt-get -qq update
# The names are words without blanks.
# shellcheck disable=SC2086
$as_root env DEBIAN_FRONTEND=noninteractive apt-get -qq install --no-install-recommends -y $missing >/dev/null
