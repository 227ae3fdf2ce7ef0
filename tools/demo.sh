#!/bin/sh
# Runs build/bin/maildock on the demo tree below run/demo, which is made at the first start and kept after that.
# Remove run/demo to begin anew.
set -eu
cd "$(dirname "$0")/.."
root=$(pwd)/run/demo
mkdir -p "$root/state"

[ -d "$root/mail/demo" ] || python3 tests/data/demotree.py "$root/mail/demo"
if [ ! -e "$root/cert.pem" ]; then
    openssl req -x509 -newkey rsa:2048 -nodes -days 825 -subj /CN=localhost \
        -addext subjectAltName=DNS:localhost,IP:127.0.0.1 \
        -keyout "$root/key.pem" -out "$root/cert.pem" 2>/dev/null
    chmod 600 "$root/key.pem"
fi
[ -e "$root/users" ] || (umask 077 && printf 'demo:{SHA512-CRYPT}%s::::%s::\n' "$(openssl passwd -6 demo)" "$root" > "$root/users")
cat > "$root/maildock.properties" <<END
# Made by \`make run\` at each start. All keys are explained in etc/maildock.properties.
imap.listen = 127.0.0.1:1143
imaps.listen = 127.0.0.1:1993
tls.certificate = cert.pem
tls.key = key.pem
mail.location = $root/mail/%u
mail.layout = maildir++
namespace.delimiter = /
state.path = state
auth.plugins = passwdfile
auth.passwdfile.path = users
size.plugin = size-mime
END

cat <<END

Maildock serves run/demo/mail/demo. User demo, password demo. Ctrl-C stops it.

  curl       curl -k -u demo:demo imaps://127.0.0.1:1993/
             curl -k -u demo:demo 'imaps://127.0.0.1:1993/INBOX;MAILINDEX=1'
  Thunderbird  New account, your name: Demo, address: demo@localhost, password: demo; then "Configure manually":
             IMAP, host 127.0.0.1, port 1993, SSL/TLS, normal password, user name demo.
             Confirm the exception for the self-signed certificate. (Port 1143 offers STARTTLS.)

END
exec build/bin/maildock --config="$root/maildock.properties"
