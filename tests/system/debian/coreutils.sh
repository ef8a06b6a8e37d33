#!/bin/sh
# SPDX-License-Identifier: MIT
# The core utilities at work. Prints what is not as it has to be; ends with "ok coreutils".
failed=0
is() {
	[ "$2" = "$3" ] || { echo "$1: '$2' instead of '$3'"; failed=$((failed + 1)); }
}
ends() {
	want=$1 name=$2
	shift 2
	"$@" >/dev/null 2>&1 </dev/null
	is "$name" $? "$want"
}
dir=$(mktemp -d) && cd "$dir" || exit 1

# One text through many hands.
sum='e071f707df7bbeee2a6a1eb48011ddd0  -'
seq 20000 >n
is cksum "$(cksum <n)" "3231941463 108894"
is sort "$(shuf n | sort -n --parallel=2 -S 64K -T . | md5sum)" "$sum"
is tac "$(tac n | tac | md5sum)" "$sum"
is base64 "$(base64 n | tr -d '\n' | base64 -d | md5sum)" "$sum"
is split "$(split -b 7000 n p. && cat p.* | md5sum)" "$sum"
is csplit "$(csplit -s -f c. n 5001 10001 15001 && cat c.* | md5sum)" "$sum"
is dd "$(dd if=n ibs=13 obs=4000 2>/dev/null | tee t1 t2 | md5sum; cat t1 t2 | wc -c)" "$(printf '%s\n217788' "$sum")"
is od "$(od -An -c -N 6 n | tr -s ' ')" ' 1 \n 2 \n 3 \n'
is uniq "$(cut -c 1 n | sort | uniq -c | sort -rn | head -n 1 | tr -s ' ')" " 11111 1"
is comm "$(head -n 100 n | sort >a; tail -n +51 n | head -n 100 | sort >b; comm -12 a b | wc -l; join a b | wc -l)" \
	"$(printf '50\n50')"
is paste "$(paste -d: a b | fold -w 3 | expand | nl -ba | pr -t | wc -l)" "$(paste -d: a b | fold -w 3 | wc -l)"
is wc "$(wc n | tr -s ' ')" " 20000 20000 108894 n"
is factor "$(factor 1234567890123456789)" "1234567890123456789: 3 3 101 3541 3607 3803 27961"
is b2sum "$(printf abc | b2sum -l 128)" "cf4ab791c62b8d2b2109c90275287816  -"
is sha512sum "$(sha512sum n >s && sha512sum -c s)" "n: OK"

# Files.
mkdir -p d/e/f && cp -a n d/e && ln d/e/n d/link && ln -s e/n d/soft && mkfifo d/fifo && mknod d/null c 1 3
touch -d '2001-02-03 04:05:06 UTC' d/e/f
is stat "$(stat -c '%F %h %s' d/link d/soft d/fifo)" "$(printf 'regular file 2 108894\nsymbolic link 1 3\nfifo 1 0')"
is date "$(date -u -r d/e/f +%F.%T)" "2001-02-03.04:05:06"
cp -a d copy
is ls "$(cd copy && ls -R | md5sum)" "$(cd d && ls -R | md5sum)"
is cp "$(stat -c '%Y %h' copy/e/f copy/link)" "$(stat -c '%Y %h' d/e/f d/link)"
is readlink "$(readlink -f copy/soft)" "$dir/copy/e/n"
is mv "$(mv copy/e/n copy/moved && md5sum <copy/moved)" "$sum"
is truncate "$(truncate -s 1M sparse && du -k sparse | cut -f 1; stat -c %s sparse)" "$(printf '0\n1048576')"
is install "$(install -m 751 n inst && stat -c %a inst)" "751"
is chmod "$(chmod u=rw,go= inst && chown 33:33 inst && stat -c '%a %u %g' inst)" "600 33 33"
shred -n 1 -u inst
is shred "$(test -e inst; echo $?)" "1"
is rm "$(rm -r copy && ls -d copy 2>/dev/null)" ""
(read -r line <d/fifo; echo "$line" >got) &
echo through >d/fifo
wait
is fifo "$(cat got)" "through"

# Processes and signals.
ends 124 timeout timeout 0.2 sleep 20
ends 137 timeout-kill timeout -s KILL 0.2 sleep 20
ends 125 timeout-wrong timeout nonsense sleep 1
ends 127 env env -i nothing-of-that-name
ends 126 not-executable env ./n
ends 143 signalled sh -c 'kill -TERM $$'
ends 1 pipe-closed sh -c 'trap "" PIPE; (sleep 0.1; yes; echo $? >status) | true; exit $(cat status)'
is nice "$(nice -n 7 nice)" "7"
is nohup "$(nohup sh -c 'kill -HUP $$; echo alive' 2>/dev/null)" "alive"
is stdbuf "$(yes | head -n 1000 | stdbuf -oL cat | wc -l)" "1000"
is tail "$(: >log; (for i in 1 2 3; do sleep 0.1; echo $i; done >>log) & tail -f -s 0.05 --pid=$! log | paste -sd '')" \
	"123"
is env "$(env -i A=1 B=2 env | sort | tr '\n' ' ')" "A=1 B=2 "
is id "$(id -u) $(whoami)" "0 root"
is chroot "$(chroot --userspec=33:33 / id -un)" "www-data"
is many "$(for i in $(seq 50); do /usr/bin/true && echo $i; done | tail -n 1)" "50"

cd / && rm -r "$dir"
[ $failed = 0 ] && echo "ok coreutils" || echo "FAILED coreutils: $failed"
