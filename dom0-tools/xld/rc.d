# SPDX-License-Identifier: MIT
#
# Starts the daemons of dom0 in the order in which they need each other; each returns when it is ready.
mkdir -p /run/xen-lite /var/lib
xenstored --daemon --pid-file /run/xen-lite/xenstored.pid
xenconsoled --daemon --pid-file /run/xen-lite/xenconsoled.pid
xld --daemon --pid-file /run/xen-lite/xld.pid
