#!/bin/sh
# Installs with apt what the full test suite measures Knutepunkt against, and the C
# compiler that the race detector needs. Touches nothing when all is there.
#
#   scripts/peers.sh          install what is missing
#   scripts/peers.sh --check  tell what is missing, exit 1 if something is
set -eu

missing=''
need() { # need PACKAGES TEST... : packages unless the test holds
	packages=$1
	shift
	"$@" >/dev/null 2>&1 || missing="$missing $packages"
}
has() { command -v "$1"; }
jdk() { # a compiler for Java 17 or later
	major=$(javac -version 2>&1 | sed -n 's/^javac \([0-9]*\).*/\1/p')
	[ "${major:-0}" -ge 17 ]
}

need 'gcc libc6-dev' has gcc
need openssl has openssl
need curl has curl
need zip has zip
need unzip has unzip
need default-jdk-headless jdk
need maven has mvn
need rabbitmq-server test -x /usr/lib/rabbitmq/bin/rabbitmq-server
need poppler-utils has pdftotext
need qpdf has qpdf
need openssh-server test -x /usr/sbin/sshd
need chromium has chromium
need npm has npm
need librabbitmq-client-java test -e /usr/share/java/amqp-client.jar

[ -n "$missing" ] || exit 0
if [ "${1:-}" = --check ]; then
	echo "missing:$missing" >&2
	exit 1
fi

as_root=''
if [ "$(id -u)" != 0 ]; then
	if ! sudo -n true 2>/dev/null; then
		echo "These packages are missing, and cannot be installed without root or sudo:$missing" >&2
		echo "Install them, or run 'make test-go', which needs only Go." >&2
		exit 1
	fi
	as_root='sudo -n'
fi
if ! command -v apt-get >/dev/null; then
	echo "This machine has no apt. Install what corresponds to:$missing" >&2
	echo "or run 'make test-go', which needs only Go." >&2
	exit 1
fi

# The tests start a RabbitMQ and an sshd of their own; Debian's should not start.
policy=/usr/sbin/policy-rc.d
if [ ! -e $policy ]; then
	printf '#!/bin/sh\nexit 101\n' | $as_root tee $policy >/dev/null
	$as_root chmod 755 $policy
	trap '$as_root rm -f $policy' EXIT
fi

echo "installing:$missing"
log=$(mktemp)
# shellcheck disable=SC2086 # a list of packages, and perhaps no sudo
if ! { $as_root env DEBIAN_FRONTEND=noninteractive apt-get -q update &&
	$as_root env DEBIAN_FRONTEND=noninteractive apt-get -q -y install --no-install-recommends $missing; } >"$log" 2>&1; then
	tail -n 40 "$log" >&2
	echo "apt could not install:$missing (whole log: $log)" >&2
	exit 1
fi
rm -f "$log"
