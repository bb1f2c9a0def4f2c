#!/bin/sh
# Checks the two systemd units inside the guest:  units.sh XML
# They start, a container survives a restart of the daemon, both stop cleanly.
# Writes JUnit XML; exit status 1 when a step failed.
set -u

xml=$1
home=/opt/caisson
root=/tmp/units-root
cases=
failed=0

# step NAME COMMAND...: one test; once a step failed, the others still run.
step() {
  name=$1
  shift
  if output=$("$@" 2>&1); then
    cases="$cases<testcase classname='Units' name='$name'/>"
  else
    failed=1
    echo "$name failed: $output"
    journalctl --no-pager -n 30 -u caissond -u caisson-containers
    cases="$cases<testcase classname='Units' name='$name'><failure
      message='see units.log'/></testcase>"
  fi
}

# until COMMAND...: polls until it succeeds, for a minute of emulated time.
until_true() {
  tries=0
  until "$@"; do
    tries=$((tries + 1))
    [ $tries -lt 300 ] || return 1
    sleep 0.2
  done
}

install_programs() {
  install -m 755 $home/bin/caissond $home/bin/caisson-shim /usr/sbin/ &&
    install -m 755 $home/bin/caisson /usr/bin/ &&
    install -m 644 $home/deploy/*.service /etc/systemd/system/ &&
    mkdir -p $root/bin && cp /bin/busybox $root/bin/ &&
    ln -sf busybox $root/bin/sh && ln -sf busybox $root/bin/sleep &&
    systemctl daemon-reload
}

units_start() {
  systemctl start caissond.service &&
    systemctl is-active caissond.service caisson-containers.service &&
    until_true caisson version
}

container_starts() {
  caisson run -d --name unit-test --network none --rootfs $root sleep 100000 &&
    caisson exec unit-test sh -c 'echo inside' | grep -qx inside
}

container_is_in_the_containers_unit() {
  pid=$(container_pid) &&
    grep -q caisson-containers.service "/proc/$pid/cgroup"
}

container_pid() {
  caisson inspect unit-test | sed -n 's/.*"pid": *"\{0,1\}\([0-9]*\).*/\1/p' |
    head -n 1 | grep .
}

container_survives_daemon_restart() {
  before=$(container_pid) &&
    keeper=$(systemctl show -P MainPID caisson-containers.service) &&
    systemctl restart caissond.service &&
    until_true caisson version &&
    [ "$(container_pid)" = "$before" ] &&
    [ "$(systemctl show -P MainPID caisson-containers.service)" = "$keeper" ] &&
    caisson exec unit-test sh -c 'echo inside' | grep -qx inside
}

# The unit must not have mounts of its own, or nobody else would see the name.
namespace_is_the_hosts() {
  caisson network namespace create unit-lab &&
    ip netns exec unit-lab ip link show lo | grep -q UP &&
    caisson run --rm --network ns:unit-lab --rootfs $root sh -c 'echo inside' |
    grep -qx inside &&
    caisson network namespace rm unit-lab &&
    ! [ -e /run/netns/unit-lab ]
}

container_is_removed() {
  caisson rm -f unit-test && caisson system audit
}

units_stop() {
  systemctl stop caissond.service caisson-containers.service &&
    ! systemctl is-failed caissond.service &&
    ! systemctl is-failed caisson-containers.service &&
    ! [ -e /sys/fs/cgroup/system.slice/caisson-containers.service ]
}

units_start_again() {
  systemctl start caissond.service && until_true caisson version &&
    systemctl stop caissond.service caisson-containers.service
}

step Install install_programs
step Start units_start
step RunAndExec container_starts
step ContainerIsInTheContainersUnit container_is_in_the_containers_unit
step ContainerSurvivesDaemonRestart container_survives_daemon_restart
step NamespaceIsTheHosts namespace_is_the_hosts
step RemoveAndAudit container_is_removed
step Stop units_stop
step StartAgain units_start_again
echo "<testsuites><testsuite name='Units'>$cases</testsuite></testsuites>" > "$xml"
exit $failed
