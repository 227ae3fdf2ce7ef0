#!/bin/sh
# Runs Courier-IMAP in the foreground from its unpacked Debian packages, in mount and pid namespaces of its own: the
# packages' files are laid over the machine's root by overlayfs, and all of it is gone when this process ends. Usage,
# under `unshare --mount --pid --fork --kill-child`, as root:   enter.sh FOLDER PORT TLS_PORT MAIL_ROOT
# FOLDER/files holds the unpacked packages with their configuration.
set -eu
folder=$1 port=$2 tls_port=$3 mail_root=$4
stage=$folder/stage

mkdir -p "$stage"
mount -t tmpfs none "$stage"   # an overlay needs upper and lower on file systems that carry it; tmpfs always does
mkdir "$stage/lower" "$stage/upper" "$stage/work" "$stage/root"
cp -a "$folder/files/." "$stage/lower/"
mount -t overlay none -o "lowerdir=$stage/lower:/,upperdir=$stage/upper,workdir=$stage/work" "$stage/root"
for shared in /dev "$mail_root"; do
    mkdir -p "$stage/root$shared"
    mount --rbind "$shared" "$stage/root$shared"
done
mount -t proc none "$stage/root/proc"
mount -t tmpfs none "$stage/root/run"
mkdir -p "$stage/root/run/courier/authdaemon"

export port tls_port
exec chroot "$stage/root" /bin/sh -c '
set -a
. /etc/courier/imapd
. /etc/courier/imapd-ssl
IMAP_EMPTYTRASH=
IMAP_ULIMITD=1048576
IMAP_KEYWORDS=1
TLS_CERTFILE=/etc/courier/imapd.pem
set +a
makeuserdb
/usr/lib/courier/courier-authlib/authdaemond &
serve="/usr/lib/courier/courier/imaplogin /usr/bin/imapd Maildir"
options="-address=127.0.0.1 -maxprocs=200 -maxperip=200 -nodnslookup -noidentlookup"
IMAP_TLS_REQUIRED=0 couriertcpd $options "$port" $serve &
TLS_PROTOCOL= IMAP_STARTTLS=NO IMAP_TLS=1 couriertcpd $options "$tls_port" /usr/bin/couriertls -server -tcpd $serve &
trap "exit 0" TERM INT
while :; do wait; done
'
