/* SPDX-License-Identifier: MIT */
/* lib/domcfg: entries of disk= and vif=, names and numbers of virtual disks, MACs, rates, and the lists as a whole. */

#include <string.h>

#include "domcfg/disk.h"
#include "domcfg/domcfg.h"
#include "domcfg/vif.h"
#include "suite.h"
#include "util/mem.h"

/* The entry is taken, and written like this. */
static void disk_is(const char *text, const char *want)
{
	struct cfg_disk d, again;
	char *why = NULL, *s, *t;

	if (!disk_parse(&d, text, &why)) {
		printf("\n  %s: %s", text, why);
		free(why);
		CU_FAIL("refused");
		return;
	}
	s = disk_format(&d);
	if (strcmp(s, want))
		printf("\n  wanted: %s\n  got:    %s", want, s);
	CU_ASSERT_STRING_EQUAL(s, want);
	CU_ASSERT_TRUE_FATAL(disk_parse(&again, s, &why));
	t = disk_format(&again);
	CU_ASSERT_STRING_EQUAL(s, t);
	disk_free(&d);
	disk_free(&again);
	free(s);
	free(t);
}

static void starts(const char *why, const char *text, const char *want)
{
	if (!why || strncmp(why, want, strlen(want)))
		printf("\n  %s\n  wanted: %s\n  got:    %s", text, want, why ? why : "(taken)");
	CU_ASSERT_TRUE(why && !strncmp(why, want, strlen(want)));
}

static void disk_refused(const char *text, const char *want)
{
	struct cfg_disk d;
	char *why = NULL;

	disk_parse(&d, text, &why);
	starts(why, text, want);
	CU_ASSERT_PTR_NULL(d.target);
	free(why);
	disk_free(&d);
}

static void test_positional(void)
{
	disk_is("/dev/vg/a,raw,xvda,rw", "format=raw,vdev=xvda,access=rw,backendtype=phy,target=/dev/vg/a");
	disk_is("/dev/vg/a,,xvda", "format=raw,vdev=xvda,access=rw,backendtype=phy,target=/dev/vg/a");
	disk_is(" /img , qcow2 , xvdb , r ", "format=qcow2,vdev=xvdb,access=ro,backendtype=qdisk,target=/img");
	disk_is("/i,vhd,xvda,ro", "format=vhd,vdev=xvda,access=ro,backendtype=qdisk,target=/i");
	disk_is("/i,raw,xvda1,w!", "format=raw,vdev=xvda1,access=rw!,backendtype=phy,target=/i");
	disk_is("/i.iso,raw,xvdc,cdrom", "format=raw,vdev=xvdc,access=ro,devtype=cdrom,backendtype=phy,target=/i.iso");
	disk_is(",raw,xvdc,cdrom", "format=raw,vdev=xvdc,access=ro,devtype=cdrom,backendtype=phy,target=");
	disk_is("vdev=xvdc,devtype=cdrom", "format=raw,vdev=xvdc,access=ro,devtype=cdrom,backendtype=phy,target=");
	disk_is("/i=1,raw,xvda", "format=raw,vdev=xvda,access=rw,backendtype=phy,target=/i=1");
}

static void test_keys(void)
{
	disk_is("vdev=xvda,target=/a,b=c", "format=raw,vdev=xvda,access=rw,backendtype=phy,target=/a,b=c");
	disk_is("format=qcow2,vdev=xvda,access=r,target=/a",
			"format=qcow2,vdev=xvda,access=ro,backendtype=qdisk,target=/a");
	disk_is("/a,vdev=hda,devtype=cdrom", "format=raw,vdev=hda,access=ro,devtype=cdrom,backendtype=phy,target=/a");
	disk_is("/a,vdev=xvda,untrusted,specification=xen",
			"format=raw,vdev=xvda,access=rw,backendtype=phy,untrusted,target=/a");
	disk_is("/a,vdev=xvda,trusted", "format=raw,vdev=xvda,access=rw,backendtype=phy,target=/a");
	disk_is("/a,vdev=xvda,no-discard,direct-io-safe,readonly",
		"format=raw,vdev=xvda,access=ro,backendtype=phy,no-discard,direct-io-safe,target=/a");
	disk_is("/a,vdev=xvda,discard,backend=0", "format=raw,vdev=xvda,access=rw,backendtype=phy,target=/a");
	disk_is("vdev=xvda,backendtype=qdisk,target=/a", "format=raw,vdev=xvda,access=rw,backendtype=qdisk,target=/a");
	disk_is("vdev=xvda,script=block-mine,target=any:thing",
		"format=raw,vdev=xvda,access=rw,script=block-mine,target=any:thing");
	disk_is("vdev=xvda,target=nbd://h:10809/x",
			"format=raw,vdev=xvda,access=rw,backendtype=qdisk,target=nbd://h:10809/x");
}

static void test_old_prefixes(void)
{
	disk_is("phy:/dev/x,xvda,w", "format=raw,vdev=xvda,access=rw,backendtype=phy,target=/dev/x");
	disk_is("phy:vg/lv,xvda1,r", "format=raw,vdev=xvda1,access=ro,backendtype=phy,target=/dev/vg/lv");
	disk_is("file:/i.img,xvda,w", "format=raw,vdev=xvda,access=rw,backendtype=phy,target=/i.img");
	disk_is("file:/i.iso,xvdc:cdrom,r",
			"format=raw,vdev=xvdc,access=ro,devtype=cdrom,backendtype=phy,target=/i.iso");
	disk_is("qcow2:/i,xvda,w", "format=qcow2,vdev=xvda,access=rw,backendtype=qdisk,target=/i");
	disk_is("iscsi:iqn.x,xvda,w", "format=raw,vdev=xvda,access=rw,script=block-iscsi,target=iqn.x");
	disk_is("nbd:host:10809,raw,xvda", "format=raw,vdev=xvda,access=rw,backendtype=qdisk,target=nbd:host:10809");
}

static void test_disk_refusals(void)
{
	disk_refused("/a,raw,xvda,specification=virtio", "specification must be xen: virtio is not offered");
	disk_refused("", "the target is missing");
	disk_refused("/a", "vdev is missing");
	disk_refused(",raw,xvda", "the target is empty");
	disk_refused("/a,row,xvda", "format must be raw");
	disk_refused("/a,raw,xvda,x", "access must be");
	disk_refused("/a,raw,xvda,w,r", "'r' is one item too many");
	disk_refused("/a,raw,foo", "'foo' is no name of a virtual disk");
	disk_refused("/a,raw,xvda,bus=ide", "unknown key 'bus'");
	disk_refused("tap:aio:/a,xvda,w", "the prefix tap: is not known");
	disk_refused("/a,raw,xvda,access=r,access=w", "the access is given twice");
	disk_refused("/a,raw,xvda,target=/b", "the target is given twice");
	disk_refused("/a,raw,xvda,vdev=xvdb", "vdev is given twice");
	disk_refused("/a,raw,xvda,format=raw", "the format is given twice");
	disk_refused("/a,raw,xvda,w,cdrom", "a CD-ROM cannot be written");
	disk_refused("/a,raw,xvda,devtype=floppy", "devtype must be");
	disk_refused("/a,raw,xvda,cdrom,devtype=disk", "the type of device is given twice");
	disk_refused("/a,qcow2,xvda,backendtype=phy", "backendtype=phy serves raw");
	disk_refused("/a,raw,xvda,backendtype=tap", "backendtype must be");
	disk_refused("/a,raw,xvda,backend=dom3", "back ends run in dom0 only");
	disk_refused("/a,raw,xvda,script=", "script must be");
}

static void vdev_is(const char *name, uint32_t want)
{
	uint32_t devid = 0;

	if (!vdev_parse(name, &devid) || devid != want)
		printf("\n  %s: %u instead of %u", name, devid, want);
	CU_ASSERT_EQUAL(devid, want);
}

static void test_vdev(void)
{
	static const char *const bad[] = { "", "x", "xvd", "xvdA", "xvda0", "xvda01", "xvda256", "xvda1x", "hde",
			"hda64",
		"sdq", "sda16", "d0", "dp", "d0p256", "0", "-1", "4294967296", "xvdzzzzzzzzzzz", "/dev/xvda", "xvda " };
	uint32_t devid;

	vdev_is("xvda", 202 << 8);
	vdev_is("xvda1", 202 << 8 | 1);
	vdev_is("xvdb15", 202 << 8 | 1 << 4 | 15);
	vdev_is("xvdp", 202 << 8 | 15 << 4);
	vdev_is("xvda16", 1U << 28 | 16);
	vdev_is("xvdq", 1U << 28 | 16 << 8);
	vdev_is("xvdaa", 1U << 28 | 26 << 8);
	vdev_is("xvdba3", 1U << 28 | 52 << 8 | 3);
	vdev_is("d0p0", 202 << 8);
	vdev_is("d257p3", 1U << 28 | 257 << 8 | 3);
	vdev_is("hda", 3 << 8);
	vdev_is("hdb2", 3 << 8 | 1 << 6 | 2);
	vdev_is("hdc", 22 << 8);
	vdev_is("hdd1", 22 << 8 | 1 << 6 | 1);
	vdev_is("sda", 8 << 8);
	vdev_is("sdp15", 8 << 8 | 15 << 4 | 15);
	vdev_is("51712", 51712);
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		CU_ASSERT_FALSE(vdev_parse(bad[i], &devid));
}

static void absolute_is(const char *text, const char *want)
{
	char *s = disk_absolute(text, "/home");

	CU_ASSERT_STRING_EQUAL(s, want);
	free(s);
}

static void test_absolute(void)
{
	absolute_is("a.img,raw,xvda", "format=raw,vdev=xvda,access=rw,backendtype=phy,target=/home/a.img");
	absolute_is("/a.img,raw,xvda", "format=raw,vdev=xvda,access=rw,backendtype=phy,target=/a.img");
	absolute_is("vdev=xvda,script=s,target=a", "format=raw,vdev=xvda,access=rw,script=s,target=a");
	absolute_is("vdev=xvda,target=nbd://h/", "format=raw,vdev=xvda,access=rw,backendtype=qdisk,target=nbd://h/");
	absolute_is("wrong", "wrong");
}

static void vif_is(const char *text, const char *want)
{
	struct cfg_vif v, again;
	char *why = NULL, *s, *t;

	if (!vif_parse(&v, text, &why)) {
		printf("\n  %s: %s", text, why);
		free(why);
		CU_FAIL("refused");
		return;
	}
	s = vif_format(&v);
	if (strcmp(s, want))
		printf("\n  wanted: %s\n  got:    %s", want, s);
	CU_ASSERT_STRING_EQUAL(s, want);
	CU_ASSERT_TRUE_FATAL(vif_parse(&again, s, &why));
	t = vif_format(&again);
	CU_ASSERT_STRING_EQUAL(s, t);
	vif_free(&v);
	vif_free(&again);
	free(s);
	free(t);
}

static void test_vif(void)
{
	vif_is("", "");
	vif_is("bridge=br0", "bridge=br0");
	vif_is("mac=00:16:3E:aA:00:01, bridge=xenbr0 ,model=e1000,type=vif", "mac=00:16:3e:aa:00:01,bridge=xenbr0");
	vif_is("ip=10.0.0.1  10.1.0.0/16 2001:db8::1,vifname=web.0,script=/s,gatewaydev=eth0",
	       "gatewaydev=eth0,vifname=web.0,script=/s,ip=10.0.0.1 10.1.0.0/16 2001:db8::1");
	vif_is("mtu=9000,devid=3,rate=10Mb/s", "devid=3,rate=1250000B/s@200000us,mtu=9000");
}

static void vif_refused(const char *text, const char *want)
{
	struct cfg_vif v;
	char *why = NULL;

	vif_parse(&v, text, &why);
	starts(why, text, want);
	free(why);
	vif_free(&v);
}

static void test_vif_refusals(void)
{
	vif_refused("br0", "'br0' is not of the form key=value");
	vif_refused("colour=blue", "unknown key 'colour'");
	vif_refused("mac=00:16:3e:00:00", "mac must be six");
	vif_refused("mac=00:16:3e:00:00:0g", "mac must be six");
	vif_refused("mac=00:16:3e:00:00:001", "mac must be six");
	vif_refused("mac=01:16:3e:00:00:00", "mac 01:16:3e:00:00:00 is not the address of one");
	vif_refused("mac=00:00:00:00:00:00", "mac 00:00");
	vif_refused("bridge=", "bridge must be");
	vif_refused("bridge=../x", "bridge must be");
	vif_refused("vifname=abcdefghijklmnop", "vifname must be the name of an interface: one word of at most 15");
	vif_refused("ip=", "ip is empty");
	vif_refused("ip=10.0.0.1 10.0.0", "ip must be addresses or networks between blanks, not '10.0.0'");
	vif_refused("ip=10.0.0.1/33", "ip must be");
	vif_refused("ip=10.0.0.1;reboot", "ip must be");
	vif_refused("rate=10", "rate must be");
	vif_refused("rate=0b/s", "rate must be");
	vif_refused("rate=1b/s", "rate must be");
	vif_refused("rate=10Mb/s@0ms", "rate must be");
	vif_refused("rate=10Mb/s@2s", "rate must be");
	vif_refused("rate=99999999999999999Gb/s", "rate must be");
	vif_is("untrusted,accel=0", "untrusted");
	vif_is("untrusted,trusted,mtu=68", "mtu=68");
	vif_refused("distrusted", "'distrusted' is not of the form key=value");
	vif_refused("vlan=7", "vlan is not known; with Open vSwitch, write it behind the bridge: bridge=ovs0.7");
	vif_refused("mtu=67", "mtu must be a number from 68 to 65535");
	vif_refused("devid=256", "devid must be");
	vif_refused("type=ioemu", "type must be vif");
	vif_refused("backend=net", "back ends run in dom0 only");
}

static void test_rate(void)
{
	uint64_t rate;
	uint32_t usecs;

	CU_ASSERT_TRUE(vif_rate_parse("10Mb/s", &rate, &usecs));
	CU_ASSERT_EQUAL(rate, 1250000);
	CU_ASSERT_EQUAL(usecs, 200000);
	CU_ASSERT_EQUAL(vif_credit(rate, usecs), 250000);
	CU_ASSERT_TRUE(vif_rate_parse("512KB/s@20ms", &rate, &usecs));
	CU_ASSERT_EQUAL(vif_credit(rate, usecs), 10240);
	CU_ASSERT_TRUE(vif_rate_parse("1GB/s@1s", &rate, &usecs));
	CU_ASSERT_EQUAL(vif_credit(rate, usecs), 1000000000);
	CU_ASSERT_TRUE(vif_rate_parse("800b/s@100000us", &rate, &usecs));
	CU_ASSERT_EQUAL(vif_credit(rate, usecs), 10);
}

static void test_mac(void)
{
	uint8_t uuid[16] = { 1, 2, 3 }, a[6], b[6];
	char text[18];

	vif_mac(a, uuid, 0);
	vif_mac(b, uuid, 0);
	CU_ASSERT_EQUAL(memcmp(a, b, 6), 0);
	vif_mac_format(a, text);
	CU_ASSERT_EQUAL(strncmp(text, "00:16:3e:", 9), 0);
	vif_mac(b, uuid, 1);
	CU_ASSERT_NOT_EQUAL(memcmp(a, b, 6), 0);
	uuid[15] = 1;
	vif_mac(b, uuid, 0);
	CU_ASSERT_NOT_EQUAL(memcmp(a, b, 6), 0);
}

static struct domcfg cfg;
static struct domcfg_diag diag;

static bool config(const char *text)
{
	char *all = xasprintf("name='a'\nkernel='/k'\nmemory=64\n%s", text);
	bool ok;

	domcfg_free(&cfg);
	domcfg_diag_free(&diag);
	domcfg_init(&cfg);
	diag.file = "t";
	ok = domcfg_parse(&cfg, all, strlen(all), &diag) && domcfg_check(&cfg, &diag);
	free(all);
	return ok;
}

static void test_lists(void)
{
	CU_ASSERT_TRUE_FATAL(config("vif=['','bridge=b','devid=0','']\ndisk=['/a,raw,xvda']\ndisk+=['/b,raw,xvdb']"));
	CU_ASSERT_STRING_EQUAL(cfg.vif.item[0], "devid=1");
	CU_ASSERT_STRING_EQUAL(cfg.vif.item[1], "devid=2,bridge=b");
	CU_ASSERT_STRING_EQUAL(cfg.vif.item[2], "devid=0");
	CU_ASSERT_STRING_EQUAL(cfg.vif.item[3], "devid=3");
	CU_ASSERT_EQUAL(cfg.disk.n, 2);
	CU_ASSERT_TRUE(domcfg_check(&cfg, &diag));
	CU_ASSERT_STRING_EQUAL(cfg.vif.item[3], "devid=3");
	domcfg_list_remove(&cfg.disk, 0);
	CU_ASSERT_EQUAL(cfg.disk.n, 1);
	CU_ASSERT_STRING_EQUAL(cfg.disk.item[0], "format=raw,vdev=xvdb,access=rw,backendtype=phy,target=/b");
	CU_ASSERT_FALSE(config("disk=['/a,raw,xvda','/b,raw,d0p0']"));
	starts(diag.text, "", "t:4: error: disk: two entries for the same device");
	CU_ASSERT_FALSE(config("vif=['devid=1','devid=1']"));
	CU_ASSERT_FALSE(config("disk=['/a,raw,xvda','/b,row,xvdb']"));
	starts(diag.text, "", "t:4:21: error: disk '/b,row,xvdb': format must be");
	CU_ASSERT_EQUAL(cfg.disk.n, 0);
}

int main(void)
{
	CU_TestInfo tests[] = {
		{ "positional disks", test_positional }, { "disks by key", test_keys },
		{ "old prefixes", test_old_prefixes }, { "disks refused", test_disk_refusals },
		{ "names of disks", test_vdev }, { "relative paths", test_absolute }, { "vifs", test_vif },
		{ "vifs refused", test_vif_refusals }, { "rates", test_rate }, { "MACs", test_mac },
		{ "lists", test_lists }, CU_TEST_INFO_NULL,
	};
	int rc = suite_run("devspec", tests);

	domcfg_free(&cfg);
	domcfg_diag_free(&diag);
	return rc;
}
