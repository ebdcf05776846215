#!/bin/sh
# Runs in the guest: takes commands from a virtio-serial port, one line each, and answers.
#   host:  run ID SECONDS BASE64-OF-A-SHELL-SCRIPT
#   guest: done ID STATUS BASE64-OF-STDOUT BASE64-OF-STDERR
# A "ready" line says that the agent has started, so the host notices a reboot.
# Only sh and coreutils are used: this must work before anything else of the guest does.
set -u
PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin
export PATH HOME=/root

# The port is found by its name in sysfs: the link below /dev/virtio-ports comes only with udev.
port=
while [ -z "$port" ]; do
    for name in /sys/class/virtio-ports/*/name; do
        if [ "$(cat "$name" 2>/dev/null)" = bootvm.agent ]; then
            port=/dev/$(basename "$(dirname "$name")")
        fi
    done
    [ -c "$port" ] || { port=; sleep 0.2; }
done
exec 3<>"$port"

work=/run/bootvm-agent
mkdir -p "$work"
echo "ready $(cat /proc/sys/kernel/random/boot_id)" >&3
while read -r verb id seconds script <&3; do
    [ "$verb" = run ] || continue
    echo "$script" | base64 -d >"$work/script"
    timeout -k 5 "$seconds" sh "$work/script" </dev/null >"$work/out" 2>"$work/err" 3>&-
    status=$?
    echo "done $id $status $(base64 -w0 "$work/out") $(base64 -w0 "$work/err")" >&3
done
