/* SPDX-License-Identifier: MIT */
/*
 * Networks of guests: dom0, guests and the world reach each other over a bridge, a routed and a translated network;
 * what goes over TCP arrives whole and in large pieces; limits hold; a guest cannot pose as another; hot-plug under
 * traffic; back ends that die and come back.
 *
 * One host serves all tests, with two guests on the bridge xenbr0, 10.1.0.0/24, where dom0 is .254. CYCLES in the
 * environment sets the number of hot-plug cycles.
 */
#include "guests.h"

#include <arpa/inet.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#define H "net"
#define TINY "xl create -q /root/tiny.cfg "
#define LINK_UP(dev) "for i in $(seq 100); do [ -e /sys/class/net/" dev " ] && break; usleep 50000; done; " \
	"ip link set " dev " up && "
#define PING "ping -c 2 -i 0.2 -W 5 -q "
/* Without waiting for duplicate addresses. */
#define ADDRESS6(dev, a) "echo 0 >/proc/sys/net/ipv6/conf/" dev "/accept_dad; ip -6 addr add " a " dev " dev " && "
#define PING6 "ping6 -c 2 -W 20 -q "
#define NO_PING "ping -c 3 -i 0.2 -W 2 -q "

#define STOP_XLD "kill $(cat /run/xen-lite/xld.pid); while [ -e /run/xen-lite/xld.pid ]; do usleep 20000; done; "
#define START_XLD "xld --daemon --pid-file /run/xen-lite/xld.pid; "

/* Set when the guests run: without them most tests are not tried. */
static bool have_guests;

static int nr_cycles(void)
{
	return getenv("CYCLES") ? atoi(getenv("CYCLES")) : 5;
}

/* Linux 6.1 loses 1.6 MiB for each network that goes (guest-patches/linux-6.1/xen-netfront-free-pool.patch). */
static void make_guest(const char *name, const char *ip)
{
	sys_must(H, "cat >/root/%s.cfg <<'EOF'\n"
		 "name = '%s'\nkernel = '/root/guest/vmlinuz'\nramdisk = '/root/guest/initramfs'\nmemory = %d\n"
		 "extra = 'console=hvc0 lab.batch'\nvif = [ 'ip=%s' ]\nEOF\n", name, name, 128 + 2 * nr_cycles(), ip);
}

static void test_up(void)
{
	struct lab_opts o = sys_opts(H);
	static char ovs[4200];
	char file[4200];

	snprintf(ovs, sizeof(ovs), "%s/ovs.img,ro", lab_build_dir());
	o.disks[0] = ovs;
	CU_ASSERT_FATAL(sys_up(&o));
	snprintf(file, sizeof(file), "%s/tests/guest/boot/boot", lab_build_dir());
	CU_ASSERT_FATAL(sys_ok(lab_push(H, file, "/root/tiny", &sys_err), "push"));
	sys_must(H, "printf 'name=\"tiny\"\\nkernel=\"/root/tiny\"\\nmemory=16\\non_poweroff=\"preserve\"\\n' "
		 ">/root/tiny.cfg; ip link add xenbr0 type bridge && ip addr add 10.1.0.254/24 dev xenbr0 && "
		 "ip link set xenbr0 up; mkdir -p /root/www; head -c 3000000 /dev/urandom >/root/www/file; "
		 "httpd -h /root/www; mkdir /root/www/cgi-bin; printf '#!/bin/sh\\necho; head -c 1500000 /root/www/file; "
		 "sleep 4; tail -c +1500001 /root/www/file\\n' >/root/www/cgi-bin/slow; chmod +x /root/www/cgi-bin/slow");
	make_guest("n1", "10.1.0.1");
	make_guest("n2", "10.1.0.2");
	/* Once, so that whatever is made at first use is there. */
	sys_must(H, TINY "\"vif=['']\" && xl destroy tiny");
	guest_audit_begin(H);
}

static void test_refused(void)
{
	guest_refused(H, 1, "there is no bridge nosuch: make it first", TINY "\"vif=['bridge=nosuch']\"");
	guest_refused(H, 1, "vif-nat needs ip=", TINY "\"vif=['script=vif-nat']\"");
	guest_refused(H, 1, "vif-route needs ip=", TINY "\"vif=['script=vif-route']\"");
	guest_refused(H, 1, "ovs-vsctl is missing: install the package openvswitch-switch",
		      TINY "\"vif=['script=vif-openvswitch,bridge=b']\"");
	guest_refused(H, 1, "cannot be named eth0", TINY "\"vif=['vifname=eth0']\"");
	guest_audit(H);
}

static void test_bridge(void)
{
	have_guests = guest_boot(H, "n1") && guest_boot(H, "n2");
	CU_ASSERT_FATAL(have_guests);
	for (int i = 1; i <= 2; i++)
		guest_must(H, i == 1 ? "n1" : "n2", LINK_UP("eth0") "ip addr add 10.1.0.%d/24 dev eth0; "
			   PING "10.1.0.254", i);
	sys_must(H, PING "10.1.0.1");
	guest_must(H, "n1", PING "10.1.0.2");
	guest_must(H, "n2", PING "10.1.0.1");
	sys_contains(sys_must(H, "xl network-list n1"), "0   0  00:16:3e:");
	guest_must(H, "n1", "mkdir /www && wget -q -O /www/file http://10.1.0.254/file && httpd -h /www");
}

/* Both directions and between guests, whole; the guest's kernel hands over more than a frame at a time. */
static void test_tcp(void)
{
	char sum[128];
	long packets;

	CU_ASSERT_FATAL(have_guests);
	snprintf(sum, sizeof(sum), "%s", sys_must(H, "sha256sum </root/www/file"));
	CU_ASSERT_STRING_EQUAL(guest_must(H, "n1", "sha256sum </www/file"), sum);
	CU_ASSERT_STRING_EQUAL(guest_must(H, "n2", "wget -q -O - http://10.1.0.1/file | sha256sum"), sum);
	packets = atol(sys_must(H, "s=/sys/class/net/vif$(xl domid n1).0/statistics/rx_packets; a=$(cat $s); "
				"wget -q -O /tmp/got http://10.1.0.1/file; echo $(($(cat $s) - a))"));
	CU_ASSERT_STRING_EQUAL(sys_must(H, "sha256sum </tmp/got"), sum);
	printf("%ld packets for 3 MB ... ", packets);
	CU_ASSERT(packets < 3000000 / 1448 / 2);
}

static void cannot_reach(const char *line)
{
	int status;

	guest_sh(H, "n1", &status, "%s", line);
	CU_ASSERT_EQUAL(status, 1);
}

/* Another address, another MAC, and ARP for somebody else go nowhere; honest traffic does. */
static void test_spoofing(void)
{
	const char *out;
	char mac[32];

	CU_ASSERT_FATAL(have_guests);
	cannot_reach("ip addr add 10.1.0.9/24 dev eth0; " NO_PING "-I 10.1.0.9 10.1.0.254");
	snprintf(mac, sizeof(mac), "%s", guest_must(H, "n1", "ip addr del 10.1.0.9/24 dev eth0; "
						    "cat /sys/class/net/eth0/address"));
	mac[strcspn(mac, "\n")] = 0;
	cannot_reach("ip link set eth0 down; ip link set eth0 address 00:16:3e:00:00:01; ip link set eth0 up; "
		     NO_PING "10.1.0.254");
	guest_must(H, "n1", "ip link set eth0 down; ip link set eth0 address %s; ip link set eth0 up; " PING "10.1.0.254",
		   mac);
	sys_must(H, PING "10.1.0.2");
	/* Who has the other guest's address? Only the other guest. */
	guest_must(H, "n1", "ip addr add 10.1.0.2/32 dev eth0");
	out = sys_must(H, "arping -c 3 -I xenbr0 10.1.0.2");
	sys_contains(out, "Received 3 ");
	CU_ASSERT_PTR_NULL(strcasestr(out, mac));
	guest_must(H, "n1", "ip addr del 10.1.0.2/32 dev eth0");
}

/* What the guest may send, counted in dom0 while a download goes on. */
static void test_rate(void)
{
	const int rate = 250000;
	double bytes = 0, seconds = 0;

	CU_ASSERT_FATAL(have_guests);
	sys_must(H, "xl network-attach n1 rate=2Mb/s && ip addr add 10.2.0.254/24 dev xenbr0");
	guest_must(H, "n1", LINK_UP("eth1") "ip addr add 10.2.0.1/24 dev eth1; " PING "10.2.0.254");
	sscanf(sys_must(H, "s=/sys/class/net/vif$(xl domid n1).1/statistics/rx_bytes; "
			"wget -q -O /dev/null http://10.2.0.1/file & sleep 1; "
			"a=$(cat $s) t=$(cut -d' ' -f1 /proc/uptime); sleep 8; "
			"b=$(cat $s) u=$(cut -d' ' -f1 /proc/uptime); kill $!; echo $((b - a)) $t $u | "
			"awk '{ print $1, $3 - $2 }'"), "%lf %lf", &bytes, &seconds);
	printf("%.0f bytes in %.2f s: %+.1f %% ... ", bytes, seconds, (bytes / seconds / rate - 1) * 100);
	CU_ASSERT(seconds > 7.9 && bytes / seconds > rate * 0.95 && bytes / seconds < rate * 1.05);
	sys_must(H, "xl network-detach n1 1; ip addr del 10.2.0.254/24 dev xenbr0");
}

/* A server on the machine that runs the lab: behind the host's user network it is 10.0.2.2. Returns its port. */
static int serve(pid_t *pid)
{
	struct sockaddr_in a = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	socklen_t len = sizeof(a);
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	if (fd < 0 || bind(fd, (struct sockaddr *)&a, len) || listen(fd, 4) ||
	    getsockname(fd, (struct sockaddr *)&a, &len))
		return 0;
	*pid = fork();
	if (!*pid) {
		static const char hello[] = "HTTP/1.0 200 OK\r\nContent-Length: 10\r\n\r\nthe world\n";
		char request[512];
		int c;

		while ((c = accept(fd, NULL, NULL)) >= 0) {
			if (read(c, request, sizeof(request)) > 0 && write(c, hello, sizeof(hello) - 1) > 0)
				shutdown(c, SHUT_WR);
			close(c);
		}
		_exit(0);
	}
	close(fd);
	return ntohs(a.sin_port);
}

/* A guest behind dom0's address reaches the world. */
static void test_nat(void)
{
	pid_t server = 0;
	int port;

	CU_ASSERT_FATAL(have_guests);
	port = serve(&server);
	sys_must(H, "xl network-attach n1 script=vif-nat,ip=10.9.0.2,mac=00:16:3e:09:00:02");
	guest_must(H, "n1", LINK_UP("eth1") "ip addr add 10.9.0.2/24 dev eth1 && ip route add default via 10.9.0.1 && "
		   PING "10.9.0.1 && " PING "10.0.2.2");
	CU_ASSERT_STRING_EQUAL(guest_must(H, "n1", "cat /sys/class/net/eth1/address"), "00:16:3e:09:00:02\n");
	sys_contains(guest_must(H, "n1", "wget -q -O - http://10.0.2.2:%d/", port), "the world");
	if (server > 0) {
		kill(server, SIGKILL);
		waitpid(server, NULL, 0);
	}
	sys_must(H, "xl network-detach n1 00:16:3e:09:00:02; ! nft list set ip xen_lite_nat guests | grep -q 10.9.0.2");
}

/* A guest with an address of the world's: dom0 routes. Name and MTU in dom0 are those asked for. */
static void test_route(void)
{
	CU_ASSERT_FATAL(have_guests);
	sys_must(H, "xl network-attach n1 script=vif-route,ip=10.8.0.2,gatewaydev=eth0,vifname=web1,mtu=1400");
	guest_must(H, "n1", LINK_UP("eth1") "ip addr add 10.8.0.2/32 dev eth1 && ip route add 10.0.2.15 dev eth1 && "
		   PING "-I 10.8.0.2 10.0.2.15");
	sys_must(H, PING "10.8.0.2");
	sys_contains(sys_must(H, "ip link show web1"), "mtu 1400");
	sys_must(H, "xl network-detach n1 1; [ ! -e /sys/class/net/web1 ]");
}

/* An IPv6 address of the guest's own passes, another does not, and neighbours learn only of its own. */
static void test_ipv6(void)
{
	CU_ASSERT_FATAL(have_guests);
	sys_must(H, "ip link add xenbr6 type bridge && echo 0 >/proc/sys/net/ipv6/conf/xenbr6/disable_ipv6; "
		 ADDRESS6("xenbr6", "fd00:6::254/64") "ip link set xenbr6 up && "
		 "xl network-attach n1 bridge=xenbr6,ip=fd00:6::1 && xl network-attach n2 bridge=xenbr6,ip=fd00:6::2/128");
	guest_must(H, "n1", LINK_UP("eth1") ADDRESS6("eth1", "fd00:6::1/64") PING6 "fd00:6::254");
	guest_must(H, "n2", LINK_UP("eth1") ADDRESS6("eth1", "fd00:6::2/64") PING6 "fd00:6::1");
	sys_must(H, PING6 "fd00:6::2");
	/* Another's address, and one that nobody has: neither as a source nor in neighbour advertisements. */
	cannot_reach(ADDRESS6("eth1", "fd00:6::9/64") "ping6 -c 3 -W 2 -q -I fd00:6::9 fd00:6::254");
	sys_must(H, "! ping6 -c 3 -W 2 -q fd00:6::9");
	/* Who has the other guest's address? Only the other guest. */
	guest_must(H, "n1", "ip -6 addr del fd00:6::9/64 dev eth1; " ADDRESS6("eth1", "fd00:6::2/64") "true");
	sys_must(H, "mac=$(xl network-list n2 | sed -n 's/^1  *0  *\\([0-9a-f:]*\\) .*/\\1/p'); [ -n \"$mac\" ] && for i in 1 2 3; do "
		 "ip -6 neigh flush dev xenbr6 2>/dev/null; ping6 -c 1 -W 20 -q fd00:6::2 && ip -6 neigh show dev xenbr6 | "
		 "grep '^fd00:6::2 ' | grep -q $mac || exit 1; done");
	/* A guest is no router. */
	sys_contains(sys_must(H, "nft list ruleset"), "nd-router-advert");
	sys_must(H, "xl network-detach n1 1; xl network-detach n2 1; ip link del xenbr6");
}

/* Two guests and dom0 on a bridge of Open vSwitch: one VLAN, two, and posing as another. */
static void test_openvswitch(void)
{
	int status;

	CU_ASSERT_FATAL(have_guests);
	sys_must(H, "mkdir -p /ovs && modprobe ext4 && mount -o ro /dev/vda /ovs && /ovs/start 2>&1 && ovs-vsctl add-br ovs0 && "
		 "ip addr add 10.5.0.254/24 dev ovs0 && ip link set ovs0 up");
	guest_refused(H, 1, "Open vSwitch has no bridge nosuch: make it with ovs-vsctl add-br nosuch",
		      "xl network-attach n1 script=vif-openvswitch,bridge=nosuch");
	sys_must(H, "xl network-attach n1 script=vif-openvswitch,bridge=ovs0,ip=10.5.0.1 && "
		 "xl network-attach n2 script=vif-openvswitch,bridge=ovs0,ip=10.5.0.2,vifname=ovsn2");
	guest_must(H, "n1", LINK_UP("eth1") "ip addr add 10.5.0.1/24 dev eth1; " PING "10.5.0.254");
	guest_must(H, "n2", LINK_UP("eth1") "ip addr add 10.5.0.2/24 dev eth1; " PING "10.5.0.1");
	cannot_reach("ip addr add 10.5.0.9/24 dev eth1; " NO_PING "-I 10.5.0.9 10.5.0.254");
	sys_contains(sys_must(H, "ovs-vsctl list-ports ovs0"), "ovsn2");
	sys_must(H, "xl network-detach n2 1; [ $(ovs-vsctl list-ports ovs0 | wc -l) = 1 ]");
	/* In a VLAN of its own it reaches nobody, in the other's VLAN only the other. */
	sys_must(H, "xl network-attach n2 script=vif-openvswitch,bridge=ovs0.7 && "
		 "[ $(ovs-vsctl get port vif$(xl domid n2).1 tag) = 7 ]");
	guest_sh(H, "n2", &status, LINK_UP("eth1") "ip addr add 10.5.0.2/24 dev eth1; " NO_PING "10.5.0.254");
	CU_ASSERT_EQUAL(status, 1);
	sys_must(H, "xl network-detach n1 1; xl network-attach n1 script=vif-openvswitch,bridge=ovs0.7:8 && "
		 "ovs-vsctl get port vif$(xl domid n1).1 trunks | grep -F '[8]' && xl network-detach n1 1 && "
		 "xl network-attach n1 script=vif-openvswitch,bridge=ovs0.7,ip=10.5.0.1");
	guest_must(H, "n1", LINK_UP("eth1") "ip addr add 10.5.0.1/24 dev eth1; " PING "10.5.0.2");
	sys_must(H, "xl network-detach n1 1; xl network-detach n2 1; [ $(ovs-vsctl list-ports ovs0 | wc -l) = 0 ] && ovs-vsctl del-br ovs0; "
		 "kill $(cat /var/run/openvswitch/ovs-vswitchd.pid) $(cat /var/run/openvswitch/ovsdb-server.pid); "
		 "for i in $(seq 50); do pidof ovsdb-server ovs-vswitchd >/dev/null || break; usleep 100000; done; "
		 "sleep 1; rmmod openvswitch; umount /ovs");
}

/* One network comes and goes while another carries traffic. */
static void test_hotplug(void)
{
	CU_ASSERT_FATAL(have_guests);
	guest_refused(H, 1, "it has no device '7'", "xl network-detach n1 7");
	guest_must(H, "n1", "(while :; do wget -q -O /dev/null http://10.1.0.254/file || echo failed >>/tmp/failed; done) "
		   ">/dev/null 2>&1 & echo $! >/tmp/loop");
	for (int i = 0; i < nr_cycles(); i++) {
		sys_must(H, "xl network-attach n1 ip=10.1.0.77");
		guest_must(H, "n1", LINK_UP("eth1") "[ -d /sys/class/net/eth1 ]");
		sys_must(H, "xl network-detach n1 1");
		guest_must(H, "n1", "[ ! -e /sys/class/net/eth1 ]");
	}
	guest_must(H, "n1", "kill $(cat /tmp/loop); [ ! -e /tmp/failed ]");
	sys_contains(sys_must(H, "xl network-list n1 | wc -l"), "2");
}

/*
 * dom0's back end dies and comes back, unbound from one device, then unloaded: the guest's connection goes on, in the
 * bridge and behind the filter as before, also when xld was not there to see it.
 */
static void test_back_end_death(void)
{
	char sum[128], vif[16];
	const char *dead = "cd /sys/bus/xen-backend/drivers/vif; ";

	CU_ASSERT_FATAL(have_guests);
	snprintf(sum, sizeof(sum), "%s", sys_must(H, "sha256sum </root/www/file"));
	snprintf(vif, sizeof(vif), "%d-0", atoi(sys_must(H, "xl domid n1")));
	guest_must(H, "n1", "rm -f /tmp/got /tmp/done; (wget -q -O /tmp/got http://10.1.0.254/cgi-bin/slow; echo $? >/tmp/done) "
		   ">/dev/null 2>&1 &");
	sys_must(H, "usleep 500000; %s echo vif-%s >unbind && [ ! -e /sys/class/net/vif%d.0 ] && sleep 1 && "
		 "echo vif-%s >bind; for i in $(seq 100); do ping -c 1 -W 1 -q 10.1.0.1 >/dev/null && exit 0; done; "
		 "cat /var/log/xen-lite/xld.log; exit 1", dead, vif, atoi(vif), vif);
	guest_must(H, "n1", "for i in $(seq 300); do [ -e /tmp/done ] && break; usleep 100000; done; cat /tmp/done; "
		   "[ $(cat /tmp/done) = 0 ]");
	CU_ASSERT_STRING_EQUAL(guest_must(H, "n1", "sha256sum </tmp/got"), sum);
	sys_contains(sys_must(H, "nft list ruleset"), "chain in_vif");
	cannot_reach("ip addr add 10.1.0.9/24 dev eth0; " NO_PING "-I 10.1.0.9 10.1.0.254");
	guest_must(H, "n1", "ip addr del 10.1.0.9/24 dev eth0");
	/* The whole driver, while nobody watches. */
	sys_must(H, STOP_XLD "modprobe -r xen-netback && modprobe xen-netback && sleep 1; " START_XLD
		 "for n in 1 2; do for i in $(seq 100); do ping -c 1 -W 1 -q 10.1.0.$n >/dev/null && break; done; "
		 PING "10.1.0.$n || exit 1; done");
}

static void test_end(void)
{
	CU_ASSERT_FATAL(have_guests);
	sys_must(H, "xl shutdown -w -t 60 n1 2>&1; xl destroy n2");
	guest_audit(H);
	CU_ASSERT_PTR_NULL(strstr(sys_must(H, "nft list ruleset"), "chain in_"));
}

int main(int argc, char **argv)
{
	static const struct sys_test tests[] = {
		{ "up", test_up },
		{ "refused", test_refused },
		{ "bridge", test_bridge },
		{ "tcp", test_tcp },
		{ "spoofing", test_spoofing },
		{ "rate", test_rate },
		{ "nat", test_nat },
		{ "route", test_route },
		{ "ipv6", test_ipv6 },
		{ "openvswitch", test_openvswitch },
		{ "hotplug", test_hotplug },
		{ "back_end_death", test_back_end_death },
		{ "end", test_end },
	};

	return sys_main(argc, argv, tests, sizeof(tests) / sizeof(tests[0]));
}
