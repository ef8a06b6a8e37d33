/* SPDX-License-Identifier: MIT */
/*
 * Domain XML: there and back without a loss for every key, what libvirt's users write, each error with its line and
 * element, and that nothing a hostile document can hold does harm.
 */
#include "domcfg/keys.h"
#include "domcfg/xml.h"
#include "domcfg/xml_priv.h"
#include "suite.h"
#include "util/mem.h"

static struct domcfg cfg;
static struct domcfg_diag diag;

static void start(void)
{
	domcfg_free(&cfg);
	domcfg_diag_free(&diag);
	domcfg_init(&cfg);
	diag.file = "t.xml";
}

static bool parse(const char *text)
{
	start();
	return domxml_parse(&cfg, text, strlen(text), &diag);
}

#define MIN "<name>a</name><memory unit='MiB'>64</memory><os><type>linux</type><kernel>/k</kernel></os>"
#define DOMAIN(more) "<domain type='xen' xmlns:lite='urn:xen-lite:domain:1'>\n" MIN "\n" more "\n</domain>"
#define DEVICES(more) DOMAIN("<devices>\n" more "\n</devices>")
#define DISK(attrs, more) DEVICES("<disk " attrs ">\n" more "</disk>")

static void is_text(const char *got, const char *want)
{
	if (!got || strcmp(got, want))
		printf("\n  wanted: %s\n  got:    %s\n", want, got ? got : "(nothing)");
	CU_ASSERT_TRUE(got && !strcmp(got, want));
}

/* Findings begin so. */
static void finds(const char *finding)
{
	if (!diag.text || strncmp(diag.text, finding, strlen(finding)))
		printf("\n  wanted: %s\n  got:    %s\n", finding, diag.text ? diag.text : "(nothing)");
	CU_ASSERT_TRUE(diag.text && !strncmp(diag.text, finding, strlen(finding)));
}

static void refused(const char *text, const char *finding)
{
	CU_ASSERT_FALSE(parse(text));
	finds(finding);
}

/* It is taken, and this is said about it; NULL: nothing. */
static void taken(const char *text, const char *finding)
{
	if (!parse(text) || !domcfg_check(&cfg, &diag))
		CU_FAIL("it is refused");
	if (finding)
		finds(finding);
	else if (diag.text)
		printf("\n  %s", diag.text);
	CU_ASSERT_EQUAL(!finding, !diag.text);
}

/* --- there and back --- */

static const char *const samples[] = {
	"name='web-1'\nuuid='01234567-89ab-cdef-0123-456789abcdef'\nkernel='/boot/vmlinuz'\nramdisk='/boot/initrd'\n"
	"cmdline='a <b> & \"c\" \\'d\\''\nmemory=256\nmaxmem=512\nvcpus=2\nmaxvcpus=4\ncpus='0-3,^2'\n"
	"on_poweroff='preserve'\non_reboot='destroy'\non_crash='coredump-restart'\non_watchdog='rename-restart'\n"
	"on_soft_reset='coredump-destroy'\ncpu_weight=512\ncap=150\ntitle='The \\'web\\' <1>'\ndescription='two\\nlines & "
	"<more>'\n"
	"disk=['/a b,raw,xvda', '/dev/vg/lv,raw,xvdb,ro', '/q,qcow2,xvdc,w!', '/cd.iso,raw,xvdd,cdrom', ',raw,xvdz,cdrom',"
	"'format=raw,vdev=xvde,no-discard,direct-io-safe,target=/with,comma','untrusted,vdev=xvdm,target=/u',"
	"'vdev=xvdf1,backendtype=qdisk,target=/raw', 'vdev=xvdg,script=block-x,target=iqn:foo',"
	"'vdev=hda,target=nbd://host', 'vdev=sdb,target=nbds://[fe80::1]:10809/exp/ort',"
	"'vdev=xvdh,target=nbd+unix:///?socket=/run/s', 'vdev=xvdi,target=nbd+unix:///e?socket=/run/s',"
	"'vdev=xvdj,target=nbd:old:10809', 'vdev=d700p3,format=vhd,target=/v', "
	"'vdev=xvdk,format=qed,target=nbd://h/a%20b','vdev=xvdl,target=nbd://[1.2.3.4]/x']\n"
	"vif=['', 'untrusted', 'mac=00:16:3e:01:02:03,bridge=br1,mtu=9000,rate=10Mb/s,vifname=w0',"
	"'script=vif-route,gatewaydev=eth0,ip=192.0.2.7 2001:db8::/64', "
	"'bridge=ovs.7,script=vif-openvswitch,rate=7B/s@1s',"
	"'bridge=b,script=vif-nat,ip=10.0.0.1/24']\n",
	"name='b'\nkernel=' /k '\nramdisk='/r "
	"'\nmemory=64\nroot='/dev/xvda1'\nextra='quiet'\ncpus=['0','1-2']\ncpus_soft='all,^1'\nvcpus=2\n"
	"xenstore_quota=['nodes=2000','watches=0']\nmax_grant_frames=32\nmax_maptrack_frames=0\nmax_grant_version=1\n"
	"max_event_channels=255\nnomigrate=1\nshared_tables=1\ncpuid='host,avx=0'\ntsc_mode='native'\nlocaltime=1\nrtc_timeoffset=-3600\n"
	"metadata='not "
	"XML <'\n",
	"name='c'\nkernel='/k'\nmemory=64\ncmdline=''\ncpus='all,^0'\ncpus_soft=['1']\nrtc_timeoffset=5\nextra='x'\n"
	"vif=['devid=3', 'devid=1']\nmetadata='<metadata>\\n<a xmlns=\"u:x\">1 &amp; 2</a>\\t</metadata>'\ntitle=''\n",
	"name='d'\nkernel='k'\nmemory=64\nvcpus=3\nextra='only'\ncpus=['all','^0,1-3']\nlocaltime=1\n"
	"vif=['devid=1','devid=0']\nmetadata='<lite:metadata xmlns:lite=\"x\"/>'\n",
	"name='e'\nkernel='k'\nmemory=64\ncmdline='x'\nroot='x'\n",
	"name='f'\nkernel='k'\nmemory=1\nmetadata='<metadata a=\"1\"/>'\n",
};

#define NR_SAMPLES (sizeof(samples) / sizeof(samples[0]))

static void load_sample(const char *text)
{
	start();
	CU_ASSERT_TRUE(domcfg_parse(&cfg, text, strlen(text), &diag));
	CU_ASSERT_TRUE(domcfg_check(&cfg, &diag));
	if (diag.errors)
		printf("\n%s", diag.text);
	domcfg_diag_free(&diag);
}

static void test_cfg_xml_cfg(void)
{
	for (size_t i = 0; i < NR_SAMPLES; i++) {
		char *before, *after, *xml, *again;

		load_sample(samples[i]);
		before = domcfg_to_json(&cfg);
		xml = domxml_format(&cfg, -1);
		if (!parse(xml) || !domcfg_check(&cfg, &diag))
			printf("\n%s\n%s", diag.text, xml);
		CU_ASSERT_EQUAL(diag.errors, 0);
		after = domcfg_to_json(&cfg);
		is_text(after, before);
		again = domxml_format(&cfg, -1);
		is_text(again, xml);
		free(before);
		free(after);
		free(xml);
		free(again);
	}
}

/* A key that no sample sets would not be tested above. */
static void test_samples_have_every_key(void)
{
	bool has[DOMCFG_NKEYS] = { false };

	for (size_t i = 0; i < NR_SAMPLES; i++) {
		load_sample(samples[i]);
		for (int k = 0; k < DOMCFG_NKEYS; k++)
			has[k] |= cfg.line[k];
	}
	for (int k = 0; k < DOMCFG_NKEYS; k++) {
		if (!has[k] && strcmp(cfg_keys[k].name, "type"))
			printf("\n  no sample has %s\n", cfg_keys[k].name);
		CU_ASSERT_TRUE(has[k] || !strcmp(cfg_keys[k].name, "type"));
	}
}

static const char libvirt[] =
	"<?xml version='1.0' encoding='UTF-8'?>\n"
	"<!-- as people have it -->\n"
	"<domain type='xen' id='17'>\n"
	"  <name>vm1</name>\n"
	"  <uuid>c7a5fdb0-cdaf-9455-926a-d65c16db1809</uuid>\n"
	"  <title>A title</title>\n"
	"  <description>Some\n  text</description>\n"
	"  <metadata>\n    <app:x xmlns:app='http://app.org/'><app:y v='1'/>text<![CDATA[<raw>]]></app:x>\n  "
	"</metadata>\n"
	"  <memory unit='GiB'>1</memory>\n"
	"  <currentMemory>524288</currentMemory>\n"
	"  <vcpu placement='static' cpuset='1-4,^3' current='1'>2</vcpu>\n"
	"  <cputune><shares>1024</shares><global_period>50000</global_period><global_quota>25000</global_quota>"
	"<vcpupin vcpu='1' cpuset='0'/></cputune>\n"
	"  <os><type arch='x86_64' machine='xenpv'>linux</type><kernel>/k</kernel><initrd>/i</initrd>"
	"<cmdline>root=/dev/xvda ro</cmdline></os>\n"
	"  <features><xen><e820_host state='off'/></xen></features>\n"
	"  <clock offset='variable' adjustment='-3600' basis='localtime'><timer name='tsc' mode='native'/></clock>\n"
	"  <on_poweroff>destroy</on_poweroff><on_reboot>restart</on_reboot><on_crash>preserve</on_crash>\n"
	"  <devices>\n"
	"    <disk type='block' device='disk'><driver name='phy' type='raw' discard='unmap'/><source dev='/dev/vg/a'/>"
	"<target dev='xvda' bus='xen'/><alias name='d0'/></disk>\n"
	"    <disk type='file' device='cdrom'><driver name='qemu' type='raw'/><source file='/c.iso'/><target "
	"dev='xvdc'/>"
	"<readonly/></disk>\n"
	"    <disk type='network'><driver name='qemu'/><source protocol='nbd' name='exp'><host name='h' "
	"port='10809'/></source>"
	"<target dev='xvdd' bus='xen'/><shareable/></disk>\n"
	"    <disk type='network'><source protocol='nbd'><host transport='unix' socket='/s'/></source>"
	"<target dev='xvde'/></disk>\n"
	"    <controller type='xenbus' index='0' maxGrantFrames='48' maxEventChannels='2047'/>\n"
	"    <interface type='bridge'><mac address='00:16:3E:3b:39:01'/><source bridge='br0'/><script "
	"path='vif-bridge'/>"
	"<target dev='vif1.0'/><ip address='10.1.2.3' prefix='24' family='ipv4'/><ip address='fe80::7'/><mtu "
	"size='1400'/>"
	"<bandwidth><outbound average='1250'/></bandwidth><model type='netfront'/></interface>\n"
	"    <interface type='ethernet'><script path='vif-nat'/><ip address='10.9.0.2'/><lite:vif "
	"xmlns:lite='urn:xen-lite:domain:1' gatewaydev='e0'/></interface>\n"
	"    <console type='pty' tty='/dev/pts/1'><source path='/dev/pts/1'/><target type='xen' port='0'/></console>\n"
	"    <memballoon model='xen'/>\n"
	"  </devices>\n"
	"</domain>\n";

static void test_libvirt(void)
{
	char *json, *xml, *again;

	taken(libvirt, NULL);
	is_text(cfg.name, "vm1");
	is_text(cfg.title, "A title");
	is_text(cfg.description, "Some\n  text");
	is_text(cfg.metadata, "<metadata>\n    <app:x xmlns:app=\"http://app.org/\"><app:y "
			"v=\"1\"/>text<![CDATA[<raw>]]></app:x>\n"
		"  </metadata>");
	CU_ASSERT_EQUAL(cfg.memory, 512);
	CU_ASSERT_EQUAL(cfg.maxmem, 1024);
	CU_ASSERT_EQUAL(cfg.vcpus, 1);
	CU_ASSERT_EQUAL(cfg.maxvcpus, 2);
	CU_ASSERT_EQUAL_FATAL(cfg.cpus.n, 2);
	is_text(cfg.cpus.item[0], "1-4,^3");
	is_text(cfg.cpus.item[1], "0");
	CU_ASSERT_EQUAL(cfg.cpu_weight, 1024);
	CU_ASSERT_EQUAL(cfg.cap, 50);
	is_text(cfg.ramdisk, "/i");
	is_text(cfg.cmdline, "root=/dev/xvda ro");
	CU_ASSERT_EQUAL(cfg.rtc_timeoffset, -3600);
	CU_ASSERT_TRUE(cfg.localtime);
	CU_ASSERT_EQUAL(cfg.tsc_mode, DOM_TSC_NATIVE);
	CU_ASSERT_EQUAL(cfg.on_crash, DOM_PRESERVE);
	CU_ASSERT_EQUAL(cfg.max_grant_frames, 48);
	CU_ASSERT_EQUAL(cfg.max_event_channels, 2047);
	CU_ASSERT_EQUAL_FATAL(cfg.disk.n, 4);
	is_text(cfg.disk.item[0], "format=raw,vdev=xvda,access=rw,backendtype=phy,target=/dev/vg/a");
	is_text(cfg.disk.item[1], "format=raw,vdev=xvdc,access=ro,devtype=cdrom,backendtype=qdisk,target=/c.iso");
	is_text(cfg.disk.item[2], "format=raw,vdev=xvdd,access=rw!,backendtype=qdisk,target=nbd://h:10809/exp");
	is_text(cfg.disk.item[3], "format=raw,vdev=xvde,access=rw,backendtype=qdisk,target=nbd+unix:///?socket=/s");
	CU_ASSERT_EQUAL_FATAL(cfg.vif.n, 2);
	is_text(cfg.vif.item[0], "devid=0,mac=00:16:3e:3b:39:01,bridge=br0,vifname=vif1.0,script=vif-bridge,"
		"ip=10.1.2.3/24 fe80::7,rate=1250000B/s@200000us,mtu=1400");
	is_text(cfg.vif.item[1], "devid=1,gatewaydev=e0,script=vif-nat,ip=10.9.0.2");
	json = domcfg_to_json(&cfg);
	xml = domxml_format(&cfg, 5);
	CU_ASSERT_PTR_NOT_NULL(strstr(xml, "<domain type='xen' id='5'"));
	CU_ASSERT_PTR_NULL(strstr(xml, "lite:config"));
	taken(xml, NULL);
	again = domcfg_to_json(&cfg);
	is_text(again, json);
	free(json);
	free(xml);
	free(again);
}

/* Other ways to write the same. */
static void test_variants(void)
{
	taken(DOMAIN("<vcpu>3</vcpu><cputune><vcpupin vcpu='2' cpuset='1'/></cputune>"), NULL);
	CU_ASSERT_EQUAL_FATAL(cfg.cpus.n, 3);
	is_text(cfg.cpus.item[0], "all");
	taken(DEVICES("<interface type='bridge'><source bridge='b'/><virtualport type='openvswitch'/></interface>"),
			NULL);
	is_text(cfg.vif.item[0], "devid=0,bridge=b,script=vif-openvswitch");
	taken(DOMAIN("<clock offset='localtime'/>"), NULL);
	CU_ASSERT_TRUE(cfg.localtime);
	taken(DOMAIN("<clock offset='utc' adjustment='reset'/>"), NULL);
	CU_ASSERT_FALSE(cfg.localtime);
	taken("\xef\xbb\xbf <domain type='xen'><name> b </name><memory unit='b'>1048576</memory><os><type> xen </type>"
	      "<kernel>/k</kernel></os></domain>", NULL);
	is_text(cfg.name, "b");
	CU_ASSERT_EQUAL(cfg.memory, 1);
	/* Who edits <cmdline> and leaves root and extra is told which counts. */
	taken(DOMAIN("<lite:config><lite:extra>quiet</lite:extra></lite:config>"), NULL);
	taken("<domain type='xen' "
			"xmlns:l='urn:xen-lite:domain:1'><name>a</name><memory>65536</memory><os><kernel>/k</kernel>"
	      "<cmdline>new</cmdline></os><l:config><l:extra>old</l:extra></l:config></domain>",
	      "t.xml:1: warning: root and extra are ignored because cmdline is given\n");
	is_text(cfg.cmdline, "new");
	CU_ASSERT_TRUE(domxml_is("  \n<domain", 10));
	CU_ASSERT_FALSE(domxml_is("name='<'", 8));
	CU_ASSERT_FALSE(domxml_is("", 0));
}

/* What a guest does not miss. */
static void test_warnings(void)
{
	taken(DOMAIN("<devices>\n<emulator>/usr/bin/qemu</emulator>\n<graphics type='vnc'><listen/></graphics>\n"
		     "<input type='mouse' bus='xen'/></devices>\n<cpu mode='host'/><bootloader>pygrub</bootloader>"),
	      "t.xml:4: warning: <emulator>: ignored: no device model is used\n"
	      "t.xml:5: warning: <graphics>: ignored: there are no graphics; a guest has its console and networks\n"
	      "t.xml:6: warning: <input>: ignored: there are no graphics; a guest has its console and networks\n"
	      "t.xml:7: warning: <cpu>: ignored: guests see all features");
	CU_ASSERT_EQUAL(diag.warnings, 5);
	taken("<domain type='xen' xmlns:q='urn:q'>" MIN "<q:commandline><q:arg value='-x'/></q:commandline></domain>",
	      "t.xml:1: warning: <commandline>: ignored: it is of the namespace 'urn:q'\n");
	taken(DOMAIN("<cputune><quota>50000</quota></cputune><vcpu>2</vcpu>"),
	      "t.xml:3: warning: <quota>: the limit is for all vCPUs together, 100 % of a CPU: use <global_quota>\n");
	CU_ASSERT_EQUAL(cfg.cap, 100);
	taken("<domain type='xen'><name>a</name><memory>65537</memory><os><kernel>/k</kernel></os></domain>",
	      "t.xml:1: warning: <memory>: rounded up to 65 MiB\n");
	CU_ASSERT_EQUAL(cfg.memory, 65);
	taken(DISK("type='file'", "<driver name='qemu' cache='none'/><source file='/a'/><target "
			"dev='xvda'/><serial>1</serial>"),
	      "t.xml:5: warning: <driver>: cache= is ignored: the back end decides\n"
	      "t.xml:5: warning: <serial>: ignored: a PV disk has none\n");
	taken(DEVICES("<controller type='usb'/><memballoon model='none'/>"), "t.xml:4: warning: <controller>: "
			"type='usb' is "
	      "ignored: devices of a PV guest are on no bus but xenbus\nt.xml:4: warning: <memballoon>: model='none'");
}

static void test_errors(void)
{
	refused("<foo/>", "t.xml:1: error: <foo> is not a description of a domain: that is <domain type='xen'>\n");
	refused("<domain type='kvm'>" MIN "</domain>", "t.xml:1: error: <domain>: type must be 'xen', not 'kvm'\n");
	refused("<domain>" MIN "</domain>", "t.xml:1: error: <domain>: type must be 'xen', not ''\n");
	refused("<domain type='xen'/>", "t.xml:1: error: <name> is missing\nt.xml:1: error: <memory> is missing\n"
		"t.xml:1: error: <kernel> is missing in <os>: a PV domain boots a kernel of dom0\n");
	refused(DOMAIN("<nam>b</nam>"), "t.xml:3: error: <nam>: unknown element in <domain>\n");
	refused(DOMAIN("<name>b</name>"), "t.xml:3: error: <name>: is there twice\n");
	refused(DOMAIN("words"), "t.xml:1: error: text does not belong here: 'words\n'\n");
	refused(DOMAIN("<vcpu cur='1'>1</vcpu>"), "t.xml:3: error: <vcpu>: unknown attribute 'cur'\n");
	refused(DOMAIN("<vcpu xml:lang='x'>1</vcpu>"), "t.xml:3: error: <vcpu>: unknown attribute 'lang'\n");
	refused(DOMAIN("<vcpu>0</vcpu>"), "t.xml:3: error: <vcpu>: vcpus must be a whole number of vCPUs from 1 to 32");
	refused(DOMAIN("<vcpu current='x'>1</vcpu>"), "t.xml:3: error: <vcpu>: vcpus must be a whole number");
	refused(DOMAIN("<vcpu cpuset='x'>1</vcpu>"), "t.xml:3: error: <vcpu>: cpus: 'x' is neither a CPU's number");
	refused(DOMAIN("<currentMemory>x</currentMemory>"), "t.xml:3: error: <currentMemory>: 'x' is not a whole "
			"number\n");
	refused(DOMAIN("<currentMemory unit='ell'>1</currentMemory>"), "t.xml:3: error: <currentMemory>: unit='ell' "
			"is not known");
	refused(DOMAIN("<currentMemory>-1</currentMemory>"), "t.xml:3: error: <currentMemory>: -1 is no amount of "
			"memory\n");
	refused(DOMAIN("<currentMemory unit='TiB'>99999999999</currentMemory>"), "t.xml:3: error: <currentMemory>: "
			"99999999999 is "
		"no amount");
	refused(DOMAIN("<title><b/></title>"), "t.xml:3: error: <title>: <b> does not belong here: only text does\n");
	refused(DOMAIN("<uuid>7</uuid>"), "t.xml:3: error: <uuid>: uuid must be 32 hex digits");
	refused(DOMAIN("<maxMemory slots='1'>1</maxMemory>"), "t.xml:3: error: <maxMemory>: is not offered: <memory> "
			"is the most");
	refused(DOMAIN("<on_crash>soft-reset</on_crash>"), "t.xml:3: error: <on_crash>: on_crash \"soft-reset\" is for "
			"guests with");
	refused(DOMAIN("<on_reboot>x</on_reboot>"), "t.xml:3: error: <on_reboot>: on_reboot must be \"destroy\"");
	refused(DOMAIN("<cputune><vcpupin vcpu='1'/></cputune>"), "t.xml:3: error: <vcpupin>: vcpu= and cpuset= are "
			"both needed\n");
	refused(DOMAIN("<cputune><vcpupin vcpu='32' cpuset='1'/></cputune>"), "t.xml:3: error: <vcpupin>: vcpu='32': "
			"vCPUs have");
	refused(DOMAIN("<cputune><vcpupin vcpu='0' cpuset='1'/><vcpupin vcpu='0' cpuset='2'/></cputune>"),
		"t.xml:3: error: <vcpupin>: vcpu='0' is there twice\n");
	refused(DOMAIN("<cputune><vcpupin vcpu='0' cpuset='z'/></cputune>"), "t.xml:3: error: <vcpupin>: cpus: 'z' "
			"is neither");
	refused(DOMAIN("<cputune><shares>0</shares></cputune>"), "t.xml:3: error: <shares>: cpu_weight must be");
	refused(DOMAIN("<cputune><global_quota>9999900000</global_quota></cputune>"), "t.xml:3: error: "
			"<global_quota>: cap must be");
	refused(DOMAIN("<cputune><global_quota>99999999999999</global_quota></cputune>"), "t.xml:3: error: "
			"<global_quota>: "
		"99999999999999 of 100000 us is no share of a CPU\n");
	refused("<domain type='xen'><os><type machine='xenpvh'>xenpvh</type></os></domain>", "t.xml:1: error: "
			"<type>: 'xenpvh' "
		"needs hardware virtualisation, which xen-lite does not use; only linux is offered\n"
		"t.xml:1: error: <type>: machine='xenpvh': only xenpv is offered\n");
	refused("<domain type='xen'><os><type arch='i686'>linux</type><loader/></os></domain>", "t.xml:1: error: "
			"<type>: "
		"arch='i686': only x86_64 is offered\nt.xml:1: error: <loader>: is not offered: a PV domain has no "
		"firmware");
	refused(DOMAIN("<features><xen><passthrough state='on'/></xen></features>"), "t.xml:3: error: <passthrough>: "
			"devices of");
	refused(DOMAIN("<features><xen><e820_host state='maybe'/></xen></features>"), "t.xml:3: error: <e820_host>: "
			"state='maybe' "
		"is not possible; possible: off, on\n");
	refused(DOMAIN("<clock offset='timezone'/>"), "t.xml:3: error: <clock>: offset='timezone' is not possible; "
			"possible: utc, "
		"localtime, variable\n");
	refused(DOMAIN("<clock offset='variable' adjustment='1h'/>"), "t.xml:3: error: <clock>: rtc_timeoffset must "
			"be");
	refused(DOMAIN("<clock><timer name='tsc' mode='emulate'/></clock>"), "t.xml:3: error: <timer>: tsc_mode "
			"\"always_emulate\" is "
		"not offered");
	refused(DOMAIN("<clock><timer/></clock>"), "t.xml:3: error: <timer>: name= is missing\n");
	refused(DOMAIN("<lite:config><lite:nome>1</lite:nome></lite:config>"), "t.xml:3: error: <lite:nome>: unknown "
			"element in "
		"<lite:config>\n");
	refused(DOMAIN("<lite:config><lite:name>b</lite:name></lite:config>"), "t.xml:3: error: <lite:name>: name "
			"was already set in "
		"line 2\n");
	refused(DOMAIN("<lite:config><lite:nomigrate><lite:item>1</lite:item></lite:nomigrate></lite:config>"),
		"t.xml:3: error: <lite:nomigrate>: takes one value, not a list\n");
	refused(DOMAIN("<lite:config><lite:cpus_soft><x/></lite:cpus_soft></lite:config>"),
		"t.xml:3: error: <lite:cpus_soft>: only <lite:item> can stand in it\n");
	refused(DOMAIN("<config/>"), "t.xml:3: error: <config>: unknown element in <domain>\n");
	/* All of them, each with its line. */
	refused(DOMAIN("<vcpu>x</vcpu>\n<foo/>\n<devices><hostdev/></devices>"),
		"t.xml:3: error: <vcpu>: vcpus must be a whole number of vCPUs from 1 to 32, not 'x'\n"
		"t.xml:4: error: <foo>: unknown element in <domain>\n"
		"t.xml:5: error: <hostdev>: is not offered: devices of the host are not passed through\n");
}

static void test_device_errors(void)
{
	refused(DISK("type='volume'", "<target dev='xvda'/>"), "t.xml:4: error: <disk>: type='volume' is not "
			"possible; possible: "
		"file, block, network\n");
	refused(DISK("type='network' device='cdrom'", "<target dev='xvda'/>"), "t.xml:4: error: <disk>: <host name=");
	refused(DISK("type='file'", "<target dev='xvda'/>"), "t.xml:4: error: <disk>: <source> is missing");
	refused(DISK("type='file'", "<source file='/a'/>"), "t.xml:4: error: <disk>: <target dev='...'/> is missing");
	refused(DISK("type='file'", "<source/><target dev='xvda'/>"), "t.xml:5: error: <source>: file= is missing");
	refused(DISK("type='block'", "<source/><target dev='xvda'/>"), "t.xml:5: error: <source>: dev= is missing");
	refused(DISK("type='file'", "<source file='/a' dev='/b'/>"), "t.xml:5: error: <source>: file= and dev= are "
			"not possible");
	refused(DISK("type='file'", "<source file='/a' protocol='nbd'/>"), "t.xml:5: error: <source>: protocol= and "
			"<host> are for");
	refused(DISK("type='file' device='floppy'", ""), "t.xml:4: error: <disk>: device='floppy' is not possible; "
			"possible: disk, "
		"cdrom\n");
	refused(DISK("type='file'", "<source file='/a'/><target dev='vda' bus='virtio'/>"), "t.xml:5: error: "
			"<target>: dev='vda' is no "
		"name of a virtual disk: use xvda, xvdb, ... (xvda1 for a partition)\n"
		"t.xml:5: error: <target>: bus='virtio' is not offered: only 'xen' is\n");
	refused(DISK("type='file'", "<source file='/a'/><target dev='xvda,ro'/>"), "t.xml:5: error: <target>: "
			"dev='xvda,ro' is no name");
	refused(DISK("type='file'", "<driver name='x' type='y' discard='z'/>"), "t.xml:5: error: <driver>: name='x' "
			"is not possible");
	refused(DISK("type='file'", "<driver name='phy' type='qcow2'/><source file='/a'/><target dev='xvda'/>"),
		"t.xml:4: error: <disk>: disk 'format=qcow2,vdev=xvda,access=rw,backendtype=phy,target=/a': "
		"backendtype=phy serves");
	refused(DISK("type='network'", "<source protocol='rbd' name='x'/><target dev='xvda'/>"), "t.xml:5: error: "
			"<source>: "
		"protocol='rbd' is not possible; possible: nbd\n");
	refused(DISK("type='network'", "<source protocol='nbd'/><target dev='xvda'/>"), "t.xml:4: error: <disk>: "
			"<host name='...'/>");
	refused(DISK("type='network'", "<source protocol='nbd'><host name='a b'/></source><target dev='xvda'/>"),
		"t.xml:4: error: <disk>: <host name='...'/>");
	refused(DISK("type='network'", "<source protocol='nbd'><host transport='unix'/></source><target dev='xvda'/>"),
		"t.xml:5: error: <host>: socket= is missing\n");
	refused(DISK("type='file'", "<iotune/>"), "t.xml:5: error: <iotune>: is not offered: the rate of disks is "
			"not limited\n");
	refused(DISK("type='file'", "<backenddomain name='drv'/>"), "t.xml:5: error: <backenddomain>: name='drv': "
			"back ends run in");
	refused(DISK("type='file'", "<lite:disk script='a,b'/>"), "t.xml:5: error: <lite:disk>: script='a,b' must be "
			"a word");
	refused(DISK("type='file'", "<readonly>x</readonly>"), "t.xml:5: error: <readonly>: text does not belong "
			"here: 'x'\n");
	refused(DEVICES("<interface><source bridge='b'/></interface>"), "t.xml:4: error: <interface>: type='' is not "
			"possible; "
		"possible: bridge, ethernet\n");
	refused(DEVICES("<interface type='network'><source network='d'/></interface>"), "t.xml:4: error: <interface>: "
		"type='network': libvirt's virtual networks do not exist here");
	refused(DEVICES("<interface type='ethernet'/>"), "t.xml:4: error: <interface>: type='ethernet': <script "
			"path='vif-route'/>");
	refused(DEVICES("<interface type='bridge'><source/></interface>"), "t.xml:4: error: <source>: bridge= is "
			"missing\n");
	refused(DEVICES("<interface type='bridge'><source bridge='a,mac=1'/></interface>"), "t.xml:4: error: <source>: "
		"bridge='a,mac=1' must be a word without blanks and commas\n");
	refused(DEVICES("<interface type='bridge'><mac address='x'/></interface>"), "t.xml:4: error: <mac>: "
			"address='x' must be six");
	refused(DEVICES("<interface type='bridge'><mac address='01:00:00:00:00:01'/></interface>"), "t.xml:4: error: "
			"<interface>: "
		"vif 'mac=01:00:00:00:00:01': mac 01:00:00:00:00:01 is not the address of one interface");
	refused(DEVICES("<interface type='bridge'><mtu size='9'/></interface>"), "t.xml:4: error: <mtu>: size='9' "
			"must be a number");
	refused(DEVICES("<interface type='bridge'><bandwidth><inbound average='1'/></bandwidth></interface>"),
		"t.xml:4: error: <inbound>: is not offered: only what the guest sends can be limited\n");
	refused(DEVICES("<interface type='bridge'><bandwidth><outbound average='x'/></bandwidth></interface>"),
		"t.xml:4: error: <outbound>: average='x' must be a number of kilobytes per second\n");
	refused(DEVICES("<interface type='bridge'><ip address='1.2.3.4' prefix='99'/></interface>"), "t.xml:4: "
			"error: <interface>: "
		"vif 'ip=1.2.3.4/99': ip must be addresses");
	refused(DEVICES("<interface type='bridge'><script path='a b'/></interface>"), "t.xml:4: error: <script>: "
			"path='a b' must be");
	refused(DEVICES("<interface type='bridge'><link state='down'/></interface>"), "t.xml:4: error: <link>: "
			"state='down' is not");
	refused(DEVICES("<interface type='bridge'><filterref filter='x'/></interface>"), "t.xml:4: error: "
			"<filterref>: is not offered:");
	refused(DEVICES("<interface type='bridge'><lite:vif devid='256'/></interface>"), "t.xml:4: error: "
			"<lite:vif>: devid='256'");
	refused(DEVICES("<console type='pty'/><console type='pty'/>"), "t.xml:4: error: <console>: a domain has one "
			"console\n");
	refused(DEVICES("<console type='tcp'/>"), "t.xml:4: error: <console>: type='tcp' is not offered: the console "
			"is a pty\n");
	refused(DEVICES("<controller type='xenbus' maxGrantFrames='0'/>"), "t.xml:4: error: <controller>: "
			"max_grant_frames must be");
	refused(DEVICES("<filesystem/>"), "t.xml:4: error: <filesystem>: is not offered: guests have disks, networks "
			"and a console\n");
}

/* Nothing a document can say makes us read other files, or use more memory than it has bytes. */
static void test_hostile(void)
{
	char *deep = xcalloc(1, 4000), *big, *at = deep;

	refused("<!DOCTYPE domain [<!ENTITY a \"aaaaaaaaaa\"><!ENTITY b \"&a;&a;\">]><domain "
			"type='xen'><name>&b;</name></domain>",
		"t.xml:1: error: a document type (<!DOCTYPE>) is not taken: leave it out\n");
	refused("\n<!DOCTYPE domain SYSTEM 'file:///etc/passwd'><domain/>", "t.xml:2: error: a document type");
	refused("<domain type='xen'><name>&undefined;</name></domain>", "t.xml:1: error: not well-formed XML: Entity "
			"'undefined' not "
		"defined\n");
	refused(DOMAIN("<xi:include xmlns:xi='http://www.w3.org/2001/XInclude' href='/etc/passwd'/><vcpu>0</vcpu>"),
		"t.xml:3: warning: <include>: ignored: it is of the namespace 'http://www.w3.org/2001/XInclude'\n");
	for (int i = 0; i < 40; i++)
		at += sprintf(at, "<a>");
	for (int i = 0; i < 40; i++)
		at += sprintf(at, "</a>");
	refused(deep, "t.xml:1: error: elements nest more than 32 deep\n");
	free(deep);
	big = xcalloc(1, DOMCFG_MAX_FILE + 2);
	memset(big, ' ', DOMCFG_MAX_FILE + 1);
	refused(big, "t.xml: error: longer than the 1048576 bytes");
	free(big);
	/* Many devices are too many; that takes no time. */
	big = xcalloc(1, DOMCFG_MAX_FILE);
	at = stpcpy(big, "<domain type='xen'>" MIN "<devices>");
	for (int i = 0; i < 20000; i++)
		at = stpcpy(at, "<interface type='bridge'/>\n");
	strcpy(at, "</devices></domain>");
	refused(big, "t.xml:1025: error: <interface>: vif has more than 1024 items\n");
	free(big);
	refused("", "t.xml");
	refused("<domain type='xen'>", "t.xml:1: error: not well-formed XML: ");
	refused("<domain type='xen'><name>a\n</nome></domain>", "t.xml:2: error: not well-formed XML: Opening and "
			"ending tag mismatch");
	refused("<a>\xff</a>", "t.xml:1: error: not well-formed XML: ");
	refused("<a>\x01</a>", "t.xml:1: error: not well-formed XML: ");
	refused("<?xml version='1.0' encoding='EBCDIC-X'?><a/>", "t.xml");
	refused("<domain type='xen'><title>a&#10;b</title></domain>", "t.xml:1: error: <title>: title must be UTF-8 "
			"text without");
	refused("<domain type='xen'><title>a&#x85;</title><name>&#x202e;</name></domain>", "t.xml:1: error: <name>: "
			"name must be");
}

/* The schema by itself finds what is wrong in structure, and has nothing against what is taken. */
static void test_schema(void)
{
	static const char *const bad[] = {
		"<domain/>", "<domain type='xen'/>", DOMAIN("<foo/>"), DOMAIN("<vcpu>x</vcpu>"), DISK("type='x'", ""),
		DISK("type='file'", "<target bus='xen'/>"), DEVICES("<interface type='network'/>"),
		DOMAIN("<name>b</name>"),
		DOMAIN("<on_crash>x</on_crash>"), DEVICES("<hostdev/>"), DOMAIN("<lite:foo/>"), DOMAIN("<clock "
		"offset='x'/>"),
	};
	xmlDoc *doc;

	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		start();
		doc = xml_load(bad[i], strlen(bad[i]), &diag);
		CU_ASSERT_PTR_NOT_NULL_FATAL(doc);
		if (xml_fits_schema(doc, &diag))
			printf("\n  the schema takes %s\n", bad[i]);
		CU_ASSERT_TRUE(diag.errors > 0);
		xmlFreeDoc(doc);
	}
	start();
	doc = xml_load(bad[2], strlen(bad[2]), &diag);
	CU_ASSERT_FALSE(xml_fits_schema(doc, &diag));
	xmlFreeDoc(doc);
	finds("t.xml:");
	/* What the reader by itself would let pass. */
	refused(DOMAIN("<clock><timer name='sundial'/></clock>"), "t.xml:3: warning: <timer>: name='sundial' is "
			"ignored");
	CU_ASSERT_PTR_NOT_NULL(strstr(diag.text, "t.xml:3: error: <clock> does not fit the schema: "));
}

int main(void)
{
	CU_TestInfo tests[] = {
		{ "xl.cfg to XML and back", test_cfg_xml_cfg }, { "the samples have every key",
				test_samples_have_every_key },
		{ "what libvirt's users write", test_libvirt }, { "variants", test_variants }, { "warnings",
		test_warnings },
		{ "errors", test_errors }, { "errors about devices", test_device_errors }, { "hostile documents",
		test_hostile },
		{ "the schema", test_schema }, CU_TEST_INFO_NULL,
	};
	int rc = suite_run("domxml", tests);

	domcfg_free(&cfg);
	domcfg_diag_free(&diag);
	return rc;
}
