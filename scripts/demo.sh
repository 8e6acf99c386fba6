#!/bin/sh
# The whole road on a simulated RDS: 72 databases, four waves, two reports.
# Needs bin/rdsupgrade and bin/rdssim; writes to out/.
set -u
cd "$(dirname "$0")/.."
out=${OUT:-out}
rm -rf "$out"
mkdir -p "$out"

# Credentials of the simulation: the account is part of the key's name.
export AWS_ACCESS_KEY_ID=AKIASIM111122223333 AWS_SECRET_ACCESS_KEY=simulated AWS_EC2_METADATA_DISABLED=true
export AWS_CONFIG_FILE=/dev/null AWS_SHARED_CREDENTIALS_FILE=/dev/null
unset AWS_PROFILE AWS_SESSION_TOKEN AWS_ENDPOINT_URL AWS_ENDPOINT_URL_RDS AWS_ENDPOINT_URL_STS
export RDSUPGRADE_DEMO_PASSWORD=simulated RDSSIM_MYSQL_PASSWORD=simulated

bin/rdssim --fleet plans/demo-fleet.yaml --faults plans/demo-faults.yaml --speed 2400 >"$out/rdssim.out" 2>"$out/rdssim.log" &
sim=$!
trap 'kill $sim 2>/dev/null; wait $sim 2>/dev/null' EXIT
trap 'exit 130' INT TERM
n=0
until grep -q '^rds: ' "$out/rdssim.out" 2>/dev/null; do
	n=$((n + 1))
	if ! kill -0 $sim 2>/dev/null || [ $n -gt 100 ]; then
		echo "the simulated RDS did not start:" >&2
		cat "$out/rdssim.log" >&2
		exit 2
	fi
	sleep 0.1
done
url=$(sed -n 's/^rds: //p' "$out/rdssim.out")

rdsupgrade() {
	bin/rdsupgrade "$@" plans/demo.yaml --endpoint-url "$url" --state-dir "$out/state" --log-file "$out/rdsupgrade.log"
}
title() { printf '\n== %s\n' "$1"; }
# Findings and blocked databases (1) are part of the story; anything else is a failure.
quiet() {
	"$@"
	code=$?
	if [ $code -gt 1 ]; then
		echo "demo: $* ended with exit code $code" >&2
		exit $code
	fi
}
step() {
	title "$1"
	shift
	quiet "$@"
}

step "1. validate the plan, offline" bin/rdsupgrade validate plans/demo.yaml
title "2. plan: what would happen (whole text in $out/plan.txt)"
quiet rdsupgrade plan >"$out/plan.txt"
sed -n '1,8p' "$out/plan.txt"
echo "..."
sed -n '/^  block/p' "$out/plan.txt"
title "3. precheck: the audit over SQL (whole text in $out/precheck.txt)"
quiet rdsupgrade precheck >"$out/precheck.txt" 2>"$out/precheck.log"
grep -c ': ready' "$out/precheck.txt" | sed 's/$/ databases are ready/'
grep ': blocked' "$out/precheck.txt"
step "4. run: all waves" rdsupgrade run
title "5. run again: nothing is done twice"
rdsupgrade run >"$out/second-run.txt" 2>&1 || { cat "$out/second-run.txt"; exit 2; }
tail -n 1 "$out/second-run.txt"
title "6. cleanup: what is left behind, until when, and what it costs (whole text in $out/cleanup.txt)"
quiet rdsupgrade cleanup >"$out/cleanup.txt"
cut -c1-110 "$out/cleanup.txt" | sed -n '1,4p'
echo "..."
tail -n 1 "$out/cleanup.txt"
title "7. reports"
for kind in compliance rollback precheck; do
	for ext in html json md txt; do
		format=$ext
		[ $ext = txt ] && format=text
		rdsupgrade report --kind $kind --format $format --out "$out/$kind.$ext" 2>>"$out/report.log" || exit 2
	done
done
rdsupgrade report --kind evidence --out "$out/evidence.json" 2>>"$out/report.log" || exit 2
bin/rdsupgrade audit verify --state-dir "$out/state" || exit 2
cat <<EOF

The campaign is over. What was blocked stays blocked, with its reason:
  $out/compliance.html   who is on what, until when, and what each day costs
  $out/rollback.html     what was undone, what still can be, and what would be lost
  $out/precheck.html     findings across the fleet
  $out/state/journal.jsonl  the evidence: every call announced before, recorded after
EOF
