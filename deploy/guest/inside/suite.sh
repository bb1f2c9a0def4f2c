#!/bin/sh
# Runs inside the guest, as root, from the shared folder: every program of
# integration-test, then the check of the systemd units. A program's .status is
# "running" until it has ended, so that a machine that dies tells where.
set -u

host=/host
home=/opt/caisson
results=$host/results
# Emulation is 10 to 20 times slower than a real CPU.
export CAISSON_TEST_TIMEOUT_SCALE=20
export GTEST_COLOR=no GTEST_BRIEF=1
program_limit=1200
failed=0

mkdir -p $home $results
# From here on nothing runs over the shared folder, which is slow.
cp -r $host/bin $host/integration-test $host/deploy $home/
export CAISSON_BIN_DIR=$home/bin

# run NAME COMMAND...: runs one program and keeps its verdict.
run() {
  name=$1
  shift
  echo running > "$results/$name.status"
  start=$(cut -d. -f1 /proc/uptime)
  timeout --kill-after=20 $program_limit "$@" \
    > "/tmp/$name.log" 2>&1 < /dev/null
  status=$?
  cp "/tmp/$name.log" "/tmp/$name.xml" "$results/" 2>/dev/null
  echo $status > "$results/$name.status"
  seconds=$(($(cut -d. -f1 /proc/uptime) - start))
  echo "$name: status $status, $seconds s"
  if [ $status -ne 0 ]; then
    failed=1
    tail -n 40 "/tmp/$name.log"
  fi
}

for program in "$home"/integration-test/*; do
  [ -f "$program" ] || continue
  name=$(basename "$program")
  run "$name" "$program" "--gtest_output=xml:/tmp/$name.xml"
done
run units sh $host/units.sh /tmp/units.xml
exit $failed
