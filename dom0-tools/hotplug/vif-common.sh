# SPDX-License-Identifier: MIT
#
# What the vif scripts share; each sources this file from its own directory. xld runs them with $XENBUS_PATH (the back
# end's directory in xenstore) and $vif (the interface that dom0's kernel has made), and one argument: online, or
# offline when the interface is gone, and with it addresses, routes, its place in a bridge and its filter.
#
# Works with iproute2 and with busybox. nft is needed for vifs with ip= and for NAT only.
set -eu
export PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin

verb=${1:-}

die() { echo "$*" >&2; exit 1; }

# A node of the back end, or nothing.
node() { xenstore-read "$XENBUS_PATH/$1" 2>/dev/null || true; }

case $verb in
online | offline) ;;
*) die "usage: ${0##*/} online|offline, run by xld" ;;
esac

dev=$vif
mac=$(node mac) ip=$(node ip) bridge=$(node bridge) mtu=$(node mtu)
vifname=$(node vifname) gatewaydev=$(node gatewaydev)
[ -z "$vifname" ] || dev=$vifname

need() {
	command -v "$1" >/dev/null || die "$1 is missing: install the package $2"
}

# The addresses of ip= of one kind: 4 or 6.
addresses() {
	for a in $ip; do
		case $a in
		*:*) [ "$1" = 6 ] && echo "$a" ;;
		*) [ "$1" = 4 ] && echo "$a" ;;
		esac
	done
	true
}

# Words to a set of nft.
set_of() { echo "{ $(echo "$@" | sed 's/ /, /g') }"; }

# fe80::/64 with the interface id that follows from the MAC.
link_local() {
	old=$IFS
	IFS=:
	set -- $mac
	IFS=$old
	printf 'fe80::%x:%xff:fe%s:%s\n' $((0x$1$2 ^ 0x0200)) "0x$3" "$4" "$5$6"
}

# An IPv6 address or network as nft wants it behind @th,64,: its length in bits, and so many bits in hex.
raw6() {
	echo "$1" | awk -F/ '{
		bits = $2 == "" ? 128 : $2
		n = split($1, half, "::")
		l = split(half[1], left, ":"); r = n > 1 ? split(half[2], right, ":") : 0
		for (i = 1; i <= 8; i++)
			word[i] = i <= l ? left[i] : i > 8 - r ? right[i - 8 + r] : "0"
		for (i = 1; i <= 8; i++)
			hex = hex substr("000" word[i], length(word[i]))
		if (bits % 4 == 0)
			print bits " 0x" substr(hex, 1, bits / 4)
	}'
}

filter4() {
	echo "arp saddr ether != $mac drop"
	echo "arp saddr ip $(set_of "$@" 0.0.0.0) accept"
	echo "ip saddr $(set_of "$@") accept"
	echo "ip saddr 0.0.0.0 udp sport 68 udp dport 67 accept"
}

filter6() {
	echo "ip6 saddr != $(set_of "$@" ::) drop"
	echo "icmpv6 type { nd-router-advert, nd-redirect } drop"
	for a in "$@"; do
		raw=$(raw6 "$a")
		[ -n "$raw" ] || die "ip=$a: the length of an IPv6 network must be a multiple of 4"
		echo "icmpv6 type nd-neighbor-advert @th,64,${raw% *} ${raw#* } accept"
	done
	echo "icmpv6 type nd-neighbor-advert drop"
	echo "ip6 saddr $(set_of "$@" ::) accept"
}

# The guest sends from its MAC and from its addresses only, in ARP and neighbour discovery too. A chain at the
# interface's ingress works the same for bridges, routes and Open vSwitch, and ends with the interface.
filter() {
	need nft nftables
	v4=$(addresses 4) v6=$(addresses 6)
	rules=$(
		[ -z "$v4" ] || filter4 $v4
		[ -z "$v6" ] || filter6 $v6 "$(link_local)"
	)
	nft -f - <<-END || die "the filter for ip=$ip could not be set: does dom0's kernel have nf_tables?"
	table netdev xen_lite {
	chain in_$(echo "$dev" | tr -c 'a-zA-Z0-9\n' _) {
	type filter hook ingress device "$dev" priority 0; policy drop;
	ether saddr != $mac drop
	$rules
	}
	}
	END
}

# Name, size and filter, before any traffic can pass.
prepare() {
	if [ "$dev" != "$vif" ]; then
		ip link set "$vif" down
		ip link set "$vif" name "$vifname" || die "$vif cannot be named $vifname"
	fi
	[ -z "$mtu" ] || ip link set "$dev" mtu "$mtu" || die "mtu $mtu is refused for $dev"
	[ -z "$ip" ] || filter
}

# An address of dom0's own that the guest can use as its gateway: that of gatewaydev.
gateway_address() {
	ip addr show dev "$1" 2>/dev/null | sed -n 's|^ *inet \([0-9.]*\).*|\1|p' | head -n 1
}

forwarding() {
	echo 1 >/proc/sys/net/ipv4/ip_forward
	[ -z "$(addresses 6)" ] || echo 1 >/proc/sys/net/ipv6/conf/all/forwarding
}

# Each address of the guest is behind this interface; dom0 answers for the rest of the world.
routes() {
	[ -n "$ip" ] || die "${0##*/} needs ip=: the addresses of the guest"
	echo 1 >"/proc/sys/net/ipv4/conf/$dev/proxy_arp"
	for a in $(addresses 4); do ip route add "$a" dev "$dev" ${1:+src "$1"}; done
	for a in $(addresses 6); do ip -6 route add "$a" dev "$dev"; done
}
